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
from collections.abc import Callable, Iterable

import structlog

from stream.checkpoint_store import CheckpointStore
from stream.checkpoint_writer import CheckpointWriter, Writer
from stream.clock import Clock, SystemClock
from stream.config import Config
from stream.errors import (
    CommitUncertainError,
    DriftgateError,
    FencedError,
    InvariantError,
    LogUnavailableError,
    ModelError,
    OvertakenError,
    StoreUnavailableError,
)
from stream.journal import StepNote
from stream.log.base import Committed, Lag, Log, Polled, TopicPartition, Transaction
from stream.observer import Observer
from stream.recovery.checkpoints import Checkpoints
from stream.recovery.lifecycle import RUNNING, Lifecycle, Live, Partition, State, Status
from stream.recovery.restoration import Restoration, Restored
from stream.recovery.settings import Builds
from stream.task import PartitionTask, Step
from stream.topic_clock import BEGINNING
from stream.topology import PartsBuilder, input_topics
from stream.watchdog import Watchdog

_log = structlog.get_logger(__name__)

# Longest wait for the first record of a poll: how soon a signal to stop is noticed.
_POLL_S = 0.2
# Waiting for the other topic, a turn comes again after this.
_BLOCKED_POLL_S = 0.02
# A poll asks for this many steps, so that all commits but the last of a turn run beside a step.
_READ_AHEAD_STEPS = 4
# Read ahead at most this many steps of one topic while the other is behind.
_INBOX_STEPS_MAX = 8
# Partitions restored at a time, in turn; each holds some connections open.
_RESTORING_MAX = 4
# Length of one partition's slice of a restore, while others work and while none does.
_SLICE_S, _SLICE_ALONE_S = 0.1, 0.5
_REPLAY_LOG_S = 10.0
_LAGS_S = 1.0
_CLOSE_S = 8.0
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


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
    writer
        Writes checkpoints beside the work; closed with the worker.
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
    ) -> None:
        self._config = config
        self._log = log
        self._store = store
        self._observer = observer
        self._clock = clock or SystemClock()
        self._builds = Builds(config, build)
        self._topics = input_topics(config)
        self._wait_s = config.labels.wait_for_other.total_seconds()
        self._exits = config.exits_on_failure
        self.lifecycle = Lifecycle(self._clock, observer.moved)
        self._checkpoints = Checkpoints(
            config, self._builds.fingerprint, writer or CheckpointWriter(store), observer
        )
        self._watchdog = Watchdog(config, log, self.lifecycle, self._clock, observer)
        self._in_doubt = False
        self._doubts = 0  # in a row, without a commit between them
        self._failures = 0  # of the log to answer, in a row
        self._reopen_at = 0.0
        self._lags_at = 0.0
        self._replay_logged: dict[int, float] = {}

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
        """Hand over: checkpoint every task, leave the group."""
        self._checkpoint_all([p.number for p in self.lifecycle.at(*RUNNING, State.RESTORING)])
        for partition in self.lifecycle.at(*State):
            self.lifecycle.release(partition.number)
        self._checkpoints.close(_CLOSE_S)
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
        self._checkpoint_all(numbers)
        for number in numbers:
            self.lifecycle.revoke(number)
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
            self._doubt(error)
        except FencedError as error:
            self._observer.fenced(str(error))
            self._drop_all()
            raise
        except LogUnavailableError as error:
            self._observer.log_unavailable(str(error))
            _log.warning("log unavailable", reason=str(error))
            self._recover_what_is_ahead(str(error))
            self._failures += 1
            self._clock.wait(_pause_s(self._failures), stop)
        except BaseException:
            # A step may have run without its commit: such a state must never be made durable,
            # which leaving the group would do.
            self._drop_all()
            raise
        else:
            if not self._in_doubt:
                self._failures = 0

    def _turn(self, stop: threading.Event | None = None) -> None:
        self._observer.tick()
        self._reopen_if_due()
        polled = self._poll()
        self._prove()
        self._accept(polled)
        if not self._in_doubt:
            self._step_and_commit()
            self._restore_some(stop)
        for partition in self.lifecycle.at(*RUNNING):
            self._hold_back(partition)
        now = self._clock.monotonic()
        if now - self._lags_at >= _LAGS_S:
            self._lags_at = now
            self._show_lags(now)
        self._checkpoints.write_due(self.lifecycle, now)
        self._watchdog.look()

    def _poll(self) -> Polled:
        positions = {} if self._in_doubt else self.lifecycle.positions()
        records_max = _READ_AHEAD_STEPS * self._config.steps.records_max
        polled = self._log.poll(self._poll_s(), records_max, positions)
        self._observer.log_available()
        for number in {source.partition for source in positions} & self.lifecycle.running().keys():
            self.lifecycle.running()[number].is_polled = True
        return polled

    def _poll_s(self) -> float:
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
                self._fail(source.partition, error)
        for batch in polled.batches:
            live = self.lifecycle.running().get(batch.source.partition)
            if live is None or live.task.wanted.get(batch.source, -1) > batch.offsets[0]:
                continue
            try:
                live.task.accept(batch)
            except Exception as error:
                self._fail(batch.source.partition, error)

    def _step_and_commit(self) -> None:
        """Step until nothing is left that may be taken; a commit runs beside the next step.

        Every commit has ended when this returns, so none is ever under way during a poll, in
        which partitions may change hands.
        """
        finish: Callable[[], None] | None = None
        while True:
            steps: list[tuple[Live, Step]] = []
            try:
                for number, live in self.lifecycle.running().items():
                    step = self._step(number, live)
                    if step is not None:
                        steps.append((live, step))
            finally:
                if finish is not None:
                    finish()
            if not steps:
                return
            finish = self._begin_commit(steps)

    def _step(self, number: int, live: Live) -> Step | None:
        try:
            return self._settings_step(live) or self._records_step(live)
        except Exception as error:
            self._fail(number, error)
            return None

    def _settings_step(self, live: Live) -> Step | None:
        """Change settings by a step of its own where those of the state are not today's."""
        new = self._builds.settings
        if live.settings == new:
            return None
        _log.info("settings changed", partition=live.task.partition, step=live.task.steps)
        step = live.task.settings_step(new)
        live.task = self._builds.change(live.task, live.settings, new)
        live.settings = new
        return step

    def _records_step(self, live: Live) -> Step | None:
        now = self._clock.monotonic()
        waited = live.blocked_since is not None and now - live.blocked_since >= self._wait_s
        more = {
            source.topic: not waited and self._may_hold_more(source) for source in live.task.offsets
        }
        step = live.task.step(more, self._config.steps.records_max)
        waits = any(live.task.waiting(topic) for topic in self._topics)
        if not waits or step is not None:
            live.blocked_since = None
        elif live.blocked_since is None:
            live.blocked_since = now
        return step

    def _may_hold_more(self, source: TopicPartition) -> bool:
        lag = self._log.lag(source)
        return lag is None or lag.readable > 0

    def _begin_commit(self, steps: list[tuple[Live, Step]]) -> Callable[[], None]:
        """Begin one transaction for all steps; the returned function waits for it and reports."""
        identity = self._log.identity
        assert all(live.proven == identity for live, _ in steps), "an unproven state must not step"
        offsets, follows = {}, {}
        for live, step in steps:
            for source, offset in step.offsets.items():
                note = StepNote(
                    step.entry.step + 1, live.task.life, live.topic_ids.get(source.topic, "")
                )
                offsets[source] = Committed(offset, str(note))
                follows[source] = live.committed[source]
        outputs = [batch for _, step in steps for batch in step.outputs]
        start = self._clock.monotonic()
        try:
            wait = self._log.begin_commit(Transaction(outputs, offsets, identity, follows))
        except LogUnavailableError as error:
            # The steps have run, their outputs are not committed: going on would lose them.
            raise CommitUncertainError(str(error)) from error

        def finish() -> None:
            try:
                written = wait()
            except LogUnavailableError as error:
                raise CommitUncertainError(str(error)) from error
            self._doubts = 0
            seconds = self._clock.monotonic() - start
            for live, step in steps:
                live.committed = {source: offsets[source] for source in step.offsets}
                live.committed_steps = step.entry.step + 1
                live.journal_offset = written[step.outputs[-1].target] + 1
                self._observer.step(step.report, seconds)
            self._observer.committed(seconds)

        return finish

    def _show_lags(self, now: float) -> None:
        """Show how far behind each partition is, whether it moves or not."""
        for partition in self.lifecycle.at(*RUNNING):
            assert partition.live is not None
            task = partition.live.task
            newest_ms = task.parts.labels.stream_time
            self._observer.lags(
                partition.number,
                self._lags(task),
                None if newest_ms == BEGINNING else newest_ms,
                now - partition.live.since,
            )

    def _lags(self, task: PartitionTask) -> dict[str, Lag | None]:
        lags: dict[str, Lag | None] = {}
        for source in task.offsets:
            beyond = self._log.lag(source)
            waiting = task.waiting(source.topic)
            lags[source.topic] = beyond and Lag(beyond.readable + waiting, beyond.written + waiting)
        return lags

    def _hold_back(self, partition: Partition) -> None:
        """Bound what is read ahead of the other topic."""
        assert partition.live is not None
        task, bound = partition.live.task, _INBOX_STEPS_MAX * self._config.steps.records_max
        full = {source for source in task.offsets if task.waiting(source.topic) >= bound}
        if full != partition.full:
            self.lifecycle.hold_back(partition.number, full)

    def _caught_up(self) -> bool:
        running = self.lifecycle.running()
        if not running or len(running) != len(self.lifecycle.statuses):
            return False
        if not all(live.is_polled for live in running.values()):
            return False  # what the log says of its lag is of a position before
        # Where nothing is left to read, nothing waits for the other topic either.
        lags = [self._log.lag(s) for live in running.values() for s in live.task.offsets]
        return all(lag is not None and lag.readable == 0 for lag in lags)

    # What goes wrong.

    def _fail(self, number: int, error: Exception) -> None:
        """Stop one partition, and try it again later where that can help."""
        is_known = isinstance(error, DriftgateError)
        retry = is_known and not isinstance(error, ModelError | InvariantError)
        waits = isinstance(error, LogUnavailableError | StoreUnavailableError)
        if self._exits and not waits:
            raise error
        if not is_known:
            _log.error("a defect of driftgate, or of a model", partition=number, exc_info=error)
        reason = str(error) if is_known else f"{type(error).__name__}: {error}"
        partition = self.lifecycle.fail(number, reason, retry=retry)
        write = _log.warning if waits else _log.error
        pause_s = partition.next_try and round(partition.next_try - self._clock.monotonic(), 1)
        write("partition failed", partition=number, reason=reason, tried_again_in_s=pause_s)

    def _doubt(self, error: DriftgateError) -> None:
        """Drop what may be ahead of the log; a new producer finds out what became of it."""
        self._observer.uncertain()
        self._in_doubt = True
        self._recover_what_is_ahead(str(error))
        pause_s = _pause_s(self._doubts)
        self._doubts += 1
        self._reopen_at = self._clock.monotonic() + pause_s
        _log.warning("commit uncertain", reason=str(error), tried_again_in_s=pause_s)

    def _reopen_if_due(self) -> None:
        """Settle the fate of a doubtful transaction. Polling goes on while that is not possible."""
        if not self._in_doubt or self._clock.monotonic() < self._reopen_at:
            return
        try:
            self._log.reopen()
        except LogUnavailableError as error:
            self._failures += 1
            pause_s = _pause_s(self._failures)
            self._reopen_at = self._clock.monotonic() + pause_s
            self._observer.log_unavailable(str(error))
            _log.warning("log unavailable", reason=str(error), tried_again_in_s=pause_s)
        else:
            self._in_doubt = False

    def _recover_what_is_ahead(self, reason: str) -> None:
        for number, live in self.lifecycle.running().items():
            if live.is_ahead:
                self.lifecycle.recover(number, reason)

    def _drop_all(self) -> None:
        for partition in self.lifecycle.at(*State):
            self.lifecycle.release(partition.number)

    # Restoring and checkpoints.

    def _restore_some(self, stop: threading.Event | None) -> None:
        """Give each partition that is being restored a slice; polls come between."""
        room = _RESTORING_MAX - len(self.lifecycle.at(State.RESTORING))
        for partition in self.lifecycle.due()[:room]:
            self.lifecycle.restore(partition, self._restoration(partition))
        for partition in self.lifecycle.at(State.RESTORING):
            if stop is not None and stop.is_set():
                return
            self._restore_slice(partition)

    def _restoration(self, partition: Partition) -> Restoration:
        return Restoration(
            self._log,
            self._store,
            self._builds,
            self._config.app,
            partition.number,
            self._clock,
            partition.attempts,
        )

    def _restore_slice(self, partition: Partition) -> None:
        assert partition.restoration is not None
        slice_s = _SLICE_S if self.lifecycle.running() else _SLICE_ALONE_S
        try:
            restored = partition.restoration.advance(self._clock.monotonic() + slice_s)
        except LogUnavailableError as error:
            self._checkpoints.write(partition)
            self._fail(partition.number, error)
        except FencedError:
            raise
        except Exception as error:
            self._fail(partition.number, error)
        else:
            if restored is None:
                self._note_replay(partition)
            else:
                self._go_live(partition, restored)

    def _note_replay(self, partition: Partition) -> None:
        self._observer.tick()
        now, restoration = self._clock.monotonic(), partition.restoration
        assert restoration is not None
        last = self._replay_logged.setdefault(partition.number, now)
        if now - last >= _REPLAY_LOG_S:
            self._replay_logged[partition.number] = now
            _log.info(
                "replaying",
                partition=partition.number,
                records=restoration.replayed_records,
                steps_left=restoration.steps_left,
            )

    def _go_live(self, partition: Partition, restored: Restored) -> None:
        self._replay_logged.pop(partition.number, None)
        self.lifecycle.go_live(partition, restored)
        self._observer.restored(restored)
        _log.info(
            "partition live",
            partition=partition.number,
            checkpoint=restored.checkpoint,
            replayed_steps=restored.replayed_steps,
            replayed_records=restored.replayed_records,
            seconds=round(restored.seconds, 3),
        )

    def _checkpoint_all(self, numbers: list[int]) -> None:
        """Write what is not durable yet of these partitions, within the budget."""
        partitions = self.lifecycle.at(*RUNNING, State.RESTORING)
        self._checkpoints.write_all([p for p in partitions if p.number in numbers])


def _pause_s(failures: int) -> float:
    """Pause after so many failures in a row; none before the first."""
    return _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1] if failures else 0.0
