"""Steps of all running tasks, and the transactions that commit them.

A commit runs beside the next step. Every commit has ended when a turn's stepping ends, so none is
ever under way during a poll, in which partitions may change hands.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from stream.clock import Clock
from stream.config.pipeline import Config
from stream.errors import CommitUncertainError, LogUnavailableError, TopicMissingError
from stream.journal import StepNote
from stream.log.base import Committed, Log, TopicPartition, Transaction
from stream.observe.availability import Availability
from stream.observe.observer import Observer
from stream.recovery.lifecycle import Lifecycle, Live
from stream.recovery.settings import Builds
from stream.task import Step
from stream.topology import input_topics
from stream.worker.doubts import Doubts
from stream.worker.failures import Failures

_log = structlog.get_logger(__name__)
# Where an output topic is gone, or has fewer partitions by now, restoring refuses the partitions
# that lack it, by name; the others of the transaction go on.
_NOT_COMMITTED = (LogUnavailableError, TopicMissingError)


class Stepping:
    """Steps tasks until nothing is left that may be taken.

    Parameters
    ----------
    config
        The pipeline.
    log
        Committed to.
    lifecycle
        Knows which tasks run.
    builds
        Has the settings of today.
    failures
        Stops a partition whose step raises.
    doubts
        Takes note of commits.
    clock
        Of waiting for the other topic.
    availability
        Takes note of answers.
    observer
        Sees steps and commits.
    """

    def __init__(
        self,
        config: Config,
        log: Log,
        lifecycle: Lifecycle,
        builds: Builds,
        failures: Failures,
        doubts: Doubts,
        clock: Clock,
        availability: Availability,
        observer: Observer,
    ) -> None:
        self._log = log
        self._lifecycle = lifecycle
        self._builds = builds
        self._failures = failures
        self._doubts = doubts
        self._clock = clock
        self._availability = availability
        self._observer = observer
        self._topics = input_topics(config)
        self._records_max = config.steps.records_max
        self._wait_s = config.labels.wait_for_other.total_seconds()

    def run(self) -> None:
        """Step and commit until no task has anything to take.

        Raises
        ------
        CommitUncertainError, OvertakenError, RecordRefusedError
            States may be ahead of the log.
        """
        finish: Callable[[], None] | None = None
        while True:
            steps: list[tuple[Live, Step]] = []
            try:
                for number, live in self._lifecycle.running().items():
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
            self._failures.stop(number, error)
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
        live.is_polled = False  # what was read ahead is left, and read again
        return step

    def _records_step(self, live: Live) -> Step | None:
        now = self._clock.monotonic()
        waited = live.blocked_since is not None and now - live.blocked_since >= self._wait_s
        more = {
            source.topic: not waited and self._may_hold_more(source) for source in live.task.offsets
        }
        step = live.task.step(more, self._records_max)
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
        offsets = {
            source: Committed(offset, _note(live, step, source.topic))
            for live, step in steps
            for source, offset in step.offsets.items()
        }
        follows = {
            source: live.committed[source] for live, step in steps for source in step.offsets
        }
        outputs = [batch for _, step in steps for batch in step.outputs]
        start = self._clock.monotonic()
        try:
            wait = self._log.begin_commit(Transaction(outputs, offsets, identity, follows))
        except _NOT_COMMITTED as error:
            # The steps have run, their outputs are not committed: going on would lose them.
            raise CommitUncertainError(str(error)) from error

        def finish() -> None:
            try:
                written = wait()
            except _NOT_COMMITTED as error:
                raise CommitUncertainError(str(error)) from error
            seconds = self._clock.monotonic() - start
            self._availability.answered()
            for live, step in steps:
                live.committed = {source: offsets[source] for source in step.offsets}
                live.committed_steps = step.entry.step + 1
                live.journal_offset = written[step.outputs[-1].target] + 1
                self._lifecycle.has_worked(live.task.partition)
                self._observer.step(step.report, seconds)
            self._doubts.committed()
            self._observer.committed(seconds)

        return finish


def _note(live: Live, step: Step, topic: str) -> str:
    """Write what stands beside the offset of one input."""
    return str(StepNote(step.entry.step + 1, live.task.life, live.topic_ids.get(topic, "")))
