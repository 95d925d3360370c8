"""The worker's HTTP side: metrics and probes, from a thread of its own.

`/livez`   the main loop has turned lately; never whether a broker can be reached, because a
           restart mends no broker
`/startupz` the main loop has begun to turn: imports and the compiling of kernels are over
`/readyz`  the worker has joined its group, each of its partitions works, the log answers, nothing
           stands still, and no other worker has fenced it; a worker with no partitions is ready,
           or a roll-out would wait for ever. What is wrong without being in the way of
           predictions (the checkpoint store is away) is said beside a yes
`/metrics` Prometheus

The main loop writes to `Health`, the server reads it. Neither touches the log.
"""

from __future__ import annotations

import json
import socket
import socketserver
import sys
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any, NamedTuple, Self

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from stream.errors import SetupError
from stream.recovery.lifecycle import State, Status

METRICS_PATH = "/metrics"
LIVE_PATH = "/livez"
READY_PATH = "/readyz"
STARTUP_PATH = "/startupz"

# A worker that does not poll for poll_interval_max loses its partitions; one that has been still
# for half of it is unlikely to turn again, and a restart gives the partitions on sooner.
STALL_FRACTION = 0.5
# A client that sends or reads nothing for so long is cut off, so that threads do not pile up.
_CLIENT_TIMEOUT_S = 10.0

_NOT_WORKING = (
    ("waiting to restore", {State.ASSIGNED}),
    ("restoring", {State.RESTORING}),
    ("handing over", {State.REVOKING}),
)

_log = structlog.get_logger(__name__)


class Verdict(NamedTuple):
    """The answer to one probe; `reasons` says why not, or what is wrong beside a yes."""

    ok: bool
    reasons: tuple[str, ...] = ()


