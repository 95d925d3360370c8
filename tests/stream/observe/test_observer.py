"""Covers stream.observe.observer: what metrics and probes say of lags, failures, log, store.

Experts: test_experts.py. The worker that calls it: tests/replay/test_surfaces.py.
"""

from __future__ import annotations

import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from stream.drift.collector import Standing
from stream.drift.sources import NOBODY
from stream.log.base import Lag
from stream.observe.metrics import Metrics
from stream.observe.observer import MetricsObserver
from stream.observe.server import Health
from stream.recovery.lifecycle import State, Status
from stream.task import StepReport


class Shown:
    """An observer with what it writes to."""

    def __init__(self) -> None:
        self.metrics, self.health = Metrics("toy"), Health(150.0)
        self.health.joined()
        self.observer = MetricsObserver(
            self.metrics, self.health, "tree", NOBODY, 0.999, ("events", "labels")
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"driftgate_{name}", {"app": "toy", **labels})

    def reasons(self) -> tuple[str, ...]:
        return self.health.ready().reasons


@pytest.fixture
def shown() -> Shown:
    made = Shown()
    made.observer.moved(Status(2, State.ASSIGNED, 0.0))
    return made


def test_lags_are_there_before_the_first_record(shown: Shown) -> None:
    assert shown.value("lag_records", partition="2", topic="labels") == 0.0
    assert shown.value("readable_lag_records", partition="2", topic="events") == 0.0
    assert shown.value("partition_failures_total", partition="2") == 0.0


def test_what_a_producer_holds_back_is_lag_although_it_cannot_be_read(shown: Shown) -> None:
    newest_ms = int(1000 * (time.time() - 90))
    lags: dict[str, Any] = {"events": Lag(15, 40), "labels": Lag(0, 0)}
    shown.observer.lags(2, lags, newest_ms, 500.0)
    assert shown.value("lag_records", partition="2", topic="events") == 40.0
    assert shown.value("readable_lag_records", partition="2", topic="events") == 15.0
    assert shown.value("lag_seconds", partition="2") == pytest.approx(90, abs=5)


def test_no_seconds_of_lag_only_while_it_is_known_that_nothing_waits(shown: Shown) -> None:
    newest_ms = int(1000 * (time.time() - 90))
    shown.observer.lags(2, {"events": Lag(0, 0), "labels": Lag(0, 0)}, newest_ms, 500.0)
    assert shown.value("lag_seconds", partition="2") == 0.0
    shown.observer.lags(2, {"events": None, "labels": Lag(0, 0)}, newest_ms, 500.0)
    assert shown.value("lag_seconds", partition="2") == pytest.approx(90, abs=5)
    shown.observer.lags(2, {"events": Lag(3, 3)}, None, 12.0)  # no event has come yet
    assert shown.value("lag_seconds", partition="2") == 12.0


def test_a_partition_that_does_not_run_falls_behind(shown: Shown) -> None:
    shown.observer.not_working(2, 75.0)
    assert shown.value("lag_seconds", partition="2") == 75.0


def test_states_and_failures_are_counted(shown: Shown) -> None:
    for state in (State.RESTORING, State.FAILED, State.ASSIGNED, State.RESTORING, State.FAILED):
        shown.observer.moved(Status(2, state, 0.0))
    assert shown.value("partition_state", partition="2", state="failed") == 1.0
    assert shown.value("partition_state", partition="2", state="restoring") == 0.0
    assert shown.value("partition_failures_total", partition="2") == 2.0
    shown.observer.moved(Status(2, State.RELEASED, 0.0))
    assert shown.value("partition_state", partition="2", state="failed") is None
    assert shown.value("lag_records", partition="2", topic="events") is None
    assert shown.value("partition_failures_total", partition="2") == 2.0


def test_since_when_the_log_does_not_answer(shown: Shown) -> None:
    shown.observer.log_unavailable("no route", 30.0)
    shown.observer.log_unavailable("no route", 42.0)
    assert shown.value("available", remote="log") == 0.0
    since = shown.value("available_change_timestamp_seconds", remote="log")
    assert since == pytest.approx(time.time() - 30, abs=5)
    (reason,) = shown.reasons()
    assert reason.startswith("the log has not answered since 20")
    assert reason.endswith(": no route")
    assert not shown.health.ready().ok
    shown.observer.log_available()
    assert shown.value("available", remote="log") == 1.0
    assert shown.reasons() == ()


def test_commits_that_fail_are_in_the_way_until_one_succeeds(shown: Shown) -> None:
    shown.observer.commits_fail("database is locked", 30.0)
    (reason,) = shown.reasons()
    assert reason.startswith("no commit has succeeded since 20")
    assert reason.endswith(": database is locked")
    assert not shown.health.ready().ok
    shown.observer.commits_go_on()
    assert shown.health.ready().ok


