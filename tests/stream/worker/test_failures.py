"""Covers stream.worker.failures: what is tried again, what ends the worker, what is said together.

Whole workers with partitions that fail are in tests/replay/.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from stream.errors import (
    InvariantError,
    LogUnavailableError,
    LogUnsettledError,
    ModelError,
    RecoveryError,
    StoreUnavailableError,
)
from stream.log.base import Identity
from stream.observe.lasting_warnings import LastingWarnings
from stream.recovery.lifecycle import Lifecycle, State
from stream.recovery.restoration import Restored
from stream.worker.failures import Failures
from tests.replay.seen import ManualClock, Seen


class Made:
    """Three partitions that are to be restored."""

    def __init__(self, *, exits: bool = False) -> None:
        self.clock, self.seen = ManualClock(), Seen()
        self.lifecycle = Lifecycle(self.clock, lambda _: None)
        self.lifecycle.assign([0, 1, 2])
        warnings = LastingWarnings(self.clock)
        self.failures = Failures(self.lifecycle, warnings, self.clock, self.seen, exits=exits)

    def work(self, number: int) -> None:
        """Let a partition that has failed be restored and get something done."""
        (partition,) = [p for p in self.lifecycle.at(*State) if p.number == number]
        restoration: Any = SimpleNamespace(close=lambda: None)
        self.lifecycle.restore(partition, restoration)
        task: Any = SimpleNamespace(steps=1, wanted={})
        found = Restored(task, 9, {}, Identity("m", 1), {}, "{}", None, -1, 0, 0, 0.0)
        self.lifecycle.go_live(partition, found)
        self.lifecycle.has_worked(number)


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as captured:
        yield captured


@pytest.mark.parametrize(
    ("error", "is_tried_again"),
    [
        (RecoveryError("r"), True),
        (LogUnavailableError("l"), True),
        (StoreUnavailableError("s"), True),
        (ModelError("m"), False),
        (InvariantError("i"), False),
        (ZeroDivisionError("z"), False),
    ],
)
def test_what_can_be_mended_from_outside_is_tried_again(
    error: Exception, is_tried_again: bool
) -> None:
    made = Made()
    made.failures.stop(1, error)
    assert (made.lifecycle.statuses[1].next_try is not None) == is_tried_again


def test_a_failure_ends_the_worker_where_that_is_asked_for_and_waiting_may_not_help() -> None:
    made = Made(exits=True)
    with pytest.raises(RecoveryError):
        made.failures.stop(1, RecoveryError("r"))
    made.failures.stop(1, LogUnavailableError("l"))
    made.failures.stop(2, StoreUnavailableError("s"))


def test_a_store_that_is_away_is_shown() -> None:
    made = Made()
    made.failures.stop(0, RecoveryError("r"))
    assert made.seen.of("store_unavailable") == []
    made.failures.stop(1, StoreUnavailableError("away"))
    assert made.seen.of("store_unavailable") == [("away",)]


def test_partitions_that_wait_for_the_same_are_one_trouble(lines: list[Any]) -> None:
    made = Made()
    made.failures.stop(0, LogUnavailableError("away"))
    made.failures.stop(1, StoreUnavailableError("away"))
    assert [line["partition"] for line in lines] == [0]
    made.failures.restored()
    made.failures.stop(2, LogUnavailableError("away"))
    assert [line["partition"] for line in lines] == [0, 2]
    assert lines[-1]["failed"] == [0, 1, 2]


@pytest.mark.parametrize("kind", [LogUnsettledError, RecoveryError])
def test_what_a_partition_waits_for_alone_is_its_own_trouble(
    lines: list[Any], kind: type[Exception]
) -> None:
    made = Made()
    for number in (0, 1):
        made.failures.stop(number, kind("a transaction is open"))
    assert [line["partition"] for line in lines] == [0, 1]


def test_what_was_mended_long_ago_does_not_silence_what_is_new(lines: list[Any]) -> None:
    made = Made()
    for _ in range(2):
        made.failures.stop(0, RecoveryError("r"))
    assert len(lines) == 1
    made.work(0)
    made.failures.stop(0, RecoveryError("again"))
    assert [line["reason"] for line in lines] == ["r", "again"]
