"""The bench: our learners beside their peers, on the same records, and what came of it."""
