"""Checkpoints: their format, and the store that keeps them."""
