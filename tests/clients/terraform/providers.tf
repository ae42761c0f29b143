# Two accounts, as two aliases of one provider. Nothing but the endpoints differs from a configuration for AWS.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "url" {
  type = string
}

provider "aws" {
  alias      = "publisher"
  region     = "us-east-1"
  access_key = "111111111111"
  secret_key = "anything"

  default_tags {
    tags = { side = "publisher" }
  }

  endpoints {
    ec2   = var.url
    elbv2 = var.url
    iam   = var.url
    sns   = var.url
    sts   = var.url
  }
}

provider "aws" {
  alias      = "consumer"
  region     = "us-east-1"
  access_key = "222222222222"
  secret_key = "anything"

  endpoints {
    ec2   = var.url
    elbv2 = var.url
    iam   = var.url
    sns   = var.url
    sts   = var.url
  }
}
