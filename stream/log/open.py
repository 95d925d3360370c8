"""Opens the log that a configuration names; Kafka's client is imported only where it is used."""

from __future__ import annotations

from stream.config import Config, EmbeddedLog, KafkaLog
from stream.log.base import Log, LogAdmin


def group_name(config: Config) -> str:
    """Name of the consumer group: `log.group`, or the app's name."""
    group = config.log.group if isinstance(config.log, KafkaLog) else None
    return group or config.app


def open_log(config: Config) -> Log:
    """Open a worker's connection to the log.

    Raises
    ------
    LogUnavailableError, LogAccessError
    """
    if isinstance(config.log, EmbeddedLog):
        from stream.log.embedded import EmbeddedLog as OpenedLog

        return OpenedLog(config.log.path, group_name(config))
    raise NotImplementedError


def open_admin(config: Config) -> LogAdmin:
    """Open the log for setting up topics, loading records and looking at them.

    Raises
    ------
    LogUnavailableError, LogAccessError
    """
    if isinstance(config.log, EmbeddedLog):
        from stream.log.embedded import EmbeddedAdmin

        return EmbeddedAdmin(config.log.path)
    raise NotImplementedError
