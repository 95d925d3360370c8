"""Learners that answer by likeness to records seen."""
