"""Data files as streams of events and labels, for `evaluate`, `topics load` and `init`."""

from stream.datasets.events import to_events
from stream.datasets.tables import Table, read_rows

__all__ = ["Table", "read_rows", "to_events"]
