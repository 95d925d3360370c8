"""When a partition's state is made durable: every interval, when it is given up, along a replay.

The state is copied here, in the worker's thread, between two steps; the writer makes it durable
beside the work. A store that is slow or away costs a longer replay, never a prediction.
"""

from __future__ import annotations

import structlog

from operators.snapshot import SnapshotUnavailableError
from stream.checkpoint.format import Checkpoint
from stream.checkpoint.writer import Writer
from stream.config.pipeline import Config
from stream.observe.observer import Observer
from stream.recovery.lifecycle import RUNNING, Lifecycle, Partition, State
from stream.task import PartitionTask

_log = structlog.get_logger(__name__)


class Checkpoints:
    """Hands the states of partitions to the writer, and takes note of what became of them.

    Parameters
    ----------
    config
        The pipeline.
    fingerprint
        Of the settings that shape a state.
    writer
        Writes beside the work.
    observer
        Sees what is durable, and what could not be written.
    """

    def __init__(
        self, config: Config, fingerprint: str, writer: Writer, observer: Observer
    ) -> None:
        self._app = config.app
        self._interval_s = config.checkpoint.interval.total_seconds()
        self._fingerprint = fingerprint
        self._writer = writer
        self._observer = observer

    def write_due(self, lifecycle: Lifecycle, now: float) -> None:
        """Write the states whose interval is over, of running and of replaying partitions."""
        for partition in lifecycle.at(*RUNNING, State.RESTORING):
            holder = partition.live or partition.restoration
            if holder is not None and now - holder.checkpointed_at >= self._interval_s:
                holder.checkpointed_at = now
                self.write(partition)
        self._note(lifecycle)

    def write(self, partition: Partition) -> bool:
        """Hand over a state that has moved; False if the one before it is still being written."""
        found = _state_of(partition)
        if found is None:
            return True
        task, journal_offset, settings, durable = found
        if task.steps in (0, durable):  # a first state needs no checkpoint
            return True
        try:
            state = task.snapshot()
        except SnapshotUnavailableError as error:
            _log.info("no checkpoint", partition=task.partition, reason=str(error))
            return True
        return self._writer.submit(
            Checkpoint(
                self._app,
                task.partition,
                self._fingerprint,
                task.steps,
                {source.topic: offset for source, offset in task.offsets.items()},
                journal_offset,
                state,
                task.life,
                settings,
            ).copied()
        )

    def write_all(self, partitions: list[Partition], budget_s: float) -> None:
        """Write these states and wait for them, no longer than the budget."""
        numbers = [partition.number for partition in partitions]
        busy = [partition for partition in partitions if not self.write(partition)]
        # Half of the budget for the checkpoints under way, half for those that follow them.
        if busy and self._writer.wait([p.number for p in busy], budget_s / 2):
            self._note_durable(partitions)
            for partition in busy:
                self.write(partition)
        if not self._writer.wait(numbers, budget_s / 2):
            _log.warning("checkpoint not in time", partitions=numbers, budget_s=budget_s)
        self._note_durable(partitions)

    def close(self, timeout_s: float) -> None:
        """Let go of the writer."""
        self._writer.close(timeout_s)

    def _note(self, lifecycle: Lifecycle) -> None:
        self._note_durable(lifecycle.at(*RUNNING, State.RESTORING))
        self._observer.checkpoints_under_way(self._writer.writing())

    def _note_durable(self, partitions: list[Partition]) -> None:
        by_number = {partition.number: partition for partition in partitions}
        for written in self._writer.finished():
            if written.error is not None:
                self._observer.checkpoint_failed(written.partition, str(written.error))
                _log.error(
                    "checkpoint failed", partition=written.partition, reason=str(written.error)
                )
                continue
            self._observer.checkpointed(written.partition, written.size_bytes, written.seconds)
            if written.partition in by_number:
                partition = by_number[written.partition]
                holder = partition.live or partition.restoration
                if holder is not None:
                    holder.checkpointed_steps = written.steps


def _state_of(partition: Partition) -> tuple[PartitionTask, int, str, int] | None:
    """Task, journal offset, settings and durable steps of a state that may be made durable."""
    live, restoration = partition.live, partition.restoration
    if live is not None and not live.is_ahead:
        return live.task, live.journal_offset, live.settings, live.checkpointed_steps
    if restoration is not None and restoration.task is not None:
        return (
            restoration.task,
            restoration.journal_offset,
            restoration.settings,
            restoration.checkpointed_steps,
        )
    return None
