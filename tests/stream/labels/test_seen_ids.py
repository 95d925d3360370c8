"""Ids of recent events: the window, statuses, times noted, and snapshots."""

from __future__ import annotations

import numpy as np
import pytest

from stream.labels.seen_ids import EXPIRED, LEARNT, UNLABELLED, WAITING, SeenIds


def filled(window: int, count: int) -> SeenIds:
    seen = SeenIds(window)
    for number in range(count):
        seen.add(f"e{number}", number % 4, time=10 * number - 20)
    return seen


def known(seen: SeenIds, count: int) -> list[int]:
    return [number for number in range(count) if f"e{number}" in seen]


def test_the_last_of_the_window_are_remembered() -> None:
    assert known(filled(3, 5), 5) == [2, 3, 4]


@pytest.mark.parametrize("status", [WAITING, LEARNT, EXPIRED, UNLABELLED])
def test_a_status_changes_and_the_time_stays(status: int) -> None:
    seen = filled(4, 4)
    for name in ("e0", "e1", "e2", "e3", "e9"):
        seen.change(name, status)
    assert [seen.status(f"e{number}") for number in range(4)] == [status] * 4
    assert [seen.time(f"e{number}") for number in range(4)] == [-20, -10, 0, 10]
    assert seen.status("e9") is None


def test_a_snapshot_has_ids_and_statuses_in_order_and_resumes() -> None:
    seen = filled(3, 5)
    state = seen.snapshot()
    assert np.asarray(state["status"]).tolist() == [2, 3, 0]
    assert seen.times().tolist() == [0, 10, 20]
    fresh = SeenIds(3)
    fresh.restore(state, seen.times().tolist())
    assert [fresh.time(f"e{number}") for number in (2, 3, 4)] == [0, 10, 20]
    fresh.add("e5", LEARNT)
    assert known(fresh, 6) == [3, 4, 5]


def test_a_window_that_was_made_smaller_holds_from_the_next_id_on() -> None:
    state, times = filled(9, 9).snapshot(), filled(9, 9).times().tolist()
    fresh = SeenIds(3)
    fresh.restore(state, times)
    fresh.add("e9", LEARNT)
    assert known(fresh, 10) == [7, 8, 9]
