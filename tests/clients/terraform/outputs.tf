output "service" {
  value = aws_vpc_endpoint_service.this
}

output "endpoint" {
  value = aws_vpc_endpoint.this
}

output "seen_service" {
  value = data.aws_vpc_endpoint_service.published
}

output "endpoint_address" {
  value = data.aws_network_interface.endpoint.private_ip
}

output "zones" {
  value = {
    provider = data.aws_availability_zones.provider.names
    consumer = data.aws_availability_zones.consumer.names
  }
}
