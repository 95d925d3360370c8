"""Moves records: logs, codecs, the partition task, its recovery, and the command line."""

__version__ = "0.1.0"
