"""Whoever is told what a worker does: metrics and probes in production, progress in a terminal.

The flow tells, and never asks back.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import time
from typing import Protocol

from stream.expert_load import ExpertLoad
from stream.metrics import Metrics
from stream.recovery import Recovered
from stream.server import Health
from stream.task import StepReport
from stream.watchers import Watchers


class Observer(Protocol):
    """What a worker tells."""

    def tick(self) -> None:
        """The main loop turns."""

    def joined(self) -> None:
        """The group has accepted the worker, with or without partitions."""

    def assigned(self, partitions: Iterable[int]) -> None:
        """Partitions are to be recovered."""

    def revoked(self, partitions: Iterable[int]) -> None:
        """Partitions were handed over or lost."""

    def recovered(self, recovered: Recovered) -> None:
        """A partition is live."""

    def step(
        self,
        report: StepReport,
        lags: dict[str, int | None],
        commit_s: float,
    ) -> None:
        """One task's step has been committed."""

    def committed(self, seconds: float) -> None:
        """A transaction has been committed."""

    def uncertain(self) -> None:
        """Nobody knows whether a transaction was committed."""

    def fenced(self, reason: str) -> None:
        """Another worker has taken over."""

    def checkpointed(self, partition: int, size_bytes: int, seconds: float) -> None:
        """A checkpoint is durable."""

    def checkpoint_failed(self, partition: int) -> None:
        """A checkpoint could not be written."""


class MetricsObserver:
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
    """

    def __init__(
        self,
        metrics: Metrics,
        health: Health,
        model: str,
        watchers: Watchers,
        fading_factor: float,
    ) -> None:
        self._watchers = watchers
        self._metrics = metrics
        self._health = health
        self._model = model
        self._fading_factor = fading_factor
        self._loads: dict[int, ExpertLoad] = {}

    def tick(self) -> None:
        self._health.tick()
        self._metrics.main_loop_timestamp.set(time())

    def joined(self) -> None:
        self._health.joined()

    def assigned(self, partitions: Iterable[int]) -> None:
        numbers = list(partitions)
        self._health.assigned(numbers)
        for number in numbers:
            self._metrics.partition_assigned(number, self._watchers)

    def revoked(self, partitions: Iterable[int]) -> None:
        numbers = list(partitions)
        self._health.revoked(numbers)
        for number in numbers:
            self._loads.pop(number, None)
            self._metrics.partition_revoked(number)

    def recovered(self, recovered: Recovered) -> None:
        partition = recovered.task.partition
        number = str(partition)
        self._health.restored(partition)
        self._metrics.set_partition_state(partition, "live")
        self._metrics.restore_duration.labels(partition=number).set(recovered.seconds)
        self._metrics.replayed_records.labels(partition=number).inc(recovered.replayed_records)

    def step(
        self,
        report: StepReport,
        lags: dict[str, int | None],
        commit_s: float,
    ) -> None:
        metrics, number, now = self._metrics, str(report.partition), time()
        self._count(report, number)
        metrics.pending_labels.labels(partition=number).set(report.pending)
        metrics.early_labels.labels(partition=number).set(report.held)
        for topic, lag in lags.items():
            if lag is not None:
                metrics.lag_records.labels(topic=topic, partition=number).set(lag)
        behind = any(lag != 0 for lag in lags.values())
        age_s = max(now - report.stream_time / 1000, 0.0) if behind else 0.0
        metrics.lag_seconds.labels(partition=number).set(age_s)
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

    def fenced(self, reason: str) -> None:
        self._metrics.transactions.labels(outcome="fenced").inc()
        self._health.fenced(reason)

    def checkpointed(self, partition: int, size_bytes: int, seconds: float) -> None:
        number = str(partition)
        self._metrics.checkpoint_timestamp.labels(partition=number).set(time())
        self._metrics.checkpoint_size.labels(partition=number).set(size_bytes)
        self._metrics.checkpoint_duration.observe(seconds)

    def checkpoint_failed(self, partition: int) -> None:
        self._metrics.checkpoint_failures.labels(partition=str(partition)).inc()
