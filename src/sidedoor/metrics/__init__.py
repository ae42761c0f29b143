"""What was counted, minute by minute: kept for 15 days, and told in CloudWatch's names."""
