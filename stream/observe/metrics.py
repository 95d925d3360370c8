"""Every Prometheus metric of a worker, declared once: name, labels, unit and meaning.

Names start with `driftgate_`, units are base units, and labels take few values: the app, a topic,
a partition, a model, an expert of it, a detector, a reason, the name of a figure. No key, user or
feature value is ever a label. `docs/metrics.md` is rendered from these declarations by
`python -m stream.observe.metrics docs/metrics.md`.

Metrics are told what happened; nothing is ever read back from them.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from stream import __version__
from stream.drift.collector import Standing
from stream.drift.events import DriftEvent
from stream.drift.sources import NOBODY, Watchers
from stream.observe.collect import BatchHistogram, Labelled
from stream.observe.expert_load import ExpertLoad

STAGES = ("read", "join", "model", "write", "commit")
OUTCOMES = ("committed", "uncertain", "overtaken", "fenced")
EXPIRY_REASONS = ("delay", "capacity")
PARTITION_STATES = ("assigned", "restoring", "live", "held_back", "failed", "revoking")
REMOTE = ("log", "store")
RECOVERED, NOT_RECOVERED = RESULTS = ("recovered", "not_recovered")
WINDOWS = ("cumulative", "faded")

Window = Literal["cumulative", "faded"]

# From one cached batch to a coordinator that takes its whole time-out.
_STEP_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TRANSACTION_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CHECKPOINT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# A worker that catches up after an outage answers records that are minutes old.
_LATENCY_S = (*_TRANSACTION_S, 60.0, 300.0, 900.0, 3600.0)

PROCESS_METRICS = (
    ("process_cpu_seconds_total", "counter", "User and system CPU time spent."),
    ("process_resident_memory_bytes", "gauge", "Resident memory."),
    ("process_virtual_memory_bytes", "gauge", "Virtual memory."),
    ("process_start_time_seconds", "gauge", "Start of the process, seconds since 1970."),
    ("process_open_fds", "gauge", "Open file descriptors."),
    ("process_max_fds", "gauge", "Limit of open file descriptors."),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the reference: a metric as it is exposed (labels without `app`)."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


class Metrics:
    """All metrics of one worker, as attributes.

    Parameters
    ----------
    app
        Name of the pipeline; the label `app` of every series, process metrics included.
    registry
        Where the series are exposed; a registry of its own if None. At most one `Metrics` fits
        into a registry.

    Examples
    --------
    >>> metrics = Metrics("fraud")
    >>> metrics.records_read.labels(topic="fraud.features", partition="0").inc(3)
    >>> metrics.registry.get_sample_value(
    ...     "driftgate_records_read_total",
    ...     {"app": "fraud", "topic": "fraud.features", "partition": "0"},
    ... )
    3.0
    """

    def __init__(self, app: str, registry: CollectorRegistry | None = None) -> None:
        self.app = app
        self.registry = registry if registry is not None else CollectorRegistry()
        self.entries: list[Entry] = []
        self._inner = CollectorRegistry()
        self._of_partition: list[Gauge] = []
        self._available: dict[str, bool] = {}
        self._declare_flow()
        self._declare_steps()
        self._declare_labels()
        self._declare_quality()
        self._declare_drift()
        self._declare_experts()
        self._declare_state()
        self._declare_process()
        self._start_at_zero()
        self.registry.register(Labelled(self._inner, {"app": app}))

    def _declare_flow(self) -> None:
        """Declare records in, records out, and how far behind."""
        self.records_read = self._counter(
            "records_read", "Records read from input topics.", "topic", "partition"
        )
        self.predictions_written = self._counter(
            "predictions_written", "Predictions committed.", "partition"
        )
        self.dead_letters = self._counter(
            "dead_letters", "Records sent to the dead-letter topic.", "reason"
        )
        self.lag_records = self._gauge(
            "lag_records",
            "Records written that no step has taken, those of open transactions included.",
            "topic",
            "partition",
        )
        self.readable_lag_records = self._gauge(
            "readable_lag_records",
            "Those of them that may be read now; fewer while a producer's transaction is open.",
            "topic",
            "partition",
        )
        self.lag_seconds = self._gauge(
            "lag_seconds",
            "Age of the newest event processed, by event time; 0 while it is known that no record "
            "waits. Of a partition that is not live: for how long it has not been.",
            "partition",
        )
        self.end_to_end_latency = self._batch_histogram(
            "end_to_end_latency_seconds",
            "From a feature record's timestamp to the commit of its prediction.",
            _LATENCY_S,
        )

    def _declare_steps(self) -> None:
        """Declare transactions, and where the time of a step goes."""
        self.transactions = self._counter(
            "transactions",
            "Transactions by outcome: committed, uncertain or overtaken (recovery follows both), "
            "or fenced.",
            "outcome",
        )
        self.transaction_duration = self._histogram(
            "transaction_duration_seconds", "Time to commit one transaction.", _TRANSACTION_S
        )
        self.step_duration = self._histogram(
            "step_duration_seconds",
            "Time of one batch in a stage: read, join, model, write or commit.",
            _STEP_S,
            "stage",
        )
        self.main_loop_timestamp = self._gauge(
            "main_loop_timestamp_seconds", "Last turn of the main loop, seconds since 1970."
        )

    def _declare_labels(self) -> None:
        """Declare what happens between a prediction and its label."""
        self.labels_learnt = self._counter("labels_learnt", "Labels learnt.", "partition")
        self.pending_labels = self._gauge(
            "pending_labels", "Events that wait for their label.", "partition"
        )
        self.early_labels = self._gauge(
            "early_labels", "Labels that wait for their event.", "partition"
        )
        self.expired_labels = self._counter(
            "expired_labels",
            "Events given up without a label: after max_delay (delay), or because pending_max was "
            "reached (capacity).",
            "partition",
            "reason",
        )
        self.bounds_reached = self._gauge(
            "bounds_reached",
            "Bounds of open categories and classes (categories_max, classes_max) that no further "
            "one fits into.",
            "partition",
        )
        self.orphaned_labels = self._counter(
            "orphaned_labels", "Labels given up because no event came for them.", "partition"
        )

    def _declare_quality(self) -> None:
        """Declare how good predictions are, and when the world changed."""
        self.prequential = self._gauge(
            "prequential",
            "A prequential figure (accuracy, kappa_m, kappa_t ...) over the whole stream "
            "(cumulative) or with the past fading (faded).",
            "partition",
            "model",
            "figure",
            "window",
        )
        self.drift_events = self._counter(
            "drift_events", "Drifts that a detector signalled.", "partition", "detector"
        )

    def _declare_drift(self) -> None:
        """Declare what was found of drift, what was done, and how it went."""
        self.drift_diagnoses = self._counter(
            "drift_diagnoses",
            "Drifts by what they were first diagnosed as: real, virtual, label, outliers or none.",
            "partition",
            "source",
        )
        self.drift_actions = self._counter(
            "drift_actions", "What was done to the model about drift.", "partition", "action"
        )
        self.drift_outcomes = self._counter(
            "drift_outcomes",
            "Drifts that were judged: whether the model recovered (recovered, not_recovered).",
            "partition",
            "result",
        )
        self.drift_findings = self._counter(
            "drift_findings",
            "Changes that a monitor found without labels.",
            "partition",
            "monitor",
        )
        self.drift_open = self._gauge(
            "drift_open",
            "1 from the diagnosis of a drift until the model has recovered; where nothing is "
            "configured to respond, always 0.",
            "partition",
        )
        self.drift_confidence = self._gauge(
            "drift_confidence_ratio",
            "Probability that the last drift was diagnosed rightly.",
            "partition",
        )
        self.labels_since_drift = self._gauge(
            "labels_since_drift", "Labels learnt since the last drift began.", "partition"
        )
        self.drift_recovery = self._gauge(
            "drift_recovery_labels",
            "Labels from the beginning of the last drift that ended well to the recovery.",
            "partition",
        )

    def _declare_experts(self) -> None:
        """Declare who answers in a mixture of experts; other models have none of these."""
        self.expert_share = self._gauge(
            "expert_share_ratio",
            "An expert's mean part in the recent answers.",
            "partition",
            "model",
            "expert",
        )
        self.expert_utilisation = self._gauge(
            "expert_utilisation_ratio",
            "How evenly recent work is spread: 1 when all experts do as much, 1 / n when one of n "
            "does everything.",
            "partition",
            "model",
        )
        self.router_entropy = self._gauge(
            "router_entropy_bits",
            "Mean entropy of the experts' parts in one recent answer: 0 when one expert makes it "
            "alone.",
            "partition",
            "model",
        )

    def _declare_state(self) -> None:
        """Declare partitions, checkpoints and recovery."""
        self.partition_state = self._gauge(
            "partition_state", "1 for the state that the partition is in.", "partition", "state"
        )
        self.partition_failures = self._counter(
            "partition_failures", "Times that the partition has stopped by itself.", "partition"
        )
        self.standing_still = self._gauge(
            "standing_still", "Inputs, outputs and topics that stand still; /readyz names them."
        )
        self.available = self._gauge(
            "available", "Whether the log, or the checkpoint store, answered last.", "remote"
        )
        self.available_since = self._gauge(
            "available_change_timestamp_seconds",
            "Since when that is so, seconds since 1970; for what does not answer, since its last "
            "answer.",
            "remote",
        )
        self.checkpoint_writing = self._gauge(
            "checkpoint_writing_seconds",
            "For how long the checkpoint that takes longest has been written by now.",
        )
        self.checkpoint_timestamp = self._gauge(
            "checkpoint_timestamp_seconds",
            "When the newest checkpoint was written, seconds since 1970; its age is time() minus "
            "this.",
            "partition",
        )
        self.checkpoint_interval = self._gauge(
            "checkpoint_interval_seconds", "The configured checkpoint.interval."
        )
        self.checkpoint_size = self._gauge(
            "checkpoint_size_bytes", "Size of the newest checkpoint.", "partition"
        )
        self.checkpoint_duration = self._histogram(
            "checkpoint_duration_seconds", "Time to write one checkpoint.", _CHECKPOINT_S
        )
        self.checkpoint_failures = self._counter(
            "checkpoint_failures", "Checkpoints that could not be written.", "partition"
        )
        self.restore_duration = self._gauge(
            "restore_duration_seconds",
            "Time from the partition's last assignment until it was live.",
            "partition",
        )
        self.replayed_records = self._counter(
            "replayed_records", "Records replayed with outputs suppressed.", "partition"
        )

    def _declare_process(self) -> None:
        self.build = Info(
            "driftgate_build", "Version of driftgate and of Python.", registry=self._inner
        )
        self._note("driftgate_build_info", "gauge", ("version", "python"), self.build)
        self.build.info({"version": __version__, "python": platform.python_version()})
        ProcessCollector(registry=self._inner)
        self.entries += [Entry(name, kind, (), text) for name, kind, text in PROCESS_METRICS]

    def _start_at_zero(self) -> None:
        """Expose series whose labels are known beforehand, so that their first rise is a rise."""
        for outcome in OUTCOMES:
            self.transactions.labels(outcome=outcome)
        for stage in STAGES:
            self.step_duration.labels(stage=stage)
        for remote in REMOTE:
            self.set_available(remote, True)

    def partition_assigned(
        self, partition: int, watchers: Watchers = NOBODY, topics: Sequence[str] = ()
    ) -> None:
        """Start a partition's counters at zero, and its lags in these topics as none known."""
        number = str(partition)
        for counter in (
            self.predictions_written,
            self.labels_learnt,
            self.orphaned_labels,
            self.replayed_records,
            self.checkpoint_failures,
            self.partition_failures,
        ):
            counter.labels(partition=number)
        for reason in EXPIRY_REASONS:
            self.expired_labels.labels(partition=number, reason=reason)
        for detector in watchers.detectors:
            self.drift_events.labels(partition=number, detector=detector)
        for monitor in watchers.monitors:
            self.drift_findings.labels(partition=number, monitor=monitor)
        for source in watchers.sources:
            self.drift_diagnoses.labels(partition=number, source=source)
        for action in watchers.actions:
            self.drift_actions.labels(partition=number, action=action)
        for result in RESULTS if watchers.actions else ():
            self.drift_outcomes.labels(partition=number, result=result)
        self.lag_seconds.labels(partition=number).set(0.0)
        for topic in topics:
            for lag in (self.lag_records, self.readable_lag_records):
                lag.labels(topic=topic, partition=number).set(0.0)

    def set_available(self, remote: str, is_available: bool, since: float | None = None) -> None:
        """Say whether the log or the store has answered, and since when; None for now."""
        if self._available.get(remote) != is_available:
            self._available[remote] = is_available
            self.available.labels(remote=remote).set(float(is_available))
            self.available_since.labels(remote=remote).set(time() if since is None else since)

    def set_partition_state(self, partition: int, state: str) -> None:
        """Say which state the partition is in."""
        for name in PARTITION_STATES:
            series = self.partition_state.labels(partition=str(partition), state=name)
            series.set(float(name == state))

    def partition_revoked(self, partition: int) -> None:
        """Drop the partition's gauges: from now on its new owner reports them.

        Counters stay, because a sum of rates over workers needs each of them to go on.
        """
        for gauge in self._of_partition:
            gauge.remove_by_labels({"partition": str(partition)})

    def set_prequential(
        self, partition: int, model: str, window: Window, figures: Mapping[str, float]
    ) -> None:
        """Set all figures of one model and window; a NaN is a figure that has no value yet."""
        for figure, value in figures.items():
            self.prequential.labels(
                partition=str(partition), model=model, figure=figure, window=window
            ).set(value)

    def count_drift(self, event: DriftEvent) -> None:
        """Count one drift event by what it says."""
        number = str(event.partition)
        if event.event == "diagnosis" and event.revision == 0:
            self.drift_diagnoses.labels(partition=number, source=event.source).inc()
        elif event.event == "action" and event.action != "none":
            self.drift_actions.labels(partition=number, action=event.action).inc()
        elif event.event == "outcome" and event.outcome is not None:
            is_well = event.outcome.recovered_after is not None
            result = RECOVERED if is_well else NOT_RECOVERED
            self.drift_outcomes.labels(partition=number, result=result).inc()
        elif event.event == "monitor":
            self.drift_findings.labels(partition=number, monitor=event.detector).inc()
        elif event.kind == "drift":
            self.drift_events.labels(partition=number, detector=event.detector).inc()

    def set_standing(self, partition: int, standing: Standing, labels: int) -> None:
        """Set where a partition stands with its last drift, of which there may be none yet.

        Parameters
        ----------
        labels
            Learnt in the partition so far.
        """
        number = str(partition)
        self.drift_open.labels(partition=number).set(float(standing.is_open))
        if standing.episode:
            self.drift_confidence.labels(partition=number).set(standing.confidence)
            self.labels_since_drift.labels(partition=number).set(labels - standing.since)
        if standing.recovered_after is not None:
            self.drift_recovery.labels(partition=number).set(standing.recovered_after)

    def set_experts(self, partition: int, model: str, load: ExpertLoad) -> None:
        """Set how busy the experts of a mixture are; nothing where no answer has come yet."""
        place = {"partition": str(partition), "model": model}
        for expert, share in load.shares.items():
            self.expert_share.labels(**place, expert=expert).set(share)
        if load.shares:
            self.expert_utilisation.labels(**place).set(load.utilisation)
            self.router_entropy.labels(**place).set(load.entropy_bits)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        metric = Counter(f"driftgate_{name}", meaning, labels, registry=self._inner)
        self._note(f"driftgate_{name}_total", "counter", labels, metric)
        return metric

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        metric = Gauge(f"driftgate_{name}", meaning, labels, registry=self._inner)
        self._note(f"driftgate_{name}", "gauge", labels, metric)
        if "partition" in labels:
            self._of_partition.append(metric)
        return metric

    def _histogram(
        self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        metric = Histogram(
            f"driftgate_{name}", meaning, labels, buckets=buckets, registry=self._inner
        )
        self._note(f"driftgate_{name}", "histogram", labels, metric)
        return metric

    def _batch_histogram(
        self, name: str, meaning: str, buckets: tuple[float, ...]
    ) -> BatchHistogram:
        metric = BatchHistogram(f"driftgate_{name}", meaning, buckets)
        self._inner.register(metric)
        self.entries.append(Entry(f"driftgate_{name}", "histogram", (), meaning))
        return metric

    def _note(
        self,
        name: str,
        kind: str,
        labels: tuple[str, ...],
        metric: Counter | Gauge | Histogram | Info,
    ) -> None:
        meaning = next(iter(metric.describe())).documentation
        self.entries.append(Entry(name, kind, labels, meaning))


def render_reference() -> str:
    """Render `docs/metrics.md`: one table row for each metric."""
    lines = [
        "# Metrics",
        "",
        "<!-- Written by `python -m stream.observe.metrics docs/metrics.md`; a test keeps it up "
        "to date. -->",
        "",
        "Every series carries the label `app`. A histogram is exposed as `_bucket`, `_sum` and "
        "`_count`. Gauges of a partition disappear from a worker that hands the partition over.",
        "",
        "| Metric | Type | Labels | Meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{entry.name}` | {entry.kind} | "
        f"{', '.join(f'`{label}`' for label in entry.labels)} | {entry.meaning} |"
        for entry in Metrics("reference").entries
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_reference(), encoding="utf-8")
