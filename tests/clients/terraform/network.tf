# The publisher's network: everything of a VPC that a configuration can name, the defaults that came with it too.

data "aws_availability_zones" "publisher" {
  provider = aws.publisher
  state    = "available"
}

resource "aws_vpc" "publisher" {
  provider             = aws.publisher
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = var.changed ? "renamed" : "publisher" }
}

resource "aws_default_security_group" "publisher" {
  provider = aws.publisher
  vpc_id   = aws_vpc.publisher.id

  dynamic "ingress" {
    for_each = var.changed ? [443] : []
    content {
      protocol  = "tcp"
      from_port = ingress.value
      to_port   = ingress.value
      self      = true
    }
  }
}

resource "aws_default_network_acl" "publisher" {
  provider               = aws.publisher
  default_network_acl_id = aws_vpc.publisher.default_network_acl_id

  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = var.changed ? "10.0.0.0/8" : "0.0.0.0/0"
  }

  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = "0.0.0.0/0"
  }

  lifecycle {
    ignore_changes = [subnet_ids]
  }
}

resource "aws_default_route_table" "publisher" {
  provider               = aws.publisher
  default_route_table_id = aws_vpc.publisher.default_route_table_id
  tags                   = { Name = var.changed ? "renamed" : "default" }
}

resource "aws_subnet" "publisher" {
  provider                = aws.publisher
  count                   = 2
  vpc_id                  = aws_vpc.publisher.id
  cidr_block              = cidrsubnet(aws_vpc.publisher.cidr_block, 8, count.index)
  availability_zone       = data.aws_availability_zones.publisher.names[count.index]
  map_public_ip_on_launch = var.changed
}

resource "aws_internet_gateway" "publisher" {
  provider = aws.publisher
  vpc_id   = aws_vpc.publisher.id
  tags     = { Name = var.changed ? "renamed" : "publisher" }
}

resource "aws_route_table" "inline" {
  provider = aws.publisher
  vpc_id   = aws_vpc.publisher.id

  route {
    cidr_block = var.changed ? "192.0.2.0/24" : "198.51.100.0/24"
    gateway_id = aws_internet_gateway.publisher.id
  }
}

resource "aws_route_table" "public" {
  provider = aws.publisher
  vpc_id   = aws_vpc.publisher.id
  tags     = { Name = var.changed ? "renamed" : "public" }
}

resource "aws_route" "internet" {
  provider               = aws.publisher
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = var.changed ? null : aws_internet_gateway.publisher.id
  network_interface_id   = var.changed ? aws_network_interface.server.id : null
}

resource "aws_route_table_association" "public" {
  provider       = aws.publisher
  subnet_id      = aws_subnet.publisher[0].id
  route_table_id = var.changed ? aws_route_table.inline.id : aws_route_table.public.id
}

resource "aws_network_acl" "publisher" {
  provider   = aws.publisher
  vpc_id     = aws_vpc.publisher.id
  subnet_ids = [aws_subnet.publisher[1].id]
  tags       = { Name = var.changed ? "renamed" : "publisher" }
}

resource "aws_network_acl_rule" "publisher" {
  provider       = aws.publisher
  network_acl_id = aws_network_acl.publisher.id
  rule_number    = 100
  egress         = false
  protocol       = "tcp"
  rule_action    = "allow"
  cidr_block     = "10.0.0.0/8"
  from_port      = 8000
  to_port        = 8100
}

resource "aws_security_group" "balancer" {
  provider    = aws.publisher
  name        = "balancer"
  description = "What may reach the load balancer"
  vpc_id      = aws_vpc.publisher.id
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  provider          = aws.publisher
  security_group_id = aws_security_group.balancer.id
  description       = var.changed ? "described anew" : "described"
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 8000
  to_port           = 8000
  tags              = { Name = "ingress" }
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  provider                     = aws.publisher
  security_group_id            = aws_security_group.balancer.id
  referenced_security_group_id = aws_security_group.servers.id
  ip_protocol                  = "-1"
  description                  = var.changed ? "described anew" : null
}

resource "aws_security_group_rule" "balancer" {
  provider          = aws.publisher
  type              = "ingress"
  security_group_id = aws_security_group.balancer.id
  description       = var.changed ? "described anew" : "described"
  protocol          = "tcp"
  from_port         = 9000
  to_port           = 9000
  self              = true
}

resource "aws_security_group" "servers" {
  provider    = aws.publisher
  name_prefix = "servers-"
  description = "What may reach the servers"
  vpc_id      = aws_vpc.publisher.id

  ingress {
    description = "The application"
    protocol    = "tcp"
    from_port   = 8080
    to_port     = var.changed ? 8081 : 8080
    cidr_blocks = [aws_vpc.publisher.cidr_block]
  }

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}
