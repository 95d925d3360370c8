"""Covers stream.observe.metrics and stream.observe.collect: names, labels, lifetimes, page.

That dashboards and alerts only name these metrics is tested in tests/test_manifests.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import DuplicateTimeseries

from stream.drift.build import NOWHERE
from stream.drift.collector import Standing
from stream.drift.events import Judgement
from stream.drift.sources import Watchers
from stream.observe.collect import BatchHistogram
from stream.observe.expert_load import ExpertLoad
from stream.observe.metrics import PARTITION_STATES, Metrics, render_reference
from stream.recovery.lifecycle import State

ROOT = Path(__file__).parents[3]
UNITS = ("_total", "_seconds", "_bytes", "_bits", "_ratio", "_info")
# Counts and ratios: Prometheus names these after the thing itself.
UNITLESS = {
    "driftgate_lag_records",
    "driftgate_readable_lag_records",
    "driftgate_available",
    "driftgate_standing_still",
    "driftgate_pending_labels",
    "driftgate_early_labels",
    "driftgate_bounds_reached",
    "driftgate_prequential",
    "driftgate_partition_state",
    "driftgate_drift_open",
    "driftgate_labels_since_drift",
    "driftgate_drift_recovery_labels",
}
BOUNDED_LABELS = {
    *("topic", "partition", "reason", "outcome", "stage", "model", "figure", "window"),
    *("detector", "expert", "state", "version", "python"),
    *("source", "action", "result", "monitor", "remote"),
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("flights")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"app": "flights", **labels})


def exposed_names(metrics: Metrics) -> set[str]:
    text = generate_latest(metrics.registry).decode()
    return {
        sample.name for family in text_string_to_metric_families(text) for sample in family.samples
    }


def test_reference_page_is_up_to_date() -> None:
    assert (ROOT / "docs/metrics.md").read_text(encoding="utf-8") == render_reference()


def test_every_name_has_the_prefix_and_a_unit(metrics: Metrics) -> None:
    own = [entry for entry in metrics.entries if not entry.name.startswith("process_")]
    assert len(own) > 25
    for entry in own:
        assert entry.name.startswith("driftgate_")
        assert entry.name.endswith(UNITS) or entry.name in UNITLESS, entry.name
        assert (entry.kind == "counter") == entry.name.endswith("_total")


def test_labels_are_those_known_to_be_bounded(metrics: Metrics) -> None:
    used = {label for entry in metrics.entries for label in entry.labels}
    assert used <= BOUNDED_LABELS


def test_names_in_the_reference_are_unique_and_have_a_meaning(metrics: Metrics) -> None:
    names = [entry.name for entry in metrics.entries]
    assert len(set(names)) == len(names)
    assert all(entry.meaning.endswith(".") for entry in metrics.entries)


def test_every_series_carries_the_app(metrics: Metrics) -> None:
    metrics.partition_assigned(0, watchers=Watchers(detectors=("adwin",)))
    text = generate_latest(metrics.registry).decode()
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    assert len(samples) > 50
    assert all(sample.labels["app"] == "flights" for sample in samples)


def test_process_metrics_are_exposed_under_their_standard_names(metrics: Metrics) -> None:
    resident = value(metrics, "process_resident_memory_bytes")
    assert resident is not None
    assert resident > 1e6


def test_no_created_series(metrics: Metrics) -> None:
    metrics.partition_assigned(0)
    metrics.step_duration.labels(stage="read").observe(0.1)
    assert not [name for name in exposed_names(metrics) if name.endswith("_created")]


def test_exposed_names_are_those_of_the_reference(metrics: Metrics) -> None:
    metrics.partition_assigned(0, watchers=Watchers(detectors=("adwin",)))
    names = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for name in exposed_names(metrics)
    }
    assert names <= {entry.name for entry in metrics.entries}


def test_counters_with_known_labels_start_at_zero(metrics: Metrics) -> None:
    metrics.partition_assigned(3, watchers=Watchers(detectors=("adwin",)))
    assert value(metrics, "driftgate_transactions_total", outcome="fenced") == 0.0
    assert value(metrics, "driftgate_expired_labels_total", partition="3", reason="delay") == 0.0
    assert value(metrics, "driftgate_drift_events_total", partition="3", detector="adwin") == 0.0


WATCHERS = Watchers(("adwin",), ("psi",), ("real", "none"), ("reset",))


def test_drift_is_counted_by_what_was_said(metrics: Metrics) -> None:
    metrics.partition_assigned(2, WATCHERS)
    said = {"partition": 2, "detector": "psi"}
    well, badly = Judgement(recovered_after=640), Judgement()
    for event in (
        replace(NOWHERE, **said, event="diagnosis", source="real"),
        replace(NOWHERE, **said, event="diagnosis", source="none", revision=1),
        replace(NOWHERE, **said, event="action", action="none"),
        replace(NOWHERE, **said, event="action", action="reset"),
        replace(NOWHERE, **said, event="outcome", outcome=badly),
        replace(NOWHERE, **said, event="outcome", outcome=well),
        replace(NOWHERE, **said, event="outcome", outcome=well),
        replace(NOWHERE, **said, event="monitor", kind="monitor"),
        replace(NOWHERE, partition=2, detector="adwin", kind="drift"),
        replace(NOWHERE, partition=2, detector="adwin", kind="warning"),
    ):
        metrics.count_drift(event)
    counted = {
        (name, of): value(metrics, f"driftgate_drift_{name}_total", partition="2", **{label: of})
        for name, label, of in (
            ("diagnoses", "source", "real"),
            ("diagnoses", "source", "none"),
            ("actions", "action", "reset"),
            ("outcomes", "result", "recovered"),
            ("outcomes", "result", "not_recovered"),
            ("findings", "monitor", "psi"),
            ("events", "detector", "adwin"),
        )
    }
    assert list(counted.values()) == [1.0, 0.0, 1.0, 2.0, 1.0, 1.0, 1.0]


def test_where_a_partition_stands_with_its_last_drift(metrics: Metrics) -> None:
    def stands(name: str) -> float | None:
        return value(metrics, f"driftgate_{name}", partition="2")

    metrics.set_standing(2, Standing(), 500)
    assert (stands("drift_open"), stands("labels_since_drift")) == (0.0, None)
    metrics.set_standing(2, Standing(3, True, False, "real", 0.93, 870), 1000)
    assert (stands("drift_open"), stands("labels_since_drift")) == (1.0, 130.0)
    assert (stands("drift_confidence_ratio"), stands("drift_recovery_labels")) == (0.93, None)
    metrics.set_standing(2, Standing(3, False, True, "real", 0.93, 870, 640), 1600)
    assert (stands("drift_open"), stands("drift_recovery_labels")) == (0.0, 640.0)
    metrics.partition_revoked(2)
    assert stands("drift_open") is None


def test_partition_state_is_one_hot(metrics: Metrics) -> None:
    assert {state.value for state in State} - {"released"} == set(PARTITION_STATES)
    for now in PARTITION_STATES:
        metrics.set_partition_state(1, now)
        shown = {
            state: value(metrics, "driftgate_partition_state", partition="1", state=state)
            for state in PARTITION_STATES
        }
        assert shown == {state: float(state == now) for state in PARTITION_STATES}


def test_lags_and_failures_are_there_from_the_assignment_on(metrics: Metrics) -> None:
    metrics.partition_assigned(4, topics=["events", "labels"])
    for name in ("lag_records", "readable_lag_records"):
        for topic in ("events", "labels"):
            assert value(metrics, f"driftgate_{name}", partition="4", topic=topic) == 0.0
    assert value(metrics, "driftgate_lag_seconds", partition="4") == 0.0
    assert value(metrics, "driftgate_partition_failures_total", partition="4") == 0.0


def test_since_when_a_remote_answers_or_does_not_is_kept_until_that_changes(
    metrics: Metrics,
) -> None:
    def shown() -> tuple[float | None, float | None]:
        return (
            value(metrics, "driftgate_available", remote="log"),
            value(metrics, "driftgate_available_change_timestamp_seconds", remote="log"),
        )

    answers, began = shown()
    assert answers == 1.0
    assert began is not None
    metrics.set_available("log", True, 1.0)
    assert shown() == (1.0, began)
    metrics.set_available("log", False, 1000.0)
    metrics.set_available("log", False, 2000.0)
    assert shown() == (0.0, 1000.0)
    metrics.set_available("log", True)
    answers, since = shown()
    assert answers == 1.0
    assert since is not None
    assert since >= began
    assert value(metrics, "driftgate_available", remote="store") == 1.0


def test_a_revoked_partition_keeps_counters_and_loses_gauges(metrics: Metrics) -> None:
    for partition in (1, 11):
        metrics.partition_assigned(partition)
        metrics.lag_records.labels(topic="t", partition=str(partition)).set(5)
        metrics.set_prequential(partition, "tree", "faded", {"accuracy": 0.75})
    metrics.predictions_written.labels(partition="1").inc(7)

    metrics.partition_revoked(1)

    assert value(metrics, "driftgate_lag_records", topic="t", partition="1") is None
    assert value(metrics, "driftgate_partition_state", partition="1", state="live") is None
    assert value(metrics, "driftgate_predictions_written_total", partition="1") == 7.0
    assert value(metrics, "driftgate_lag_records", topic="t", partition="11") == 5.0
    figure = {"model": "tree", "figure": "accuracy", "window": "faded"}
    assert value(metrics, "driftgate_prequential", partition="1", **figure) is None
    assert value(metrics, "driftgate_prequential", partition="11", **figure) == 0.75


def test_experts_are_shown_once_they_have_answered(metrics: Metrics) -> None:
    load = ExpertLoad(0.9)
    metrics.set_experts(1, "moe", load)
    assert "driftgate_router_entropy_bits" not in exposed_names(metrics)
    load.observe({"old": np.array([1.0, 0.5]), "young": np.array([0.0, 0.5])})
    metrics.set_experts(1, "moe", load)
    place = {"partition": "1", "model": "moe"}
    share = value(metrics, "driftgate_expert_share_ratio", expert="old", **place)
    assert share == pytest.approx((0.9 + 0.5) / 1.9)
    assert value(metrics, "driftgate_router_entropy_bits", **place) == pytest.approx(1 / 1.9)
    metrics.partition_revoked(1)
    assert value(metrics, "driftgate_expert_share_ratio", expert="old", **place) is None


def test_a_registry_takes_one_metrics_only() -> None:
    registry = CollectorRegistry()
    Metrics("one", registry)
    with pytest.raises(DuplicateTimeseries):
        Metrics("two", registry)


@given(
    st.lists(
        st.lists(st.one_of(st.floats(0, 100), st.sampled_from([0.1, 1.0, 10.0])), max_size=20),
        max_size=5,
    )
)
def test_batch_histogram_equals_the_clients_own(batches: list[list[float]]) -> None:
    bounds = (0.1, 1.0, 10.0)
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batched = BatchHistogram("x_seconds", "X.", bounds)
    ours.register(batched)
    single = Histogram("x_seconds", "X.", buckets=bounds, registry=theirs)
    for batch in batches:
        batched.observe_many(batch)
        for item in batch:
            single.observe(item)
    for le in ("0.1", "1.0", "10.0", "+Inf"):
        expected = theirs.get_sample_value("x_seconds_bucket", {"le": le})
        assert ours.get_sample_value("x_seconds_bucket", {"le": le}) == expected
    total = theirs.get_sample_value("x_seconds_sum")
    assert total is not None
    assert np.isclose(ours.get_sample_value("x_seconds_sum") or 0.0, total)
