"""What an operator lets one environment take, so that no tenant has more than its share."""
