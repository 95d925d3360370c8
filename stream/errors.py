"""Operating errors: what can go wrong outside the program, and whether trying again can help.

    DriftgateError
    |-- ConfigError              the configuration is wrong; exit code 2
    |-- SetupError               the world does not fit the configuration; exit code 2
    |   |-- LogUnavailableError      the broker or the log file cannot be reached
    |   |   `-- LogUnsettledError        an open transaction holds back what is asked for
    |   |-- LogAccessError           wrong credentials, or a right is missing
    |   |-- TopicMissingError        a configured topic does not exist
    |   |-- PartitionMismatchError   input topics are not co-partitioned
    |   |-- RecordRefusedError       an output topic does not take a record; its partition stops
    |   `-- DataError                a data file cannot be read as the schema says
    |-- StoreUnavailableError    the checkpoint store cannot be read or written; try again
    |-- CommitUncertainError     nobody knows whether the transaction committed; recover
    |-- OvertakenError           another worker has committed meanwhile; recover
    |-- FencedError              another worker has taken over; leave
    |   `-- ReplacedError            the log's file is another one; leave
    |-- StalledError             nothing moves though records wait; leave, and begin anew
    |-- CheckpointError          a checkpoint is damaged or of another version; try an older one
    |-- ModelError               the model failed on the data it was given; stop
    |-- RecoveryError            the state cannot be rebuilt from what is kept; stop
    `-- InvariantError           the program is wrong; stop, never go on

A programmer's mistake is an `assert`, not one of these.
"""

from __future__ import annotations


class DriftgateError(Exception):
    """Root of all operating errors; its text is one line that says what to do."""

    retriable = False
    exit_code = 1


class ConfigError(DriftgateError):
    """The configuration breaks a rule."""

    exit_code = 2


class SetupError(DriftgateError):
    """The configuration is well formed, but the world does not fit it."""

    exit_code = 2


class LogUnavailableError(SetupError):
    """The broker, or the file of the embedded log, cannot be reached."""

    retriable = True


class LogUnsettledError(LogUnavailableError):
    """A transaction that is open holds back what is asked for; it may end at any moment."""


class LogAccessError(SetupError):
    """Authentication failed, or a right on a topic, group or transactional id is missing."""


class TopicMissingError(SetupError):
    """A topic that the configuration names does not exist."""


class PartitionMismatchError(SetupError):
    """Topics that are read or written together differ in their partition counts."""


class RecordRefusedError(SetupError):
    """An output topic does not take a record of a transaction; nothing of it was committed.

    Parameters
    ----------
    partition
        Partition whose output was refused: its input partition has the same number.
    """

    def __init__(self, message: str, partition: int) -> None:
        super().__init__(message)
        self.partition = partition


class DataError(SetupError):
    """A data file cannot be read in the way that the schema says."""


class StoreUnavailableError(DriftgateError):
    """The checkpoint store cannot be read or written; nothing says that it is empty."""

    retriable = True


class CommitUncertainError(DriftgateError):
    """A transaction ended in an unknown way: it may or may not have committed."""

    retriable = True


class OvertakenError(DriftgateError):
    """The log has gone on without this worker; nothing of this transaction was committed."""

    retriable = True


class FencedError(DriftgateError):
    """Another worker owns these partitions now; nothing of this one's was committed."""


class ReplacedError(FencedError):
    """The file of the embedded log is not the one that was opened; nothing more goes into it."""


class StalledError(DriftgateError):
    """A partition does not move although records wait; only a new process may help."""


class CheckpointError(DriftgateError):
    """A checkpoint is damaged, or was written by a version that cannot be read."""


class ModelError(DriftgateError):
    """The model raised an error on data that the schema allows. The task stops; nothing is lost."""


class RecoveryError(DriftgateError):
    """The log no longer holds what is needed to rebuild the state."""


class InvariantError(DriftgateError):
    """Something that must always hold does not. The task stops at once."""
