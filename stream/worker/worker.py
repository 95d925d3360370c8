"""The worker: one thread that polls, steps its partition tasks and commits.

    poll -> prove -> accept -> (step -> commit -> report) ... -> restore a slice -> checkpoint

All running tasks of a worker commit in one transaction a turn. Where each partition is, and what
the log is to read, is known by `stream.recovery.lifecycle` alone. A checkpoint is copied after the
commit that it belongs to, so it is never ahead of the log; a thread writes it.

What fails of one partition stops that partition. What fails of the log stops no partition for good:
whatever state may be ahead of the log is dropped, and recovered from it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from stream.checkpoint.reads import StoreReads, ThreadedReads
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import CheckpointWriter, Writer
from stream.clock import Clock, SystemClock
from stream.config.pipeline import Config
from stream.errors import (
    CommitUncertainError,
    FencedError,
    LogUnavailableError,
    OvertakenError,
    RecordRefusedError,
    RecoveryError,
)
from stream.log.base import Log, Polled, TopicPartition
from stream.observe.availability import Availability
from stream.observe.lasting_warnings import LastingWarnings
from stream.observe.observer import Observer
from stream.recovery.lifecycle import RUNNING, Lifecycle, Partition, State, Status
from stream.recovery.restoration import Restoration
from stream.recovery.settings import Builds
from stream.task import PartitionTask
from stream.topology import PartsBuilder, input_topics
from stream.watchdog.watchdog import Watchdog
from stream.worker.checkpoints import Checkpoints
from stream.worker.doubts import BACKOFF_S, Doubts
from stream.worker.failures import Failures
from stream.worker.lags import Lags
from stream.worker.restorer import Restorer
from stream.worker.stepping import Stepping

_log = structlog.get_logger(__name__)

# Longest wait for the first record of a poll: how soon a signal to stop is noticed.
_POLL_S = 0.2
# Waiting for the other topic, a turn comes again after this.
_BLOCKED_POLL_S = 0.02
# A poll asks for this many steps, so that all commits but the last of a turn run beside a step.
_READ_AHEAD_STEPS = 4
# Read ahead at most this many steps of one topic while the other is behind.
_INBOX_STEPS_MAX = 8
_CLOSE_S = 8.0


class Worker:
    """See the module.

    Parameters
    ----------
    config
        The pipeline.
    log
        This worker's own connection.
    store
        Where checkpoints are.
    build
        Makes the parts of a partition's task.
    observer
        Sees everything that happens (metrics, progress, plots).
    clock
        Of pauses; no state depends on it.
    writer, reads
        Write and read checkpoints beside the work; the writer is closed with the worker.
    wall
        Seconds since 1970: how old an open transaction is. No state depends on it either.
    """

    def __init__(
        self,
        config: Config,
        log: Log,
        store: CheckpointStore,
        build: PartsBuilder,
        observer: Observer,
        *,
        clock: Clock | None = None,
        writer: Writer | None = None,
        reads: StoreReads | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._log = log
        self._observer = observer
        self._clock = clock or SystemClock()
        self._topics = input_topics(config)
        builds = Builds(config, build)
        self.lifecycle = Lifecycle(self._clock, observer.moved)
        self._checkpoints = Checkpoints(
            config, builds.fingerprint, writer or CheckpointWriter(store), observer
        )
        warnings = LastingWarnings(self._clock)
        self._availability = Availability(self._clock, warnings, observer)
        self._failures = Failures(
            self.lifecycle, warnings, self._clock, observer, exits=config.exits_on_failure
        )
        self._doubts = Doubts(log, self._clock, self._availability, observer)
        self._stepping = Stepping(
            config,
            log,
            self.lifecycle,
            builds,
            self._failures,
            self._doubts,
            self._clock,
            self._availability,
            observer,
        )
        asks = reads or ThreadedReads()
        self._restorer = Restorer(
            self.lifecycle,
            lambda partition: Restoration(
                log,
                store,
                asks,
                builds,
                config.app,
                partition.number,
                self._clock,
                partition.attempts,
            ),
            self._checkpoints,
            self._failures,
            self._clock,
            observer,
        )
        self._lags = Lags(log, self.lifecycle, self._clock, self._availability, observer)
        self._watchdog = Watchdog(
            config,
            log,
            self.lifecycle,
            self._availability,
            warnings,
            self._clock,
            observer,
            wall,
        )
        self._silences = 0  # of the log, in a row

    @property
    def tasks(self) -> dict[int, PartitionTask]:
        """The running tasks by partition."""
        return {number: live.task for number, live in self.lifecycle.running().items()}

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Where each partition is; may be asked from any thread."""
        return self.lifecycle.statuses

    def start(self) -> None:
        """Join the group."""
        self._log.subscribe(self._topics, self)

    def run(self, stop: threading.Event) -> None:
        """Turn until stopped."""
        while not stop.is_set():
            self._turn_or_recover(stop)

    def catch_up(self, stop: threading.Event) -> None:
        """Turn until everything that the inputs hold has been taken, or until stopped."""
        while not stop.is_set():
            self._turn_or_recover(stop)
            if self._caught_up():
                return

    def close(self) -> None:
        """Hand over: checkpoint every task, leave the group; takes half a minute at most."""
        self._checkpoints.write_all(self.lifecycle.at(*RUNNING, State.RESTORING), _CLOSE_S)
        self._drop_all()
        self._checkpoints.close(0.0)
        self._log.close(_CLOSE_S)

    # The assignment, told from inside `Log.poll`.

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Take up partitions; a slice of restoring comes after the poll."""
        self._observer.joined()
        numbers = sorted({source.partition for source in partitions})
        for number in numbers:
            if number in self.lifecycle:  # given anew although never given up: nothing is certain
                self.lifecycle.recover(number, "assigned again")
        self.lifecycle.assign([number for number in numbers if number not in self.lifecycle])

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Write checkpoints and give up; all of these tasks' work is committed."""
        numbers = self._known(partitions)
        durable = [p for p in self.lifecycle.at(*RUNNING, State.RESTORING) if p.number in numbers]
        for number in numbers:
            self.lifecycle.revoke(number)
        self._checkpoints.write_all(durable, self._config.revoke_budget_s)
        for number in numbers:
            self.lifecycle.release(number)

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop tasks that another worker owns by now."""
        for number in self._known(partitions):
            self.lifecycle.release(number)

    def _known(self, partitions: Iterable[TopicPartition]) -> list[int]:
        numbers = sorted({source.partition for source in partitions})
        return [number for number in numbers if number in self.lifecycle]

    # One turn.

    def _turn_or_recover(self, stop: threading.Event) -> None:
        """Take one turn; whatever can be mended is mended."""
        try:
            self._turn(stop)
        except (CommitUncertainError, OvertakenError) as error:
            self._recover_what_is_ahead(str(error))
            self._doubts.begin(error)
        except RecordRefusedError as error:
            self._recover_what_is_ahead("an output of another partition was refused")
            self._doubts.refused()
            self._failures.stop(error.partition, error)
        except FencedError as error:
            self._observer.fenced(str(error))
            self._drop_all()
            raise
        except LogUnavailableError as error:
            self._availability.unanswered(error)
            self._recover_what_is_ahead(str(error))
            self._lags.show_if_due()
            self._clock.wait(BACKOFF_S[min(self._silences, len(BACKOFF_S) - 1)], stop)
            self._silences += 1
        except BaseException:
            # A step may have run without its commit: such a state must never be made durable,
            # which leaving the group would do.
            self._drop_all()
            raise
        else:
            self._silences = 0

    def _turn(self, stop: threading.Event | None = None) -> None:
        self._observer.tick()
        self._doubts.settle_if_due()
        polled = self._poll()
        self._prove()
        self._accept(polled)
        if not self._doubts.is_open:
            self._stepping.run()
            self._restorer.run(stop)
        for partition in self.lifecycle.at(*RUNNING):
            self._hold_back(partition)
        self._lags.show_if_due()
        self._checkpoints.write_due(self.lifecycle, self._clock.monotonic())
        if not self._doubts.is_open and not (stop is not None and stop.is_set()):
            self._stop_made_anew(self._watchdog.look())

    def _poll(self) -> Polled:
        positions = {} if self._doubts.is_open else self.lifecycle.positions()
        records_max = _READ_AHEAD_STEPS * self._config.steps.records_max
        polled = self._log.poll(self._poll_s(), records_max, positions)
        if positions:
            count = sum(map(len, polled.batches))
            self._watchdog.polled(is_full=count >= records_max)
        for number in {source.partition for source in positions} & self.lifecycle.running().keys():
            self.lifecycle.running()[number].is_polled = True
        return polled

    def _poll_s(self) -> float:
        if self._doubts.is_open:
            return _POLL_S  # nothing is stepped or restored until it is settled
        if self.lifecycle.at(State.RESTORING) or self.lifecycle.due():
            return 0.0
        is_blocked = any(
            live.blocked_since is not None for live in self.lifecycle.running().values()
        )
        return _BLOCKED_POLL_S if is_blocked else _POLL_S

    def _prove(self) -> None:
        """Under a new identity, compare what is committed with what each state follows."""
        identity = self._log.identity
        doubtful = {n: v for n, v in self.lifecycle.running().items() if v.proven != identity}
        if not doubtful:
            return
        for live in doubtful.values():
            live.proven = None  # stays so when the next line raises
        sources = [source for live in doubtful.values() for source in live.committed]
        committed = self._log.committed(sources)
        self._availability.answered()
        for number, live in doubtful.items():
            found = {source: committed[source] for source in live.committed}
            if found == live.committed:
                live.proven = identity
                continue
            reason = f"another member has committed meanwhile: {found}, not {live.committed}"
            _log.warning("partition recovers", partition=number, reason=reason)
            self._observer.overtaken()
            self.lifecycle.recover(number, reason)

    def _accept(self, polled: Polled) -> None:
        """Take what was read; what is not taken here is asked for again by the next poll."""
        for source, error in polled.failures.items():
            if source.partition in self.lifecycle.running():
                self._failures.stop(source.partition, error)
        for batch in polled.batches:
            live = self.lifecycle.running().get(batch.source.partition)
            if live is None or live.task.wanted.get(batch.source, -1) > batch.offsets[0]:
                continue
            try:
                live.task.accept(batch)
            except Exception as error:
                self._failures.stop(batch.source.partition, error)

    def _hold_back(self, partition: Partition) -> None:
        """Bound what is read ahead of the other topic."""
        assert partition.live is not None
        task, bound = partition.live.task, _INBOX_STEPS_MAX * self._config.steps.records_max
        full = {source for source in task.offsets if task.waiting(source.topic) >= bound}
        if full != partition.full:
            self.lifecycle.hold_back(partition.number, full)

    def _stop_made_anew(self, errors: Mapping[int, RecoveryError]) -> None:
        """Stop partitions whose topics are others by now; their states are whole, and kept.

        So a reset to the committed offsets goes on with all of the model.
        """
        if not errors:
            return
        stopped = [p for p in self.lifecycle.at(*RUNNING) if p.number in errors]
        self._checkpoints.write_all(stopped, self._config.revoke_budget_s)
        for partition in stopped:
            number = partition.number
            if partition.live is not None and any(partition.live.committed.values()):
                self._failures.stop(number, errors[number])
            else:  # nothing is committed that would belong to the topics of before
                self.lifecycle.recover(number, str(errors[number]))

    def _caught_up(self) -> bool:
        running = self.lifecycle.running()
        if not running or len(running) != len(self.lifecycle.statuses):
            return False
        if not all(live.is_polled for live in running.values()):
            return False  # what the log says of its lag is of a position before
        lags = [self._log.lag(s) for live in running.values() for s in live.task.offsets]
        waiting = any(live.task.waiting(t) for live in running.values() for t in self._topics)
        return not waiting and all(lag is not None and lag.readable == 0 for lag in lags)

    def _recover_what_is_ahead(self, reason: str) -> None:
        for number, live in self.lifecycle.running().items():
            if live.is_ahead:
                self.lifecycle.recover(number, reason)

    def _drop_all(self) -> None:
        for partition in self.lifecycle.at(*State):
            self.lifecycle.release(partition.number)