@pytest.mark.parametrize("fails", ["checkpoint", "restore"])
@pytest.mark.parametrize("answer", ["checkpointed", "restored"])
def test_a_store_that_is_away_is_a_note_until_it_answers(
    shown: Shown, fails: str, answer: str
) -> None:
    shown.observer.restored(restored())
    if fails == "checkpoint":
        shown.observer.checkpoint_failed(2, "no space")
        words = "checkpoints cannot be written: no space"
    else:
        shown.observer.store_unavailable("connection refused")
        words = "the checkpoint store does not answer: connection refused"
    assert shown.value("available", remote="store") == 0.0
    assert shown.value("checkpoint_failures_total", partition="2") == (fails == "checkpoint")
    assert shown.health.ready().ok
    assert shown.reasons() == (words,)
    if answer == "checkpointed":
        shown.observer.checkpointed(2, 1000, 0.1)
    else:
        shown.observer.restored(restored())
    assert shown.value("available", remote="store") == 1.0
    assert shown.reasons() == ()


def restored() -> Any:
    return SimpleNamespace(task=SimpleNamespace(partition=2), seconds=0.5, replayed_records=7)


def test_how_a_partition_came_back(shown: Shown) -> None:
    shown.observer.restored(restored())
    shown.observer.restored(restored())
    assert shown.value("replayed_records_total", partition="2") == 14.0
    assert shown.value("restore_duration_seconds", partition="2") == 0.5


def test_everything_that_stands_still_is_counted_and_named(shown: Shown) -> None:
    shown.observer.troubles(["toy.events[2]@7: no record", "toy.labels[2]@9: no record"])
    assert shown.value("standing_still") == 2.0
    assert shown.reasons() == ("toy.events[2]@7: no record; toy.labels[2]@9: no record",)
    shown.observer.troubles([])
    assert shown.value("standing_still") == 0.0
    assert shown.health.ready().ok


def report(**changes: Any) -> StepReport:
    nothing: dict[str, Any] = {
        "partition": 2,
        "taken": {"events": 5, "labels": 4},
        "predicted": 3,
        "learnt": 2,
        "learnt_in_all": 9,
        "dead": Counter(),
        "expired_by_delay": 6,
        "expired_by_capacity": 7,
        "orphaned": 8,
        "drift": [],
        "timestamps": [],
        "stream_time": 0,
        "pending": 11,
        "held": 12,
        "figures": {},
        "bounds_reached": [],
        "standing": Standing(),
    }
    return StepReport(**{**nothing, **changes})


def test_a_bound_is_told_once_and_shown_for_as_long_as_it_is_reached(shown: Shown) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            shown.observer.step(report(bounds_reached=["no room for a further class"]), 0.1)
    assert [(line["event"], line["partition"], line["reason"]) for line in logs] == [
        ("bound reached", 2, "no room for a further class")
    ]
    assert shown.value("bounds_reached", partition="2") == 1.0


def test_what_a_step_did_is_counted(shown: Shown) -> None:
    for _ in range(2):
        shown.observer.step(report(dead=Counter({"unparsable": 2, "no_event": 1})), 0.1)
    counts = {
        ("records_read_total", "topic", "labels"): 8.0,
        ("expired_labels_total", "reason", "delay"): 12.0,
        ("expired_labels_total", "reason", "capacity"): 14.0,
    }
    for (name, label, value), count in counts.items():
        assert shown.value(name, partition="2", **{label: value}) == count
    assert shown.value("dead_letters_total", reason="unparsable") == 4.0
    assert shown.value("dead_letters_total", reason="no_event") == 2.0
    assert shown.value("predictions_written_total", partition="2") == 6.0
    assert shown.value("labels_learnt_total", partition="2") == 4.0
    assert shown.value("orphaned_labels_total", partition="2") == 16.0
    assert shown.value("pending_labels", partition="2") == 11.0
    assert shown.value("early_labels", partition="2") == 12.0


def test_a_released_partition_begins_anew_with_its_experts(shown: Shown) -> None:
    place = {"partition": "2", "model": "tree", "expert": "old"}
    for share in (1.0, 0.0):
        shares = {"old": np.array([share]), "young": np.array([1.0 - share])}
        shown.observer.step(report(expert_shares=shares), 0.1)
        assert shown.value("expert_share_ratio", **place) == share
        shown.observer.moved(Status(2, State.RELEASED, 0.0))
        shown.observer.moved(Status(2, State.ASSIGNED, 0.0))


def test_events_of_the_future_are_no_lag(shown: Shown) -> None:
    shown.observer.lags(2, {"events": Lag(3, 3)}, int(1000 * (time.time() + 500)), 12.0)
    assert shown.value("lag_seconds", partition="2") == 0.0


def test_a_turn_is_shown_to_probes_and_metrics(shown: Shown) -> None:
    assert not shown.health.started().ok
    shown.observer.tick()
    assert shown.health.started().ok
    assert shown.value("main_loop_timestamp_seconds") == pytest.approx(time.time(), abs=5)


def test_the_checkpoint_that_takes_longest_is_shown(shown: Shown) -> None:
    shown.observer.checkpoints_under_way({2: 1.5, 3: 7.0})
    assert shown.value("checkpoint_writing_seconds") == 7.0
    shown.observer.checkpoints_under_way({})
    assert shown.value("checkpoint_writing_seconds") == 0.0


def test_commits_by_outcome(shown: Shown) -> None:
    shown.observer.committed(0.1)
    shown.observer.overtaken()
    shown.observer.uncertain()
    shown.observer.fenced("another worker")
    for outcome in ("committed", "uncertain", "overtaken", "fenced"):
        assert shown.value("transactions_total", outcome=outcome) == 1.0
    assert shown.reasons() == ("fenced: another worker",)
