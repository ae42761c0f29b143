# What the test changes between two applies, so that every update is one in place.

variable "changed" {
  type    = bool
  default = false
}

variable "other_service_name" {
  description = "A service that stands already, so that what waits for minutes inside the provider need not wait for the load balancer as well."
  type        = string
}
