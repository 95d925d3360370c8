"""Several models over the same records: the runs, and the leaderboard that is made of them."""
