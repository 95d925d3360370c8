"""What stands between a row and a learner: imputing, standardising, encoding."""
