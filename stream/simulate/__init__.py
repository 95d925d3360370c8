"""Deterministic simulation: whole workers over a simulated log, clock and disk.

One seed makes one history: inputs, workers, and what befalls them. See docs/simulation.md.
"""
