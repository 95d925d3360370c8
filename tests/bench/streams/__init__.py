"""Streams to measure on: what they are made of, and where in them the concept changes."""
