"""What watches a worker: metrics and probes in production, progress in a terminal.

The flow shows what happens, and never asks back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import time

import structlog

from stream.drift.sources import Watchers
from stream.log.base import Lag
from stream.observe.expert_load import ExpertLoad
from stream.observe.metrics import Metrics
from stream.observe.server import Health
from stream.recovery.lifecycle import State, Status
from stream.recovery.restoration import Restored
from stream.task import StepReport

_log = structlog.get_logger(__name__)


class Observer:
    """What a worker shows; this one looks away. Those that look override what they need."""

    def tick(self) -> None:
        """See the main loop turn."""

    def joined(self) -> None:
        """See the group accept the worker, with or without partitions."""

    def moved(self, status: Status) -> None:
        """See a partition come to another state."""

    def restored(self, restored: Restored) -> None:
        """See how a partition came to be live."""

    def lags(
        self, partition: int, lags: Mapping[str, Lag | None], newest_ms: int | None, live_s: float
    ) -> None:
        """See how far behind a running partition is.

        Parameters
        ----------
        lags
            By input topic; None while it is unknown, as when the log does not answer.
        newest_ms
            Largest event time processed; None before the first event.
        live_s
            For how long the partition has been running.
        """

    def not_working(self, partition: int, seconds: float) -> None:
        """See for how long a partition of this worker has not been running."""

    def step(self, report: StepReport, commit_s: float) -> None:
        """See one task's step, which has been committed."""

    def committed(self, seconds: float) -> None:
        """See a transaction committed."""

    def uncertain(self) -> None:
        """See a transaction of which it is not known whether it was committed."""

    def overtaken(self) -> None:
        """See that another member has committed for a partition held to be ours."""

    def fenced(self, reason: str) -> None:
        """See that another worker has taken over this one's name."""

    def commits_fail(self, reason: str, lasts_s: float) -> None:
        """Commits have failed, one after the other, for so long."""

    def commits_go_on(self) -> None:
        """One has succeeded, or there is nothing to commit any more."""

    def log_available(self) -> None:
        """See the log answer a request."""

    def log_unavailable(self, reason: str, away_s: float) -> None:
        """See the log not answer a request; it answered last so many seconds ago."""

    def store_unavailable(self, reason: str) -> None:
        """See the checkpoint store not answer."""

    def troubles(self, reasons: Sequence[str]) -> None:
        """See everything that stands still though it should not."""

    def checkpointed(self, partition: int, size_bytes: int, seconds: float) -> None:
        """See a checkpoint become durable."""

    def checkpoint_failed(self, partition: int, reason: str) -> None:
        """See that a checkpoint could not be written."""

    def checkpoints_under_way(self, seconds: Mapping[int, float]) -> None:
        """See for how long each partition's checkpoint has been written by now."""


