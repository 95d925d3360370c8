"""Data files as streams of events and labels, for `evaluate`, `topics load` and `init`."""

from stream.datasets.events import all_of, to_pieces
from stream.datasets.tables import Table, open_table

__all__ = ["Table", "all_of", "open_table", "to_pieces"]
