"""Writing checkpoints beside the work.

The worker's thread copies the state and goes on; threads of the writer make it durable. Bounded:
one checkpoint of a partition at a time, the next one has to wait until it is written or has failed.
A store that is slow or away thus costs a longer replay, and never a prediction.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from stream.checkpoint.format import Checkpoint
from stream.errors import DriftgateError, InvariantError


@dataclass(frozen=True, slots=True)
class Written:
    """How the writing of a checkpoint ended.

    Parameters
    ----------
    partition, steps
        Which one.
    size_bytes
        0 if it failed.
    seconds
        What writing took, without the wait for a thread.
    error
        Why it failed; None when the checkpoint is durable.
    """

    partition: int
    steps: int
    size_bytes: int
    seconds: float
    error: DriftgateError | None


class Store(Protocol):
    """Where a writer writes."""

    def write(self, checkpoint: Checkpoint) -> int:
        """Make a checkpoint durable; returns its size in bytes."""


class Writer(Protocol):
    """What the worker asks of a writer, from one thread."""

    def submit(self, checkpoint: Checkpoint) -> bool:
        """Take a checkpoint with arrays of its own; False while this partition's last is on."""

    def finished(self) -> list[Written]:
        """Return what has ended since the last call."""

    def writing(self) -> dict[int, float]:
        """Seconds since its checkpoint was submitted, by partition, of those not ended yet."""

    def wait(self, partitions: Iterable[int], timeout_s: float) -> bool:
        """Wait until none of these is being written; False if the time was not enough."""

    def close(self, timeout_s: float) -> None:
        """Take no more, and wait so long at most for what is on."""


class CheckpointWriter:
    """Writes with a few daemon threads, which begin with the first checkpoint.

    Parameters
    ----------
    store
        Used by all threads at once.
    threads
        Checkpoints written at a time: with one, a slow partition would hold up all.
    """

    def __init__(self, store: Store, threads: int = 2) -> None:
        self._store = store
        self._threads_max = threads
        self._threads: list[threading.Thread] = []
        self._queue: deque[Checkpoint] = deque()  # at most one a partition
        self._since: dict[int, float] = {}
        self._finished: list[Written] = []
        self._closed = False
        self._changed = threading.Condition()

    def submit(self, checkpoint: Checkpoint) -> bool:
        with self._changed:
            if self._closed or checkpoint.partition in self._since:
                return False
            self._since[checkpoint.partition] = monotonic()
            self._queue.append(checkpoint)
            if len(self._threads) < min(self._threads_max, len(self._since)):
                self._start_thread()
            self._changed.notify_all()
        return True

    def finished(self) -> list[Written]:
        with self._changed:
            ended, self._finished = self._finished, []
        return ended

    def writing(self) -> dict[int, float]:
        now = monotonic()
        with self._changed:
            return {partition: now - since for partition, since in self._since.items()}

    def wait(self, partitions: Iterable[int], timeout_s: float) -> bool:
        awaited = set(partitions)
        with self._changed:
            return self._changed.wait_for(lambda: not awaited & self._since.keys(), timeout_s)

    def close(self, timeout_s: float) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._since, timeout_s)

    def _start_thread(self) -> None:
        # A daemon: a store that never answers must not keep the process from its end.
        number = len(self._threads)
        thread = threading.Thread(target=self._work, name=f"checkpoints-{number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (checkpoint := self._next()) is not None:
            written = _write(self._store, checkpoint, monotonic)
            with self._changed:
                self._finished.append(written)
                del self._since[checkpoint.partition]
                self._changed.notify_all()
            del checkpoint  # a thread that waits must not hold a state in memory

    def _next(self) -> Checkpoint | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            return self._queue.popleft() if self._queue else None


class InlineWriter:
    """Writes at once, in the thread that submits: for evaluation, and where order is all.

    Parameters
    ----------
    store
        Where to.
    clock
        Seconds from any start.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._clock = clock
        self._finished: list[Written] = []
        self._closed = False

    def submit(self, checkpoint: Checkpoint) -> bool:
        if self._closed:
            return False
        self._finished.append(_write(self._store, checkpoint, self._clock))
        return True

    def finished(self) -> list[Written]:
        ended, self._finished = self._finished, []
        return ended

    def writing(self) -> dict[int, float]:
        return {}

    def wait(self, partitions: Iterable[int], timeout_s: float) -> bool:
        return True

    def close(self, timeout_s: float) -> None:
        self._closed = True


def _write(store: Store, checkpoint: Checkpoint, clock: Callable[[], float]) -> Written:
    """Write one; what goes wrong is an answer, too: a thread that ended would be missed."""
    start, size, failure = clock(), 0, None
    try:
        size = store.write(checkpoint)
    except DriftgateError as error:
        failure = error
    except Exception as error:
        failure = InvariantError(
            f"partition {checkpoint.partition}: checkpoint must be one that can be written; "
            f"got {type(error).__name__}: {error}."
        )
        failure.__cause__ = error
    return Written(checkpoint.partition, checkpoint.steps, size, clock() - start, failure)
