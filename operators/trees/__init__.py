"""Incremental decision trees."""
