"""Evaluations as one HTML file that can be sent to a colleague: pure functions to text."""
