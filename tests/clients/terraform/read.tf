# Every data source of this field, each looking up what the configuration made, by what people look it up by.

# The accepter waits until the endpoint is available, so that its interfaces are there to be read.
# Which of them is the first, once there are two, is up to their ids.
data "aws_network_interface" "endpoint" {
  provider   = aws.consumer
  id         = one(slice(tolist(aws_vpc_endpoint.this.network_interface_ids), 0, 1))
  depends_on = [aws_vpc_endpoint_connection_accepter.this]
}

data "aws_vpc_endpoint" "this" {
  provider   = aws.consumer
  vpc_id     = aws_vpc.consumer.id
  id         = aws_vpc_endpoint.this.id
  state      = "available"
  depends_on = [aws_vpc_endpoint_connection_accepter.this]
}

data "aws_vpc" "publisher" {
  provider = aws.publisher

  filter {
    name   = "vpc-id"
    values = [aws_vpc.publisher.id]
  }
}

data "aws_vpcs" "default" {
  provider = aws.publisher

  filter {
    name   = "is-default"
    values = ["true"]
  }
}

data "aws_subnets" "publisher" {
  provider = aws.publisher

  filter {
    name   = "vpc-id"
    values = [aws_vpc.publisher.id]
  }

  tags       = { side = "publisher" }
  depends_on = [aws_subnet.publisher]
}

data "aws_subnet" "publisher" {
  provider          = aws.publisher
  vpc_id            = aws_vpc.publisher.id
  availability_zone = aws_subnet.publisher[1].availability_zone
}

data "aws_security_group" "servers" {
  provider = aws.publisher
  name     = aws_security_group.servers.name
  vpc_id   = aws_vpc.publisher.id
}

data "aws_security_groups" "publisher" {
  provider = aws.publisher

  filter {
    name   = "vpc-id"
    values = [aws_security_group.servers.vpc_id]
  }
}

data "aws_vpc_security_group_rules" "balancer" {
  provider = aws.publisher

  filter {
    name   = "group-id"
    values = [aws_vpc_security_group_ingress_rule.balancer.security_group_id]
  }
}

data "aws_network_interfaces" "servers" {
  provider = aws.publisher

  filter {
    name   = "group-id"
    values = [aws_security_group.servers.id]
  }

  depends_on = [aws_network_interface.server, aws_instance.server]
}

data "aws_instance" "server" {
  provider    = aws.publisher
  instance_id = aws_instance.server.id
}

data "aws_route_table" "public" {
  provider  = aws.publisher
  subnet_id = aws_route_table_association.public.subnet_id
}

data "aws_route_tables" "publisher" {
  provider   = aws.publisher
  vpc_id     = aws_vpc.publisher.id
  depends_on = [aws_route_table.public, aws_route_table.inline]
}

data "aws_route" "internet" {
  provider               = aws.publisher
  route_table_id         = aws_route.internet.route_table_id
  destination_cidr_block = "0.0.0.0/0"
}

data "aws_internet_gateway" "publisher" {
  provider = aws.publisher

  filter {
    name   = "attachment.vpc-id"
    values = [aws_internet_gateway.publisher.vpc_id]
  }
}

data "aws_network_acls" "publisher" {
  provider   = aws.publisher
  vpc_id     = aws_vpc.publisher.id
  depends_on = [aws_network_acl.publisher]
}

data "aws_ec2_instance_type" "server" {
  provider      = aws.publisher
  instance_type = aws_instance.server.instance_type
}

data "aws_lb" "this" {
  provider = aws.publisher
  name     = aws_lb.this.name
}

data "aws_lbs" "publisher" {
  provider   = aws.publisher
  depends_on = [aws_lb.this]
}

data "aws_lb_target_group" "addresses" {
  provider = aws.publisher
  name     = aws_lb_target_group.addresses.name
}

data "aws_lb_listener" "addresses" {
  provider          = aws.publisher
  load_balancer_arn = aws_lb.this.arn
  port              = aws_lb_listener.addresses.port
}

data "aws_sns_topic" "connections" {
  provider = aws.publisher
  name     = aws_sns_topic.connections.name
}

data "aws_iam_role" "server" {
  provider = aws.publisher
  name     = aws_iam_role.server.name
}

data "aws_iam_user" "consumer" {
  provider  = aws.consumer
  user_name = aws_iam_user.consumer.name
}

data "aws_iam_instance_profile" "server" {
  provider = aws.publisher
  name     = aws_iam_instance_profile.server.name
}

data "aws_regions" "all" {
  provider = aws.publisher
}

output "seen" {
  value = {
    address         = startswith(data.aws_network_interface.endpoint.private_ip, "10.0.")
    endpoint        = data.aws_vpc_endpoint.this.state
    service         = data.aws_vpc_endpoint_service.published.service_id == aws_vpc_endpoint_service.this.id
    vpc             = data.aws_vpc.publisher.main_route_table_id == aws_default_route_table.publisher.id
    subnets         = toset(data.aws_subnets.publisher.ids) == toset(aws_subnet.publisher[*].id)
    subnet          = data.aws_subnet.publisher.id == aws_subnet.publisher[1].id
    group           = data.aws_security_group.servers.id == aws_security_group.servers.id
    instance        = data.aws_instance.server.private_ip == aws_instance.server.private_ip
    instance_public = aws_instance.server.public_ip
    route_table     = data.aws_route_table.public.id == aws_route_table_association.public.route_table_id
    route           = data.aws_route.internet.gateway_id
    gateway         = data.aws_internet_gateway.publisher.id == aws_internet_gateway.publisher.id
    balancer        = data.aws_lb.this.dns_name == aws_lb.this.dns_name
    target_group    = data.aws_lb_target_group.addresses.arn == aws_lb_target_group.addresses.arn
    listener        = data.aws_lb_listener.addresses.arn == aws_lb_listener.addresses.arn
    topic           = data.aws_sns_topic.connections.arn == aws_sns_topic.connections.arn
  }
}