class MetricsObserver(Observer):
    """Turns what a worker tells into Prometheus metrics and the answers of probes.

    Parameters
    ----------
    metrics, health
        Written here, read by the server's threads.
    model
        Name of the model, a label of its figures.
    watchers
        Whose counters start at zero.
    fading_factor
        Of the means over a mixture's experts.
    topics
        Input topics, whose lags are shown from a partition's assignment on.
    """

    def __init__(
        self,
        metrics: Metrics,
        health: Health,
        model: str,
        watchers: Watchers,
        fading_factor: float,
        topics: Sequence[str] = (),
    ) -> None:
        self._watchers = watchers
        self._topics = topics
        self._metrics = metrics
        self._health = health
        self._model = model
        self._fading_factor = fading_factor
        self._loads: dict[int, ExpertLoad] = {}
        self._told: dict[int, set[str]] = {}
        self._known: set[int] = set()

    def tick(self) -> None:
        self._health.tick()
        self._metrics.main_loop_timestamp.set(time())

    def joined(self) -> None:
        self._health.joined()

    def moved(self, status: Status) -> None:
        number = status.partition
        if status.state is State.RELEASED:
            self._loads.pop(number, None)
            self._told.pop(number, None)
            self._known.discard(number)
            self._metrics.partition_revoked(number)
            return
        if number not in self._known:
            self._known.add(number)
            self._metrics.partition_assigned(number, self._watchers, self._topics)
        self._metrics.set_partition_state(number, status.state.value)
        if status.state is State.FAILED:
            self._metrics.partition_failures.labels(partition=str(number)).inc()

    def restored(self, restored: Restored) -> None:
        number = str(restored.task.partition)
        self._metrics.restore_duration.labels(partition=number).set(restored.seconds)
        self._metrics.replayed_records.labels(partition=number).inc(restored.replayed_records)
        self._store_answers()

    def lags(
        self, partition: int, lags: Mapping[str, Lag | None], newest_ms: int | None, live_s: float
    ) -> None:
        metrics, number = self._metrics, str(partition)
        for topic, lag in lags.items():
            if lag is not None:
                metrics.lag_records.labels(topic=topic, partition=number).set(lag.written)
                metrics.readable_lag_records.labels(topic=topic, partition=number).set(lag.readable)
        is_behind = any(lag is None or lag.written for lag in lags.values())
        age_s = live_s if newest_ms is None else time() - newest_ms / 1000
        metrics.lag_seconds.labels(partition=number).set(max(age_s, 0.0) if is_behind else 0.0)

    def not_working(self, partition: int, seconds: float) -> None:
        self._metrics.lag_seconds.labels(partition=str(partition)).set(seconds)

    def step(self, report: StepReport, commit_s: float) -> None:
        metrics, number, now = self._metrics, str(report.partition), time()
        self._count(report, number)
        metrics.pending_labels.labels(partition=number).set(report.pending)
        metrics.early_labels.labels(partition=number).set(report.held)
        metrics.bounds_reached.labels(partition=number).set(len(report.bounds_reached))
        self._tell(report)
        metrics.end_to_end_latency.observe_many(
            [now - timestamp / 1000 for timestamp in report.timestamps]
        )
        for stage, seconds in report.seconds.items():
            metrics.step_duration.labels(stage=stage).observe(seconds)
        metrics.step_duration.labels(stage="commit").observe(commit_s)
        figures = report.figures
        faded = {
            name.removeprefix("faded_"): value
            for name, value in figures.items()
            if name.startswith("faded_")
        }
        whole = {name: value for name, value in figures.items() if not name.startswith("faded_")}
        metrics.set_prequential(report.partition, self._model, "cumulative", whole)
        metrics.set_prequential(report.partition, self._model, "faded", faded)
        load = self._loads.setdefault(report.partition, ExpertLoad(self._fading_factor))
        load.observe(report.expert_shares)
        metrics.set_experts(report.partition, self._model, load)

    def _tell(self, report: StepReport) -> None:
        """Log each bound once, when it is reached."""
        told = self._told.setdefault(report.partition, set())
        for sentence in report.bounds_reached:
            if sentence not in told:
                told.add(sentence)
                _log.warning("bound reached", partition=report.partition, reason=sentence)

    def _count(self, report: StepReport, number: str) -> None:
        metrics = self._metrics
        for topic, count in report.taken.items():
            metrics.records_read.labels(topic=topic, partition=number).inc(count)
        metrics.predictions_written.labels(partition=number).inc(report.predicted)
        metrics.labels_learnt.labels(partition=number).inc(report.learnt)
        metrics.orphaned_labels.labels(partition=number).inc(report.orphaned)
        for reason, count in (
            ("delay", report.expired_by_delay),
            ("capacity", report.expired_by_capacity),
        ):
            metrics.expired_labels.labels(partition=number, reason=reason).inc(count)
        for reason, count in report.dead.items():
            metrics.dead_letters.labels(reason=reason).inc(count)
        for event in report.drift:
            metrics.count_drift(event)
        metrics.set_standing(report.partition, report.standing, report.learnt_in_all)

    def committed(self, seconds: float) -> None:
        self._metrics.transactions.labels(outcome="committed").inc()
        self._metrics.transaction_duration.observe(seconds)

    def uncertain(self) -> None:
        self._metrics.transactions.labels(outcome="uncertain").inc()

    def overtaken(self) -> None:
        self._metrics.transactions.labels(outcome="overtaken").inc()

    def log_available(self) -> None:
        self._metrics.set_available("log", True)
        self._health.trouble("log", "")

    def commits_fail(self, reason: str, lasts_s: float) -> None:
        self._health.trouble(
            "commits", f"no commit has succeeded since {_utc(time() - lasts_s)}: {reason}"
        )

    def commits_go_on(self) -> None:
        self._health.trouble("commits", "")

    def log_unavailable(self, reason: str, away_s: float) -> None:
        since = time() - away_s
        self._metrics.set_available("log", False, since)
        self._health.trouble("log", f"the log has not answered since {_utc(since)}: {reason}")

    def store_unavailable(self, reason: str) -> None:
        self._metrics.set_available("store", False)
        self._health.note("store", f"the checkpoint store does not answer: {reason}")

    def _store_answers(self) -> None:
        self._metrics.set_available("store", True)
        self._health.note("store", "")

    def troubles(self, reasons: Sequence[str]) -> None:
        self._metrics.standing_still.set(len(reasons))
        self._health.trouble("still", "; ".join(reasons))

    def fenced(self, reason: str) -> None:
        self._metrics.transactions.labels(outcome="fenced").inc()
        self._health.fenced(reason)

    def checkpointed(self, partition: int, size_bytes: int, seconds: float) -> None:
        number = str(partition)
        self._metrics.checkpoint_timestamp.labels(partition=number).set(time())
        self._metrics.checkpoint_size.labels(partition=number).set(size_bytes)
        self._metrics.checkpoint_duration.observe(seconds)
        self._store_answers()

    def checkpoint_failed(self, partition: int, reason: str) -> None:
        self._metrics.checkpoint_failures.labels(partition=str(partition)).inc()
        self._metrics.set_available("store", False)
        self._health.note("store", f"checkpoints cannot be written: {reason}")

    def checkpoints_under_way(self, seconds: Mapping[int, float]) -> None:
        self._metrics.checkpoint_writing.set(max(seconds.values(), default=0.0))


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
