"""Probabilistic models without trees."""
