"""Drift detectors beside their peers: streams with known drifts, sweeps, delays, tables."""
