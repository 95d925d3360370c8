"""The worker: polls, steps its partition tasks, commits, and restores what it is given."""
