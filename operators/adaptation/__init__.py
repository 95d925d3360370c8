"""What is done about a drift, and whether it helped."""
