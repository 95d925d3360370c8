"""Drift events: collected from operators, put into words, joined to episodes."""
