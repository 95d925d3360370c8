"""What has changed, since when, and how sure that is."""
