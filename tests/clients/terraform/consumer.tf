# The account that connects: a network with the same CIDR, an endpoint, and what belongs to one.

data "aws_availability_zones" "consumer" {
  provider = aws.consumer
  state    = "available"

  # An account's names of the zones are its own; the ids are everybody's.
  filter {
    name   = "zone-id"
    values = data.aws_availability_zones.publisher.zone_ids
  }
}

data "aws_caller_identity" "consumer" {
  provider = aws.consumer
}

data "aws_vpc_endpoint_service" "published" {
  provider     = aws.consumer
  service_name = aws_vpc_endpoint_service.this.service_name
  depends_on   = [aws_vpc_endpoint_service_allowed_principal.consumer]
}

data "aws_vpc_endpoint_service" "other" {
  provider     = aws.consumer
  service_name = var.other_service_name
}

resource "aws_vpc" "consumer" {
  provider             = aws.consumer
  cidr_block           = "10.0.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true
}

resource "aws_subnet" "consumer" {
  provider             = aws.consumer
  count                = 2
  vpc_id               = aws_vpc.consumer.id
  cidr_block           = cidrsubnet(aws_vpc.consumer.cidr_block, 8, count.index)
  availability_zone_id = data.aws_availability_zones.publisher.zone_ids[count.index]
}

resource "aws_route_table" "main" {
  provider = aws.consumer
  vpc_id   = aws_vpc.consumer.id
}

resource "aws_main_route_table_association" "consumer" {
  provider       = aws.consumer
  vpc_id         = aws_vpc.consumer.id
  route_table_id = aws_route_table.main.id
}

resource "aws_security_group" "endpoint" {
  provider = aws.consumer
  count    = 2
  name     = "endpoint-${count.index}"
  vpc_id   = aws_vpc.consumer.id
}

resource "aws_vpc_endpoint" "this" {
  provider           = aws.consumer
  vpc_id             = aws_vpc.consumer.id
  vpc_endpoint_type  = "Interface"
  service_name       = data.aws_vpc_endpoint_service.published.service_name
  subnet_ids         = var.changed ? aws_subnet.consumer[*].id : [aws_subnet.consumer[0].id]
  security_group_ids = [aws_security_group.endpoint[var.changed ? 1 : 0].id]
  tags               = { Name = var.changed ? "renamed" : "connected" }
}

# Its subnet, its group and its policy come as resources of their own.
resource "aws_vpc_endpoint" "other" {
  provider          = aws.consumer
  vpc_id            = aws_vpc.consumer.id
  vpc_endpoint_type = "Interface"
  service_name      = data.aws_vpc_endpoint_service.other.service_name

  lifecycle {
    ignore_changes = [policy, security_group_ids, subnet_ids]
  }
}

resource "aws_vpc_endpoint_subnet_association" "other" {
  provider        = aws.consumer
  vpc_endpoint_id = aws_vpc_endpoint.other.id
  subnet_id       = aws_subnet.consumer[1].id
}

resource "aws_vpc_endpoint_security_group_association" "other" {
  provider                    = aws.consumer
  vpc_endpoint_id             = aws_vpc_endpoint.other.id
  security_group_id           = aws_security_group.endpoint[1].id
  replace_default_association = true
}

resource "aws_vpc_endpoint_policy" "other" {
  provider        = aws.consumer
  vpc_endpoint_id = aws_vpc_endpoint.other.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "*", Resource = var.changed ? "arn:aws:s3:::a" : "*" }]
  })
}

resource "aws_sns_topic" "endpoint" {
  provider = aws.consumer
  name     = "endpoint"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "vpce.amazonaws.com" }, Action = "SNS:Publish", Resource = "*" }]
  })
}

resource "aws_vpc_endpoint_connection_notification" "endpoint" {
  provider                    = aws.consumer
  vpc_endpoint_id             = aws_vpc_endpoint.this.id
  connection_notification_arn = aws_sns_topic.endpoint.arn
  connection_events           = var.changed ? ["Delete"] : ["Delete", "Reject"]
}

resource "aws_iam_user" "consumer" {
  provider = aws.consumer
  name     = "consumer"
  tags     = { Name = var.changed ? "renamed" : "consumer" }
}

resource "aws_iam_access_key" "consumer" {
  provider = aws.consumer
  user     = aws_iam_user.consumer.name
  status   = var.changed ? "Inactive" : "Active"
}

resource "aws_iam_user_policy" "consumer" {
  provider = aws.consumer
  name     = "connecting"
  user     = aws_iam_user.consumer.name
  policy   = data.aws_iam_policy_document.connecting.json
}
