"""Watches workers from outside: memory, threads, descriptors, probes, and who owns what."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from tests.matrix.pipeline import Pipeline
from tests.matrix.workers import Answer, Fleet, Worker

_PAGE_BYTES = 4096


class Usage(NamedTuple):
    """What a process holds."""

    seconds: float
    rss_bytes: int
    threads: int
    descriptors: int


class Probed(NamedTuple):
    """One look at a worker's probes."""

    seconds: float
    worker: str
    live: Answer
    ready: Answer


def usage_of(pid: int, at: float) -> Usage | None:
    """Read what a process holds from /proc; None if it has ended."""
    folder = Path(f"/proc/{pid}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
        threads = sum(1 for _ in (folder / "task").iterdir())
        descriptors = sum(1 for _ in (folder / "fd").iterdir())
    except OSError:
        return None
    return Usage(at, pages * _PAGE_BYTES, threads, descriptors)


class Sampler:
    """Calls `look` again and again from a thread, for the length of a `with` statement."""

    def __init__(self, look: Callable[[float], None], every_s: float) -> None:
        self._look, self._every_s = look, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._look(time.monotonic() - self.start)


class UsageSampler(Sampler):
    """Usage of each worker over time; a process that ends begins a new list."""

    def __init__(self, fleet: Fleet, every_s: float = 1.0) -> None:
        super().__init__(self._sample, every_s)
        self.found: dict[int, list[Usage]] = {}
        self._fleet = fleet

    def _sample(self, at: float) -> None:
        for worker in self._fleet.running:
            with contextlib.suppress(AssertionError):  # ended meanwhile
                usage = usage_of(worker.pid, at)
                if usage is not None:
                    self.found.setdefault(worker.pid, []).append(usage)


class ProbeSampler(Sampler):
    """Answers of `/livez` and `/readyz` over time, from workers that listen."""

    def __init__(self, workers: list[Worker], every_s: float = 0.5) -> None:
        super().__init__(self._sample, every_s)
        self.found: list[Probed] = []
        self._workers = workers

    def _sample(self, at: float) -> None:
        for worker in self._workers:
            live, ready = worker.ask("/livez"), worker.ask("/readyz")
            if live.body != "does not listen yet":
                self.found.append(Probed(at, worker.name, live, ready))


class OwnerSampler(Sampler):
    """How often partitions moved from one member to another, and how many members there were."""

    def __init__(self, pipeline: Pipeline, every_s: float = 0.5) -> None:
        super().__init__(self._sample, every_s)
        self.moves = 0
        self.members: list[int] = []
        self._pipeline = pipeline
        self._owner: dict[int, str] = {}

    def _sample(self, _: float) -> None:
        try:
            members = self._pipeline.members()
        except Exception:
            return  # the coordinator is away
        self.members.append(len(members))
        for member, given in members.items():
            for partition in given:
                self.moves += self._owner.get(partition, member) != member
                self._owner[partition] = member


def slope(points: list[tuple[float, float]]) -> float:
    """Slope of the straight line of least squares; 0 with fewer than two points.

    Examples
    --------
    >>> slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)])
    2.0
    """
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
