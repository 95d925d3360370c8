"""Finds what stands still although something waits, and says so."""
