"""Writing beside the work: bounds, order, failures, the end. The store has a test of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from stream.checkpoint.format import Checkpoint
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import CheckpointWriter, InlineWriter, Writer, Written
from stream.errors import InvariantError, StoreUnavailableError

CHECKPOINT = Checkpoint("app", 0, "abc", 42, {"f": 10}, 42, {"x": np.arange(3)})


class Gated:
    """A store in which the writes of a partition wait until the test opens its gate."""

    def __init__(self, *closed: int) -> None:
        self.gates = {partition: threading.Event() for partition in closed}
        self.began: list[tuple[int, int]] = []
        self.at_once = 0
        self._lock = threading.Lock()
        self._running = 0

    def write(self, checkpoint: Checkpoint) -> int:
        with self._lock:
            self.began.append((checkpoint.partition, checkpoint.steps))
            self._running += 1
            self.at_once = max(self.at_once, self._running)
        if checkpoint.partition in self.gates:
            self.gates[checkpoint.partition].wait(30)
        with self._lock:
            self._running -= 1
        return 7


class Failing:
    """A store whose writes raise."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def write(self, checkpoint: Checkpoint) -> int:
        raise self.error


@pytest.fixture
def gated() -> Iterator[Gated]:
    store = Gated(0, 1, 2)
    yield store
    for gate in store.gates.values():
        gate.set()


def of(partition: int, steps: int = 1) -> Checkpoint:
    return replace(CHECKPOINT, partition=partition, steps=steps)


def outcomes(writer: Writer) -> list[tuple[int, int, int]]:
    return [(done.partition, done.steps, done.size_bytes) for done in writer.finished()]


def test_a_thread_that_waits_holds_no_state() -> None:
    writer = CheckpointWriter(Gated())
    array = np.zeros(3)
    held = weakref.ref(array)
    assert writer.submit(replace(CHECKPOINT, state={"x": array}))
    del array
    assert writer.wait([0], timeout_s=10)
    deadline = time.monotonic() + 10
    while held() is not None and time.monotonic() < deadline:
        time.sleep(0.01)  # the thread reports before it lets go
    assert held() is None
    writer.close(1)


def test_the_caller_does_not_wait_and_hears_once_how_it_ended(gated: Gated) -> None:
    writer = CheckpointWriter(gated)
    assert writer.submit(of(0, 5))
    assert writer.finished() == []
    assert writer.writing().keys() == {0}
    assert not writer.wait([0], timeout_s=0.05)
    gated.gates[0].set()
    assert writer.wait([0], timeout_s=10)
    assert outcomes(writer) == [(0, 5, 7)]
    assert writer.finished() == []
    assert writer.writing() == {}


def test_one_of_a_partition_at_a_time(gated: Gated) -> None:
    writer = CheckpointWriter(gated)
    assert writer.submit(of(0, 1))
    assert not writer.submit(of(0, 2))
    gated.gates[0].set()
    assert writer.wait([0], 10)
    assert writer.submit(of(0, 3))
    assert writer.wait([0], 10)
    assert gated.began == [(0, 1), (0, 3)]


def test_a_slow_partition_does_not_hold_up_the_others(gated: Gated) -> None:
    writer = CheckpointWriter(gated)
    assert writer.submit(of(0))
    for partition in range(3, 30):
        assert writer.submit(of(partition))
    assert writer.wait(range(3, 30), timeout_s=10)
    assert len(outcomes(writer)) == 27
    assert writer.writing().keys() == {0}


def test_no_more_threads_than_were_allowed(gated: Gated) -> None:
    writer = CheckpointWriter(gated, threads=2)
    for partition in range(20):
        assert writer.submit(of(partition))
    time.sleep(0.1)
    assert gated.began == [(0, 1), (1, 1)]
    assert len(writer.writing()) == 20
    for gate in gated.gates.values():
        gate.set()
    assert writer.wait(range(20), 10)
    assert gated.at_once == 2
    assert [partition for partition, _ in gated.began] == list(range(20))


