"""Drift whose truth is known: streams, and how well it is seen and named."""
