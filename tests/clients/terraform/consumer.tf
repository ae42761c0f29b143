# The account that connects: a network with the same CIDR, an endpoint, and what belongs to one.

data "aws_availability_zones" "consumer" {
  provider = aws.consumer
  state    = "available"

  # An account's names of the zones are its own; the ids are everybody's.
  filter {
    name   = "zone-id"
    values = data.aws_availability_zones.provider.zone_ids
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
  availability_zone_id = data.aws_availability_zones.provider.zone_ids[count.index]
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

# The accepter waits until the endpoint is available, so that its interfaces are there to be read.
data "aws_network_interface" "endpoint" {
  provider   = aws.consumer
  id         = one(slice(tolist(aws_vpc_endpoint.this.network_interface_ids), 0, 1))
  depends_on = [aws_vpc_endpoint_connection_accepter.this]
}
