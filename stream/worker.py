"""The worker: one thread that polls, steps its partition tasks and commits.

    poll -> recover what was assigned -> accept -> (step -> commit -> report) ... -> checkpoint

All tasks of a worker commit in one transaction a turn. A checkpoint is written only after the
commit that it belongs to, so it is never ahead of the log.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from time import monotonic, perf_counter

import structlog

from operators.snapshot import SnapshotUnavailableError
from stream.checkpoint import Checkpoint
from stream.checkpoint_store import CheckpointStore
from stream.config import Config
from stream.errors import (
    CheckpointError,
    CommitUncertainError,
    FencedError,
    LogUnavailableError,
    StoreUnavailableError,
)
from stream.journal import StepNote
from stream.log.base import Committed, Log, TopicPartition, Transaction
from stream.observer import Observer
from stream.recovery import Recovered, Recovery
from stream.task import PartitionTask, Step
from stream.topology import Parts, fingerprint, input_topics

_log = structlog.get_logger(__name__)

# Longest wait for the first record of a poll: how soon a signal to stop is noticed.
_POLL_S = 0.2
# Waiting for the other topic, a turn comes again after this.
_BLOCKED_POLL_S = 0.02
# A poll asks for this many steps, so that all commits but the last of a turn run beside a step.
_READ_AHEAD_STEPS = 4
# Read ahead at most this many steps of one topic while the other is behind.
_INBOX_STEPS_MAX = 8
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class _Live:
    """A task that this worker owns, with what the worker has to know about it."""

    def __init__(self, recovered: Recovered) -> None:
        self.task = recovered.task
        self.journal_offset = recovered.journal_offset
        self.checkpointed_steps = recovered.task.steps if recovered.checkpoint else -1
        self.checkpointed_at = monotonic()
        self.blocked_since: float | None = None
        self.paused: set[TopicPartition] = set()


class Worker:
    """See the module.

    Parameters
    ----------
    config
        The pipeline.
    log
        This worker's own connection.
    store
        Where checkpoints go.
    build
        Makes the parts of a partition's task.
    observer
        Told of everything that happens (metrics, progress, plots).
    """

    def __init__(
        self,
        config: Config,
        log: Log,
        store: CheckpointStore,
        build: Callable[[int], Parts],
        observer: Observer,
    ) -> None:
        self._config = config
        self._log = log
        self._store = store
        self._observer = observer
        self._fingerprint = fingerprint(config)
        self._recovery = Recovery(log, store, build, self._fingerprint)
        self._topics = input_topics(config)
        self._interval_s = config.checkpoint.interval.total_seconds()
        self._wait_s = config.labels.wait_for_other.total_seconds()
        self._live: dict[int, _Live] = {}
        self._assigned: list[int] = []

    @property
    def tasks(self) -> dict[int, PartitionTask]:
        """The live tasks by partition."""
        return {partition: live.task for partition, live in self._live.items()}

    def start(self) -> None:
        """Join the group."""
        self._log.subscribe(self._topics, self)

    def run(self, stop: threading.Event) -> None:
        """Turn until told to stop."""
        while not stop.is_set():
            self._turn_or_recover(stop)

    def catch_up(self, stop: threading.Event) -> None:
        """Turn until everything that the inputs hold has been taken, or until told to stop."""
        while not stop.is_set():
            self._turn_or_recover(stop)
            if self._caught_up():
                return

    def close(self) -> None:
        """Hand over: checkpoint every task, leave the group."""
        for live in self._live.values():
            self._checkpoint(live)
        self._live.clear()
        self._log.close()

    # The assignment, told from inside `Log.poll`.

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Remember what to recover once poll has returned."""
        self._observer.joined()
        numbers = sorted({source.partition for source in partitions} - self._live.keys())
        self._assigned += [number for number in numbers if number not in self._assigned]
        self._observer.assigned(numbers)

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Write checkpoints and give up; all of these tasks' work is committed."""
        for number in self._give_up(partitions):
            self._checkpoint(number)

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop tasks that somebody else owns by now."""
        self._give_up(partitions)

    def _give_up(self, partitions: Iterable[TopicPartition]) -> list[_Live]:
        numbers = sorted({source.partition for source in partitions})
        self._assigned = [number for number in self._assigned if number not in numbers]
        self._observer.revoked(numbers)
        return [self._live.pop(number) for number in numbers if number in self._live]

    # One turn.

    def _turn_or_recover(self, stop: threading.Event) -> None:
        """Take one turn; whatever can be mended is mended."""
        try:
            self._turn()
        except CommitUncertainError as error:
            self._observer.uncertain()
            _log.warning("commit uncertain", reason=str(error))
            self._settle(stop)
        except FencedError as error:
            self._observer.fenced(str(error))
            self._live.clear()
            raise
        except LogUnavailableError as error:
            _log.warning("log unavailable", reason=str(error))
            stop.wait(_BACKOFF_S[-1])
        except Exception:
            # A step may have run without its commit: such a state must never be made durable,
            # which leaving the group would do.
            self._live.clear()
            raise

    def _turn(self) -> None:
        self._observer.tick()
        blocked = any(live.blocked_since is not None for live in self._live.values())
        batches = self._log.poll(
            _BLOCKED_POLL_S if blocked else _POLL_S,
            _READ_AHEAD_STEPS * self._config.steps.records_max,
        )
        # Batches of a partition that is recovered now were read from a position that no longer
        # counts; the recovered task seeks its own.
        batches = [batch for batch in batches if batch.source.partition in self._live]
        while self._assigned:
            self._recover(self._assigned.pop(0))
        for batch in batches:
            self._live[batch.source.partition].task.accept(batch)
        try:
            self._step_and_commit()
        except LogUnavailableError as error:
            # The step has run, its outputs are not committed: going on would lose them.
            raise CommitUncertainError(str(error)) from error
        for live in self._live.values():
            self._hold_back(live)
            if monotonic() - live.checkpointed_at >= self._interval_s:
                self._checkpoint(live)

    def _step_and_commit(self) -> None:
        """Step until nothing is left that may be taken; a commit runs beside the next step.

        Every commit has ended when this returns, so none is ever under way during a poll, in
        which partitions may change hands.
        """
        finish: Callable[[], None] | None = None
        while True:
            steps = [(live, step) for live in self._live.values() if (step := self._step(live))]
            if finish is not None:
                finish()
            if not steps:
                return
            finish = self._begin_commit(steps)

    def _step(self, live: _Live) -> Step | None:
        waited = live.blocked_since is not None and (
            monotonic() - live.blocked_since >= self._wait_s
        )
        more = {
            source.topic: not waited and self._log.lag(source) != 0 for source in live.task.offsets
        }
        step = live.task.step(more, self._config.steps.records_max)
        self._note_blocked(live, step)
        return step

    def _note_blocked(self, live: _Live, step: Step | None) -> None:
        """Remember since when one topic's records wait for the other topic's."""
        waits = any(live.task.waiting(topic) for topic in self._topics)
        if not waits or step is not None:
            live.blocked_since = None
        elif live.blocked_since is None:
            live.blocked_since = monotonic()

    def _begin_commit(self, steps: list[tuple[_Live, Step]]) -> Callable[[], None]:
        """Begin one transaction for all steps; the returned function waits for it and reports."""
        offsets = {
            source: Committed(offset, str(StepNote(step.entry.step + 1)))
            for _, step in steps
            for source, offset in step.offsets.items()
        }
        outputs = [batch for _, step in steps for batch in step.outputs]
        start = perf_counter()
        wait = self._log.begin_commit(Transaction(outputs, offsets))

        def finish() -> None:
            written = wait()
            seconds = perf_counter() - start
            for live, step in steps:
                journal = step.outputs[-1].target
                live.journal_offset = written[journal] + 1
                self._observer.step(step.report, self._lags(live.task), seconds)
            self._observer.committed(seconds)

        return finish

    def _lags(self, task: PartitionTask) -> dict[str, int | None]:
        lags = {}
        for source in task.offsets:
            beyond = self._log.lag(source)
            waiting = task.waiting(source.topic)
            lags[source.topic] = None if beyond is None else beyond + waiting
        return lags

    def _hold_back(self, live: _Live) -> None:
        """Bound what is read ahead of the other topic."""
        bound = _INBOX_STEPS_MAX * self._config.steps.records_max
        full = {s for s in live.task.offsets if live.task.waiting(s.topic) >= bound}
        if full - live.paused:
            self._log.pause(full - live.paused)
        if live.paused - full:
            self._log.resume(live.paused - full)
        live.paused = full

    def _caught_up(self) -> bool:
        sources = [source for live in self._live.values() for source in live.task.offsets]
        waiting = any(live.task.waiting(t) for live in self._live.values() for t in self._topics)
        return bool(sources) and not waiting and all(self._log.lag(s) == 0 for s in sources)

    # Recovery and checkpoints.

    def _recover(self, partition: int) -> None:
        def progress(records: int) -> None:
            self._observer.tick()
            _log.info("replaying", partition=partition, records=records)

        recovered = self._recovery.recover(partition, progress)
        self._live[partition] = _Live(recovered)
        for source, offset in recovered.task.offsets.items():
            self._log.seek(source, offset)
        self._observer.recovered(recovered)
        _log.info(
            "partition live",
            partition=partition,
            checkpoint=recovered.checkpoint,
            replayed_steps=recovered.replayed_steps,
            replayed_records=recovered.replayed_records,
            seconds=round(recovered.seconds, 3),
        )

    def _settle(self, stop: threading.Event) -> None:
        """Find out what became of the transaction, and recover every task from there.

        State in memory may be ahead of the log, so none of it is kept.
        """
        partitions = sorted(self._live)
        self._live.clear()
        self._assigned += partitions
        attempt = 0
        while not stop.is_set():
            try:
                self._log.reopen()
                return
            except LogUnavailableError as error:
                self._observer.tick()
                _log.warning("log unavailable", reason=str(error))
                stop.wait(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
                attempt += 1

    def _checkpoint(self, live: _Live) -> None:
        """Make a task's state durable if it has moved; a failure is told, and tried again later."""
        task = live.task
        live.checkpointed_at = monotonic()
        if task.steps == live.checkpointed_steps:
            return
        start = perf_counter()
        try:
            size = self._store.write(
                Checkpoint(
                    self._config.app,
                    task.partition,
                    self._fingerprint,
                    task.steps,
                    {source.topic: offset for source, offset in task.offsets.items()},
                    live.journal_offset,
                    task.snapshot(),
                )
            )
        except SnapshotUnavailableError as error:
            _log.info("no checkpoint", partition=task.partition, reason=str(error))
        except (StoreUnavailableError, CheckpointError) as error:
            self._observer.checkpoint_failed(task.partition)
            _log.error("checkpoint failed", partition=task.partition, reason=str(error))
        else:
            live.checkpointed_steps = task.steps
            self._observer.checkpointed(task.partition, size, perf_counter() - start)