def test_how_long_one_has_been_on_its_way(gated: Gated) -> None:
    writer = CheckpointWriter(gated)
    writer.submit(of(0))
    time.sleep(0.05)
    assert 0.05 <= writer.writing()[0] < 10


@pytest.mark.parametrize("kind", [CheckpointWriter, InlineWriter])
def test_a_failure_is_reported_and_the_next_one_is_taken(
    kind: type[CheckpointWriter | InlineWriter],
) -> None:
    store = Failing(StoreUnavailableError("s3://b: away"))
    writer = kind(store)
    for error, expected in (
        (store.error, StoreUnavailableError),
        (AssertionError("x must not hold Python objects"), InvariantError),
    ):
        store.error = error
        assert writer.submit(of(1, 9))
        assert writer.wait([1], 10)
        (done,) = writer.finished()
        assert (done.partition, done.steps, done.size_bytes) == (1, 9, 0)
        assert type(done.error) is expected
        assert str(error) in str(done.error)


@pytest.mark.parametrize("kind", [CheckpointWriter, InlineWriter])
def test_what_was_submitted_is_in_the_store(kind: type[CheckpointWriter | InlineWriter]) -> None:
    store = CheckpointStore(f"memory://writer-{kind.__name__}", "app", keep=2)
    writer = kind(store)
    for partition in range(4):
        assert writer.submit(of(partition, 6))
    assert writer.wait(range(4), 10)
    assert sorted(done.partition for done in writer.finished()) == [0, 1, 2, 3]
    assert [stored.steps for p in range(4) for stored in store.listed(p)] == [6] * 4
    writer.close(1)
    assert not writer.submit(of(9))


def test_inline_all_has_ended_when_submit_returns() -> None:
    times = iter((10.0, 12.5))
    writer = InlineWriter(Gated(), clock=lambda: next(times))
    assert writer.submit(of(0, 4))
    assert writer.writing() == {}
    assert writer.finished() == [Written(0, 4, 7, 2.5, None)]


def test_closing_waits_for_what_is_on_but_no_longer_than_it_may(gated: Gated) -> None:
    writer = CheckpointWriter(gated)
    writer.submit(of(0))
    start = time.monotonic()
    writer.close(timeout_s=0.1)
    assert 0.1 <= time.monotonic() - start < 5
    assert not writer.submit(of(5))
    gated.gates[0].set()
    assert writer.wait([0], 10)
    assert outcomes(writer) == [(0, 1, 7)]


def test_closed_its_threads_end(gated: Gated) -> None:
    before = set(threading.enumerate())
    writer = CheckpointWriter(gated)
    for partition in (3, 4, 5):
        writer.submit(of(partition))
    ours = set(threading.enumerate()) - before
    assert ours
    writer.close(10)
    assert len(outcomes(writer)) == 3
    for thread in ours:
        thread.join(10)
        assert not thread.is_alive()


NEVER_ANSWERS = """
import threading
import numpy as np
from stream.checkpoint.format import Checkpoint
from stream.checkpoint.writer import CheckpointWriter
class Silent:
    def write(self, checkpoint):
        threading.Event().wait()
writer = CheckpointWriter(Silent())
assert writer.submit(Checkpoint("app", 0, "abc", 1, {}, 0, {}))
writer.close(0.1)
print("left")
"""


def test_a_store_that_never_answers_does_not_keep_the_process() -> None:
    command = [sys.executable, "-c", NEVER_ANSWERS]
    ran = subprocess.run(command, timeout=60, check=True, capture_output=True, text=True)
    assert ran.stdout == "left\n"


def test_a_copy_does_not_change_with_what_it_was_made_of() -> None:
    live = np.arange(12.0).reshape(3, 4)
    checkpoint = replace(CHECKPOINT, state={"view": live.T, "count": 1})
    copied = checkpoint.copied()
    live[:] = -1
    assert copied.state["view"].tolist() == np.arange(12.0).reshape(3, 4).T.tolist()  # type: ignore[union-attr]
    assert copied.state["count"] == 1
    assert replace(copied, state={}) == replace(checkpoint, state={})
