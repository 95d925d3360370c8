"""Learns a model anew from what is kept, up to the committed offsets, with outputs suppressed.

The records are taken as a live task would take them: two topics in event time. What comes out is a
state under today's settings, with which a new life of the partition's log begins at the very
offsets that are committed; so no prediction is made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from operators.snapshot import SnapshotUnavailableError
from stream.checkpoint.format import Checkpoint
from stream.checkpoint.store import CheckpointStore
from stream.config.pipeline import Config
from stream.errors import InvariantError, SetupError
from stream.log.base import Log, RecordBatch, TopicPartition
from stream.recovery.change import Change
from stream.recovery.inventory import Inventory, take_inventory
from stream.recovery.position import find_position
from stream.recovery.reset import with_state
from stream.recovery.settings import Builds
from stream.task import PartitionTask

_INBOX_STEPS_MAX = 8  # as a worker: read ahead at most this many steps of one topic

Progress = Callable[[int, int, int], None]
"""Called with a partition, the offsets passed by so far, and how many there are in all."""


class Rebuilds:
    """Learns anew, one partition after the other; changes nothing by itself.

    Parameters
    ----------
    config
        The pipeline as it is now.
    builds
        Makes the parts of a task.
    log, store
        Read only.
    """

    def __init__(self, config: Config, builds: Builds, log: Log, store: CheckpointStore) -> None:
        self._config = config
        self._builds = builds
        self._log = log
        self._store = store

    def ends(self, partition: int) -> dict[str, int]:
        """Where the model has to arrive: what is committed, by input topic.

        Raises
        ------
        RecoveryError
            What is committed does not fit what is kept; the message has the command.
        SetupError
            There is nothing to learn again.
        """
        inputs = self._builds.parts(partition).input_topics
        journal = str(self._config.topics.journal)
        position = find_position(self._log, partition, inputs, journal)
        if position.steps == 0:
            raise SetupError(
                f"partition {partition}: something must be committed before a model can be "
                "rebuilt; nothing is. A worker begins by itself."
            )
        return position.offsets

    def learn(self, partition: int, starts: Mapping[str, int], progress: Progress) -> Change:
        """Learn the records from `starts` up to what is committed; plan to begin with the result.

        Raises
        ------
        SetupError
            The model's state cannot be written as data.
        """
        inventory = take_inventory(self._config, self._log, self._store, partition)
        ends = self.ends(partition)
        starts = {topic: min(starts[topic], end) for topic, end in ends.items()}
        task = PartitionTask(
            self._builds.parts(partition), starts, 0, inventory.next_life, self._builds.settings
        )
        for passed in _learn(task, self._log, ends, self._config.steps.records_max):
            progress(partition, passed, sum(ends.values()) - sum(starts.values()))
        return with_state(inventory, ends, self._state(task, inventory), _described(starts, ends))

    def _state(self, task: PartitionTask, inventory: Inventory) -> Checkpoint:
        try:
            state = task.snapshot()
        except SnapshotUnavailableError as error:
            raise SetupError(
                f"partition {task.partition}: the model's state must be writable, for a worker to "
                f"go on with it; {error}. `driftgate reset CONFIG --to earliest` begins anew."
            ) from error
        return Checkpoint(
            self._config.app,
            task.partition,
            self._builds.fingerprint,
            task.steps,
            {source.topic: offset for source, offset in task.offsets.items()},
            inventory.journal_end,
            state,
            task.life,
            self._builds.settings,
        )


def _learn(
    task: PartitionTask, log: Log, ends: Mapping[str, int], records_max: int
) -> Iterator[int]:
    """Take all records below these offsets; yields how many offsets have been passed by."""
    sources = list(task.offsets)
    first = sum(task.offsets.values())
    more: dict[TopicPartition, Iterator[RecordBatch]] = {
        source: log.read(source, at, ends[source.topic]) for source, at in task.offsets.items()
    }
    while True:
        for source in sources:
            if source in more and task.waiting(source.topic) < _INBOX_STEPS_MAX * records_max:
                batch = next(more[source], None)
                if batch is None:
                    del more[source]
                elif len(batch):
                    task.accept(batch)
        step = task.step({source.topic: source in more for source in sources}, records_max)
        yield sum(task.offsets.values()) - first
        if step is None and not more:
            break
    left = {source: task.waiting(source.topic) for source in sources}
    if any(left.values()):
        raise InvariantError(f"partition {task.partition}: all records must be taken; left: {left}")


def _described(starts: Mapping[str, int], ends: Mapping[str, int]) -> str:
    ranges = ", ".join(f"{topic} {starts[topic]}..{end}" for topic, end in ends.items())
    return f"was learnt anew from {ranges}"
