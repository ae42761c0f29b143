# The account that publishes: a network, servers behind a load balancer, and the service.

data "aws_availability_zones" "provider" {
  provider = aws.provider
  state    = "available"
}

data "aws_caller_identity" "provider" {
  provider = aws.provider
}

resource "aws_vpc" "provider" {
  provider             = aws.provider
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = var.changed ? "renamed" : "provider" }
}

resource "aws_subnet" "provider" {
  provider                = aws.provider
  count                   = 2
  vpc_id                  = aws_vpc.provider.id
  cidr_block              = cidrsubnet(aws_vpc.provider.cidr_block, 8, count.index)
  availability_zone       = data.aws_availability_zones.provider.names[count.index]
  map_public_ip_on_launch = var.changed
}

resource "aws_security_group" "balancer" {
  provider    = aws.provider
  name        = "balancer"
  description = "What may reach the load balancer"
  vpc_id      = aws_vpc.provider.id
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  provider          = aws.provider
  security_group_id = aws_security_group.balancer.id
  description       = var.changed ? "described anew" : "described"
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 8000
  to_port           = 8000
  tags              = { Name = "ingress" }
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  provider                     = aws.provider
  security_group_id            = aws_security_group.balancer.id
  referenced_security_group_id = aws_security_group.servers.id
  ip_protocol                  = "-1"
}

resource "aws_security_group" "servers" {
  provider    = aws.provider
  name_prefix = "servers-"
  description = "What may reach the servers"
  vpc_id      = aws_vpc.provider.id

  ingress {
    description = "The application"
    protocol    = "tcp"
    from_port   = 8080
    to_port     = var.changed ? 8081 : 8080
    cidr_blocks = [aws_vpc.provider.cidr_block]
  }

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group_rule" "servers" {
  provider          = aws.provider
  type              = "ingress"
  security_group_id = aws_security_group.balancer.id
  protocol          = "tcp"
  from_port         = 9000
  to_port           = 9000
  self              = true
}

resource "aws_network_interface" "server" {
  provider        = aws.provider
  subnet_id       = aws_subnet.provider[0].id
  private_ips     = ["10.0.0.10"]
  security_groups = [aws_security_group.servers.id]
  description     = var.changed ? "the server, still" : "the server"
}

resource "aws_lb" "this" {
  provider                         = aws.provider
  name                             = "published"
  load_balancer_type               = "network"
  internal                         = true
  security_groups                  = [aws_security_group.balancer.id]
  enable_cross_zone_load_balancing = var.changed

  enforce_security_group_inbound_rules_on_private_link_traffic = "off"

  dynamic "subnet_mapping" {
    for_each = aws_subnet.provider
    content {
      subnet_id            = subnet_mapping.value.id
      private_ipv4_address = cidrhost(subnet_mapping.value.cidr_block, 100)
    }
  }
}

resource "aws_lb_target_group" "this" {
  provider             = aws.provider
  name                 = "published"
  target_type          = "ip"
  protocol             = "TCP"
  port                 = 8080
  vpc_id               = aws_vpc.provider.id
  proxy_protocol_v2    = var.changed
  deregistration_delay = var.changed ? 30 : 60

  health_check {
    protocol            = "TCP"
    interval            = 10
    healthy_threshold   = var.changed ? 3 : 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_target_group_attachment" "this" {
  provider         = aws.provider
  target_group_arn = aws_lb_target_group.this.arn
  target_id        = aws_network_interface.server.private_ip
  port             = 8080
}

resource "aws_lb_listener" "this" {
  provider                 = aws.provider
  load_balancer_arn        = aws_lb.this.arn
  protocol                 = "TCP"
  port                     = 8000
  tcp_idle_timeout_seconds = var.changed ? 120 : 350

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_vpc_endpoint_service" "this" {
  provider                   = aws.provider
  acceptance_required        = true
  network_load_balancer_arns = [aws_lb.this.arn]
  private_dns_name           = var.changed ? "db.example.com" : "api.example.com"
  tags                       = { Name = var.changed ? "renamed" : "published" }
}

resource "aws_vpc_endpoint_service_private_dns_verification" "this" {
  provider              = aws.provider
  service_id            = aws_vpc_endpoint_service.this.id
  wait_for_verification = false
}

resource "aws_vpc_endpoint_service_allowed_principal" "consumer" {
  provider                = aws.provider
  vpc_endpoint_service_id = aws_vpc_endpoint_service.this.id
  principal_arn           = "arn:aws:iam::${data.aws_caller_identity.consumer.account_id}:root"
}

resource "aws_vpc_endpoint_connection_accepter" "this" {
  provider                = aws.provider
  vpc_endpoint_service_id = aws_vpc_endpoint_service.this.id
  vpc_endpoint_id         = aws_vpc_endpoint.this.id
}
