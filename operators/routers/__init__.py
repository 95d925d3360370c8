"""Routers: who of a mixture's experts answers."""
