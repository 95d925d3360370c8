"""Monitors: whether features and predictions are still what they were, without labels."""
