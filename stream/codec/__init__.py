"""Reads records and writes predictions: bytes to columns, and columns to bytes."""
