"""Runs `driftgate run` as a process, kills it at given points, and looks at what was committed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from operators.snapshot import digest
from stream.checkpoint.format import decode
from stream.checkpoint.store import CheckpointStore
from stream.config.pipeline import Config
from stream.errors import LogUnsettledError
from stream.evaluate import Series, committed_values
from stream.log.base import LogAdmin, OutputBatch, TopicPartition
from stream.log.open import open_admin
from stream.topology import input_topics

_COMMAND = [sys.executable, "-m", "stream", "run"]
_DEADLINE_S = 240.0
_APPEND_MAX = 2000


@dataclass(frozen=True)
class Outcome:
    """What a pipeline left behind."""

    predictions: int
    ids_repeated: int
    predictions_digest: str
    drift_kinds: frozenset[str]
    drift_digest: str
    snapshot_digest: str


class Pipeline:
    """One pipeline under test: its configuration in a file, its records in the log."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config = config
        self.path = folder / f"{config.app}.yaml"
        self.path.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)))
        self.output = folder / f"{config.app}.log"
        self.admin: LogAdmin = open_admin(config)

    def fill(self, *series: Series) -> None:
        for topic, records in zip(input_topics(self.config), series, strict=True):
            target = TopicPartition(topic, 0)
            for start in range(0, len(records), _APPEND_MAX):
                piece = slice(start, start + _APPEND_MAX)
                batch = OutputBatch(
                    target, records.timestamps[piece], records.keys[piece], records.values[piece]
                )
                self.admin.append([batch])

    def start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [*_COMMAND, str(self.path)], stdout=output, stderr=output, env=environment
            )

    def predicted(self) -> int:
        """Offsets of the predictions topic that are taken, markers included."""
        return self.admin.bounds(self._topic("predictions")).end

    def wait(self, process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_S
        while not reached():
            assert process.poll() is None, (
                f"the worker has ended: {self.output.read_text()[-3000:]}"
            )
            assert time.monotonic() < deadline, f"too slow: {self.output.read_text()[-3000:]}"
            time.sleep(0.02)

    def run(self, kill_at: Sequence[int]) -> Outcome:
        """Run to the end, with SIGKILL each time that so many predictions are committed."""
        for count in kill_at:
            process = self.start()
            self.wait(process, lambda count=count: self.predicted() >= count)  # type: ignore[misc]
            process.kill()
            assert process.wait() == -signal.SIGKILL
            assert not self.idle(), "killed too late to prove anything"
        process = self.start()
        self.wait(process, self.idle)
        process.terminate()
        assert process.wait(60) == 0, self.output.read_text()[-3000:]
        return self.outcome()

    def idle(self) -> bool:
        """Whether all inputs are committed to their ends."""
        journal = self._topic("journal")
        try:
            bounds = self.admin.bounds(journal)
        except LogUnsettledError:  # what was killed in the middle of a transaction was not idle
            return False
        start = max(bounds.first, bounds.end - 3)  # transaction markers take offsets too
        tail = [v for b in self.admin.read(journal, start, bounds.end) for v in b.values]
        ranges = msgspec.json.decode(tail[-1] or b"")["ranges"] if tail else {}
        return all(
            ranges.get(topic, (0, 0))[1] == self.admin.bounds(TopicPartition(topic, 0)).end
            for topic in input_topics(self.config)
        )

    def values(self, role: str) -> list[bytes]:
        return list(committed_values(self.admin, self._topic(role)))

    def outcome(self) -> Outcome:
        predictions = self.values("predictions")
        ids = Counter(msgspec.json.decode(value)["id"] for value in predictions)
        drift = self.values("drift")
        store = CheckpointStore(self.config.checkpoint.store, self.config.app, 3)
        path, data = next(iter(store.newest_first(0)))
        assert isinstance(data, bytes), data
        return Outcome(
            len(predictions),
            sum(count - 1 for count in ids.values()),
            hashlib.sha256(b"\n".join(predictions)).hexdigest(),
            frozenset(msgspec.json.decode(event)["event"] for event in drift),
            hashlib.sha256(b"\n".join(map(_nameless, drift))).hexdigest(),
            digest(decode(data, path).state),
        )

    def _topic(self, role: str) -> TopicPartition:
        return TopicPartition(self.config.topics.model_dump()[role], 0)


def _nameless(event: bytes) -> bytes:
    """A drift event without the name of its app, which tells runs apart."""
    fields = msgspec.json.decode(event)
    del fields["app"]
    return msgspec.json.encode(fields)
