"""Opens the log that a configuration names; Kafka's client is imported only where it is used."""

from __future__ import annotations

from stream.config.log import EmbeddedLog
from stream.config.pipeline import Config
from stream.log.base import GroupAdmin, Log, LogAdmin, Probe
from stream.log.open_transactions import TransactionAdmin


def open_log(config: Config) -> Log:
    """Open a worker's connection to the log.

    Raises
    ------
    LogUnavailableError, LogAccessError
    """
    if isinstance(config.log, EmbeddedLog):
        from stream.log.embedded import EmbeddedLog as Embedded

        return Embedded(config.log.path, config.app)
    from stream.log.kafka import KafkaLog, KafkaSettings
    from stream.log.kafka.rights import topic_rights

    return KafkaLog(KafkaSettings(config.log, config.app, topic_rights(config)))


def open_admin(config: Config) -> LogAdmin:
    """Open the log for setting up topics, loading records and looking at them.

    Raises
    ------
    LogUnavailableError, LogAccessError
    """
    if isinstance(config.log, EmbeddedLog):
        from stream.log.embedded import EmbeddedAdmin

        return EmbeddedAdmin(config.log.path)
    from stream.log.kafka import KafkaAdmin, KafkaSettings
    from stream.log.kafka.rights import topic_rights

    return KafkaAdmin(KafkaSettings(config.log, config.app, topic_rights(config)))


def open_transaction_admin(config: Config) -> TransactionAdmin | None:
    """Open the log for looking at open transactions; None for the embedded log, which has none.

    There a transaction is SQLite's own, and ends with the process that began it.

    Raises
    ------
    LogUnavailableError, LogAccessError
    """
    if isinstance(config.log, EmbeddedLog):
        return None
    from stream.log.kafka import KafkaSettings
    from stream.log.kafka.transaction_admin import KafkaTransactions

    return KafkaTransactions(KafkaSettings(config.log, config.app))


def open_group(config: Config) -> GroupAdmin:
    """Open the log for looking at the group's positions from outside, and moving them.

    Raises
    ------
    LogUnavailableError, LogAccessError
    """
    if isinstance(config.log, EmbeddedLog):
        from stream.log.embedded.group import EmbeddedGroup

        return EmbeddedGroup(config.log.path, config.app)
    from stream.log.kafka import KafkaSettings
    from stream.log.kafka.group import KafkaGroup
    from stream.log.kafka.rights import topic_rights

    return KafkaGroup(KafkaSettings(config.log, config.app, topic_rights(config)))


def probe_log(config: Config) -> list[Probe]:
    """Find out whether a worker could run on this log, and what stands in its way."""
    if isinstance(config.log, EmbeddedLog):
        from stream.log.embedded.probe import probe_embedded

        return probe_embedded(config)
    from stream.log.kafka import probe_kafka

    return probe_kafka(config)


def probe_state(config: Config) -> list[Probe]:
    """Find out whether a worker could go on with what is on this log.

    What is wrong here is wrong with single partitions, and stops no worker: the others go on.
    """
    if isinstance(config.log, EmbeddedLog):
        from stream.log.embedded.probe import probe_embedded_state

        return probe_embedded_state(config)
    from stream.log.kafka import probe_kafka_state

    return probe_kafka_state(config)