class Health:
    """What the main loop says about itself, for probes to read from other threads.

    Parameters
    ----------
    stall_after_s
        The main loop counts as stuck when its last `tick` is older than this.
    clock
        Monotonic seconds.

    Examples
    --------
    >>> health = Health(stall_after_s=150.0)
    >>> health.ready()
    Verdict(ok=False, reasons=('has not joined its group',))
    >>> health.joined()
    >>> health.ready()
    Verdict(ok=True, reasons=())
    """

    def __init__(self, stall_after_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.stall_after_s = stall_after_s
        self._clock = clock
        self._lock = Lock()
        self._ticked_at = clock()
        self._started = False
        self._joined = False
        self._fenced = ""
        self._statuses: Callable[[], Sequence[Status]] = tuple
        self._troubles: dict[str, str] = {}
        self._notes: dict[str, str] = {}

    def tick(self) -> None:
        """Say that the main loop turns: once a poll, and once a batch while replaying."""
        self._ticked_at = self._clock()
        self._started = True

    def joined(self) -> None:
        """Say that the group has accepted this worker, with or without partitions."""
        self._joined = True

    def ask(self, statuses: Callable[[], Sequence[Status]]) -> None:
        """Ask here where each partition is, whenever a probe comes."""
        self._statuses = statuses

    def trouble(self, kind: str, reason: str) -> None:
        """Say what is in the way of predictions; an empty reason ends it."""
        with self._lock:
            self._troubles[kind] = reason

    def note(self, kind: str, reason: str) -> None:
        """Say what is wrong without being in the way; an empty reason ends it."""
        with self._lock:
            self._notes[kind] = reason

    def fenced(self, reason: str) -> None:
        """Say that another worker has taken over; there is no way back."""
        self._fenced = reason

    def live(self) -> Verdict:
        """Whether the main loop has turned lately."""
        age_s = self._clock() - self._ticked_at
        if age_s < self.stall_after_s:
            return Verdict(True)
        return Verdict(
            False,
            (f"main loop: last turn must be < {self.stall_after_s:g} s ago; got {age_s:.1f} s",),
        )

    def started(self) -> Verdict:
        """Whether the main loop has begun to turn."""
        return Verdict(True) if self._started else Verdict(False, ("main loop has not begun",))

    def ready(self) -> Verdict:
        """Whether this worker does its share of the work."""
        with self._lock:
            troubles = [reason for reason in self._troubles.values() if reason]
            notes = [reason for reason in self._notes.values() if reason]
        reasons = [] if self._joined else ["has not joined its group"]
        reasons += self._not_working()
        if self._fenced:
            reasons.append(f"fenced: {self._fenced}")
        reasons += troubles
        return Verdict(not reasons, tuple(reasons + notes))

    def _not_working(self) -> list[str]:
        """Name the partitions that do not work, and why."""
        statuses = self._statuses()
        reasons = []
        for words, states in _NOT_WORKING:
            numbers = [str(s.partition) for s in statuses if s.state in states]
            if numbers:
                reasons.append(f"{words} partitions: {', '.join(numbers)}")
        return reasons + [self._failed(s) for s in statuses if s.state is State.FAILED]

    def _failed(self, status: Status) -> str:
        now = self._clock()
        idle_s = now - (status.since if status.idle_since is None else status.idle_since)
        again = "not tried again"
        if status.next_try is not None:
            again = f"tried again in {max(0.0, status.next_try - now):.0f} s"
        return (
            f"partition {status.partition} failed (not working for {idle_s:.0f} s, {again}): "
            f"{status.reason}"
        )


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; knows its `_Server`, nothing else."""

    server: _Server
    server_version = "driftgate"
    sys_version = ""
    timeout = _CLIENT_TIMEOUT_S

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        status, content_type, body = self.server.answer(
            self.path.partition("?")[0], self.headers.get("Accept", "")
        )
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Write nothing: probes and scrapes come every few seconds."""


class _Server(ThreadingHTTPServer):
    """The listening socket, and what each path answers."""

    daemon_threads = True
    # A client that holds its connection must not hold up the worker's exit.
    block_on_close = False

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        self._registry = registry
        self._probes = {
            LIVE_PATH: health.live,
            READY_PATH: health.ready,
            STARTUP_PATH: health.started,
        }
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks DNS for this host's full name, which can take many seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def answer(self, path: str, accept: str) -> tuple[HTTPStatus, str, bytes]:
        """Return status, content type and body for a path."""
        if path == METRICS_PATH:
            encode, content_type = choose_encoder(accept)
            return HTTPStatus.OK, content_type, encode(self._registry)
        if path not in self._probes:
            paths = [METRICS_PATH, *self._probes]
            return _json(HTTPStatus.NOT_FOUND, {"error": "no such path", "paths": paths})
        verdict = self._probes[path]()
        status = HTTPStatus.OK if verdict.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return _json(status, {"ok": verdict.ok, "reasons": verdict.reasons})

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Go on serving; a client that hangs up is its own affair, anything else is a fault."""
        write = _log.debug if isinstance(sys.exception(), OSError) else _log.error
        write("http request failed", client=str(client_address), exc_info=True)


def _json(status: HTTPStatus, body: dict[str, Any]) -> tuple[HTTPStatus, str, bytes]:
    return status, "application/json", json.dumps(body).encode() + b"\n"


class Server:
    """Serves metrics and probes from a daemon thread until `close`.

    Parameters
    ----------
    host
        Address to listen on.
    port
        0 takes a free one; see the attribute `port`.
    registry
        What `/metrics` shows.
    health
        What the probes ask.

    Raises
    ------
    SetupError
        The address cannot be listened on.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        try:
            self._server = _Server(host, port, registry, health)
        except OSError as error:
            raise SetupError(
                f"metrics: {host}:{port} must be free to listen on; got {error.strerror or error}. "
                "Set metrics.port to another port, or to 0 for any free one."
            ) from error
        self.port: int = self._server.server_port
        self._thread = Thread(
            target=self._server.serve_forever,
            # How long `close` waits at most for the thread to notice.
            kwargs={"poll_interval": 0.1},
            name="driftgate-http",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
