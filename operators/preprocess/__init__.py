"""What stands between a record and a learner: windows and lags, hashes, imputing, encoding."""
