"""Linear models over encoded records."""
