"""`driftgate run` as processes: started, killed, stopped, frozen; their words and their answers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.matrix.pipeline import ROOT, Pipeline, command, environment

_STOP_S = 60.0
_PROBE_S = 3.0
_LISTENS_S = 30.0
_SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Answer(NamedTuple):
    """What a probe says; status 0 where nothing answers in time."""

    status: int
    body: str


class Series(NamedTuple):
    """One sample of `/metrics`."""

    name: str
    labels: dict[str, str]
    value: float


class Worker:
    """One worker that may be started again and again under its own name.

    Parameters
    ----------
    pipeline, name
        What it works on, and its `DRIFTGATE_WORKER`.
    code
        Checkout whose code it runs.
    """

    def __init__(self, pipeline: Pipeline, name: str, code: Path = ROOT) -> None:
        self.pipeline, self.name, self.code = pipeline, name, code
        self.log = pipeline.folder / f"{name}.log"
        self.exits: list[int] = []
        """Exit codes of processes that ended, in order; -9 is a kill."""
        self.kills = self.terminations = 0
        self.frozen = False
        self.wanted = False
        """Whether a supervisor would start it again when it ends."""
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> Self:
        """Start a process; the one before must have ended."""
        assert not self.running, f"{self.name} is running"
        self._collect()
        self.frozen, self.wanted = False, True
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                [*command("run"), str(self.pipeline.path), "--log-format", "json"],
                stdout=output,
                stderr=output,
                env=environment(self.code, DRIFTGATE_WORKER=self.name),
                cwd=self.code,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self._send(signal.SIGKILL)
        self.kills += 1
        assert self._process is not None
        self._process.wait(_STOP_S)
        self._collect()

    def terminate(self) -> None:
        """SIGTERM, without waiting; it is not wanted any more."""
        self.wanted = False
        self.terminations += self.running
        self._send(signal.SIGTERM)

    def stop(self, timeout_s: float = _STOP_S) -> int | None:
        """SIGTERM, wait and return the exit code; None where it had to be killed."""
        self.terminate()
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = _STOP_S) -> int | None:
        """Wait for the end; return the exit code, None where it had to be killed."""
        if self._process is None:
            return self.exits[-1] if self.exits else None
        try:
            code: int | None = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.thaw()
            self._process.kill()
            self._process.wait(_STOP_S)
            code = None
        self._collect()
        return code

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        self._send(signal.SIGCONT)
        self.frozen = False

    def lines(self, *, latest: bool = False) -> list[dict[str, Any]]:
        """Log lines that are JSON objects, of all processes or of the latest one."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(self._log_start if latest else 0)
            text = file.read().decode("utf-8", "replace")
        found = []
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                if isinstance(parsed := json.loads(line), dict):
                    found.append(parsed)
        return found

    def tail(self, lines: int = 8) -> str:
        """Last lines of its log."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(line[:400] for line in text.splitlines()[-lines:])

    def events(self) -> Counter[str]:
        """How often each event was logged, over all of its processes."""
        return Counter(str(line.get("event")) for line in self.lines())

    def ask(self, path: str) -> Answer:
        """GET a path of its HTTP side."""
        ports = [line["port"] for line in self.lines(latest=True) if "port" in line]
        if not ports:
            return Answer(0, "does not listen yet")
        url = f"http://127.0.0.1:{ports[-1]}{path}"
        try:
            with urllib.request.urlopen(url, timeout=_PROBE_S) as response:
                return Answer(response.status, response.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode())
        except OSError as error:
            return Answer(0, str(error))

    def metrics(self) -> list[Series]:
        """What `/metrics` shows; empty where nothing answers."""
        answer = self.ask("/metrics")
        if answer.status != 200:
            return []
        return [
            Series(name, dict(_LABEL.findall(labels)), float(value))
            for name, labels, value in _SERIES.findall(answer.body)
        ]

    def ready(self) -> bool:
        return self.ask("/readyz").status == 200

    def _send(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self.pid, number)

    def _collect(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self.exits.append(self._process.returncode)
            self._process = None


class Fleet:
    """The workers of one pipeline; they end with the `with` statement.

    Parameters
    ----------
    count
        How many there are, named w1, w2 ...
    """

    def __init__(self, pipeline: Pipeline, count: int, code: Path = ROOT) -> None:
        self.pipeline, self.code = pipeline, code
        self.workers = [Worker(pipeline, f"w{index + 1}", code) for index in range(count)]

    def __enter__(self) -> Self:
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.thaw()
            if worker.running:
                worker.kill()

    def add(self) -> Worker:
        """Take one more worker in, not started yet."""
        worker = Worker(self.pipeline, f"w{len(self.workers) + 1}", self.code)
        self.workers.append(worker)
        return worker

    @property
    def running(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.running]

    def revive(self, workers: Iterable[Worker] | None = None) -> int:
        """Start again, as a supervisor does, those that have ended unasked; return how many."""
        asked = self.workers if workers is None else workers
        ended = [worker for worker in asked if worker.wanted and not worker.running]
        for worker in ended:
            worker.start()
        return len(ended)

    def stop(self) -> list[int | None]:
        """SIGTERM to all at once; return the exit codes of those that ran.

        One that has only begun to start is waited for: before its handlers are there, a signal
        simply ends it.
        """
        running = self.running
        for worker in running:
            worker.thaw()
        deadline = time.monotonic() + _LISTENS_S
        while any(w.running and w.ask("/livez").status == 0 for w in running):
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        for worker in running:
            worker.terminate()
        return [worker.wait() for worker in running]

    def count(self, event: str) -> int:
        """How often the workers logged an event."""
        return sum(worker.events()[event] for worker in self.workers)

    def restores(self) -> list[tuple[int, str]]:
        """Each restore, in the order of time: which partition, by which process."""
        found = []
        for worker in self.workers:
            process = 0
            for line in worker.lines():
                process += line.get("event") == "serving"
                if line.get("event") == "partition live":
                    found.append((line["timestamp"], line["partition"], f"{worker.name}.{process}"))
        return [(partition, owner) for _, partition, owner in sorted(found)]

    def unasked_exits(self) -> list[str]:
        """Ends of processes that nobody killed, but for those with 0."""
        found = []
        for worker in self.workers:
            codes = Counter(worker.exits)
            codes.pop(0, None)
            codes[-signal.SIGKILL] -= worker.kills
            codes[-signal.SIGTERM] -= worker.terminations  # before its handlers were there
            found += [f"{worker.name} ended with {code}" for code, n in codes.items() if n > 0]
        return found

    def wait_ready(self, timeout_s: float = 90.0) -> float:
        """Wait until all running workers are ready; return for how many seconds it took."""
        start = time.monotonic()
        while not all(worker.ready() for worker in self.running):
            if time.monotonic() - start > timeout_s:
                answers = {w.name: w.ask("/readyz") for w in self.running}
                raise TimeoutError(f"not all workers are ready: {answers}")
            time.sleep(0.2)
        return time.monotonic() - start
