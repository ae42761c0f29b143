# The account that publishes: servers behind a load balancer, the service, and a topic that hears of its connections.

data "aws_caller_identity" "publisher" {
  provider = aws.publisher
}

data "aws_region" "publisher" {
  provider = aws.publisher
}

data "aws_ami" "server" {
  provider    = aws.publisher
  most_recent = true
  owners      = ["amazon"]

  filter {
    name   = "name"
    values = ["al2023-ami-2023*-x86_64"]
  }
}

data "aws_iam_policy_document" "assume" {
  provider = aws.publisher

  statement {
    sid     = var.changed ? "Changed" : "First"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "connecting" {
  provider = aws.publisher

  statement {
    actions   = var.changed ? ["ec2:*VpcEndpoint*", "ec2:DescribeVpcs"] : ["ec2:*VpcEndpoint*"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "server" {
  provider           = aws.publisher
  name               = "server"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "server" {
  provider = aws.publisher
  name     = "connecting"
  role     = aws_iam_role.server.id
  policy   = data.aws_iam_policy_document.connecting.json
}

resource "aws_iam_policy" "connecting" {
  provider = aws.publisher
  name     = "connecting"
  policy   = data.aws_iam_policy_document.connecting.json
}

resource "aws_iam_role_policy_attachment" "server" {
  provider   = aws.publisher
  role       = aws_iam_role.server.name
  policy_arn = aws_iam_policy.connecting.arn
}

resource "aws_iam_instance_profile" "server" {
  provider = aws.publisher
  name     = "server"
  role     = aws_iam_role.server.name
}

resource "aws_instance" "server" {
  provider                    = aws.publisher
  ami                         = data.aws_ami.server.id
  instance_type               = "t3.micro"
  subnet_id                   = aws_subnet.publisher[0].id
  vpc_security_group_ids      = [aws_security_group.servers.id]
  associate_public_ip_address = true
  iam_instance_profile        = aws_iam_instance_profile.server.name
  disable_api_stop            = var.changed
  user_data                   = "#!/bin/sh\nexec python3 -m http.server 8080\n"
  tags                        = { Name = var.changed ? "renamed" : "server" }

  metadata_options {
    http_tokens = "required"
  }
}

resource "aws_network_interface" "server" {
  provider        = aws.publisher
  subnet_id       = aws_subnet.publisher[0].id
  private_ips     = ["10.0.0.10"]
  security_groups = [aws_security_group.servers.id]
  description     = var.changed ? "the server, still" : "the server"
}

resource "aws_lb" "this" {
  provider                         = aws.publisher
  name                             = "published"
  load_balancer_type               = "network"
  internal                         = true
  security_groups                  = [aws_security_group.balancer.id]
  enable_cross_zone_load_balancing = var.changed

  enforce_security_group_inbound_rules_on_private_link_traffic = "off"

  dynamic "subnet_mapping" {
    for_each = aws_subnet.publisher
    content {
      subnet_id            = subnet_mapping.value.id
      private_ipv4_address = cidrhost(subnet_mapping.value.cidr_block, 100)
    }
  }
}

resource "aws_lb_target_group" "addresses" {
  provider             = aws.publisher
  name                 = "addresses"
  target_type          = "ip"
  protocol             = "TCP"
  port                 = 8080
  vpc_id               = aws_vpc.publisher.id
  proxy_protocol_v2    = var.changed
  deregistration_delay = var.changed ? 30 : 60

  health_check {
    protocol            = "TCP"
    interval            = 10
    healthy_threshold   = var.changed ? 3 : 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_target_group_attachment" "address" {
  provider         = aws.publisher
  target_group_arn = aws_lb_target_group.addresses.arn
  target_id        = aws_network_interface.server.private_ip
  port             = 8080
}

resource "aws_lb_target_group" "instances" {
  provider           = aws.publisher
  name_prefix        = "inst-"
  protocol           = "TCP"
  port               = 8080
  vpc_id             = aws_vpc.publisher.id
  preserve_client_ip = var.changed
}

resource "aws_lb_target_group_attachment" "instance" {
  provider         = aws.publisher
  target_group_arn = aws_lb_target_group.instances.arn
  target_id        = aws_instance.server.id
}

resource "aws_lb_listener" "addresses" {
  provider                 = aws.publisher
  load_balancer_arn        = aws_lb.this.arn
  protocol                 = "TCP"
  port                     = 8000
  tcp_idle_timeout_seconds = var.changed ? 120 : 350

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.addresses.arn
  }
}

resource "aws_lb_listener" "instances" {
  provider          = aws.publisher
  load_balancer_arn = aws_lb.this.arn
  protocol          = "TCP"
  port              = var.changed ? 8002 : 8001

  # The same in the form that modules use for several target groups.
  default_action {
    type  = "forward"
    order = 1

    forward {
      target_group {
        arn    = aws_lb_target_group.instances.arn
        weight = 1
      }
    }
  }
}

resource "aws_vpc_endpoint_service" "this" {
  provider                   = aws.publisher
  acceptance_required        = true
  network_load_balancer_arns = [aws_lb.this.arn]
  private_dns_name           = var.changed ? "db.example.com" : "api.example.com"
  tags                       = { Name = var.changed ? "renamed" : "published" }
}

resource "aws_vpc_endpoint_service_private_dns_verification" "this" {
  provider              = aws.publisher
  service_id            = aws_vpc_endpoint_service.this.id
  wait_for_verification = false
}

resource "aws_vpc_endpoint_service_allowed_principal" "consumer" {
  provider                = aws.publisher
  vpc_endpoint_service_id = aws_vpc_endpoint_service.this.id
  principal_arn           = "arn:aws:iam::${data.aws_caller_identity.consumer.account_id}:root"
}

resource "aws_vpc_endpoint_connection_accepter" "this" {
  provider                = aws.publisher
  vpc_endpoint_service_id = aws_vpc_endpoint_service.this.id
  vpc_endpoint_id         = aws_vpc_endpoint.this.id
}

resource "aws_sns_topic" "connections" {
  provider     = aws.publisher
  name         = "connections"
  display_name = var.changed ? "renamed" : "connections"
}

data "aws_iam_policy_document" "topic" {
  provider = aws.publisher

  statement {
    sid       = var.changed ? "Changed" : "First"
    actions   = ["SNS:Publish"]
    resources = [aws_sns_topic.connections.arn]

    principals {
      type        = "Service"
      identifiers = ["vpce.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "connections" {
  provider = aws.publisher
  arn      = aws_sns_topic.connections.arn
  policy   = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "queue" {
  provider             = aws.publisher
  topic_arn            = aws_sns_topic.connections.arn
  protocol             = "sqs"
  endpoint             = "arn:aws:sqs:us-east-1:${data.aws_caller_identity.publisher.account_id}:connections"
  raw_message_delivery = var.changed
}

resource "aws_vpc_endpoint_connection_notification" "service" {
  provider                    = aws.publisher
  vpc_endpoint_service_id     = aws_vpc_endpoint_service.this.id
  connection_notification_arn = aws_sns_topic.connections.arn
  connection_events           = var.changed ? ["Accept", "Connect", "Reject"] : ["Accept", "Reject"]
  depends_on                  = [aws_sns_topic_policy.connections]
}
