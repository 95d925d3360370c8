"""The log inside the process: topics, partitions, offsets and transactions in one SQLite file."""

from stream.log.embedded.admin import EmbeddedAdmin
from stream.log.embedded.log import EmbeddedLog

__all__ = ["EmbeddedAdmin", "EmbeddedLog"]
