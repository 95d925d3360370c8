"""A proxy before each node of the cluster that loses, delays or holds frames of chosen kinds.

A frame of Kafka's protocol is a length of four bytes and then, in a request, the key of the API
(two bytes), its version (two) and a correlation id (four), which the response begins with. How
single frames are lost one by one: `tests/kafka/proxy.py`.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from tests.matrix.cluster import Cluster

PRODUCE, FETCH, END_TXN = 0, 1, 26
_NAMES = {PRODUCE: "Produce", FETCH: "Fetch", END_TXN: "EndTxn"}
Direction = Literal["request", "response"]


@dataclass
class Rule:
    """What happens to frames of one kind.

    Parameters
    ----------
    api_key, direction
        Which frames.
    fraction
        How many of them, by chance.
    delay_s
        None: they are lost. Else a request is lost for its connection, and comes to the broker so
        much later over a connection of its own, as from a network that kept it.
    until
        Monotonic time at which the rule ends.
    opened_before
        Only of connections that were opened before this monotonic time.
    """

    api_key: int
    direction: Direction
    fraction: float = 1.0
    delay_s: float | None = None
    until: float = float("inf")
    opened_before: float = float("inf")

    def fits(self, api_key: int, direction: Direction, opened: float) -> bool:
        return (
            (api_key, direction) == (self.api_key, self.direction)
            and opened < self.opened_before
            and time.monotonic() < self.until
        )

    def __str__(self) -> str:
        what = "lost" if self.delay_s is None else "late"
        return f"{_NAMES.get(self.api_key, self.api_key)} {self.direction} {what}"


class Proxy:
    """Passes frames between clients and the cluster's second listener, but for what rules say."""

    def __init__(self, cluster: Cluster, seed: int = 1) -> None:
        broker = cluster.broker
        self.bootstrap = broker.addresses["PROXIED"]
        self.touched: Counter[str] = Counter()
        self.rules: list[Rule] = []
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._free = threading.Event()
        self._free.set()
        self._held: frozenset[int] = frozenset()
        self._closed = False
        self._sockets: list[socket.socket] = []
        ports = [int(address.rpartition(":")[2]) for address in self.bootstrap.split(",")]
        for port, behind in zip(ports, broker.behind["PROXIED"], strict=True):
            server = socket.create_server(("localhost", port))
            self._sockets.append(server)
            threading.Thread(target=self._accept, args=(server, behind), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self.release()
        for opened in self._sockets:
            _shut(opened)
            opened.close()

    def hold(self, *api_keys: int) -> None:
        """Keep requests of these kinds, and what follows on their connections, until `release`."""
        self._free.clear()
        self._held = frozenset(api_keys)

    def release(self) -> None:
        """End `hold`."""
        self._held = frozenset()
        self._free.set()

    def _accept(self, server: socket.socket, behind: int) -> None:
        while not self._closed:
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("localhost", behind), timeout=5)
            except OSError:
                client.close()  # the node is down
                continue
            broker.settimeout(None)
            self._sockets += [client, broker]
            self._serve(client, broker, behind)

    def _serve(self, client: socket.socket, broker: socket.socket, behind: int) -> None:
        keys: dict[int, int] = {}  # correlation id -> API key of requests under way
        opened = time.monotonic()

        def request(frame: bytes) -> bool:
            api_key, _, correlation = struct.unpack_from(">hhi", frame)
            if api_key in self._held:
                self._free.wait()
            keys[correlation] = api_key
            return self._passes(api_key, "request", opened, frame, behind)

        def response(frame: bytes) -> bool:
            (correlation,) = struct.unpack_from(">i", frame)
            return self._passes(keys.pop(correlation, -1), "response", opened, frame, behind)

        for source, target, passes in ((client, broker, request), (broker, client, response)):
            threading.Thread(target=_pump, args=(source, target, passes), daemon=True).start()

    def _passes(
        self, api_key: int, direction: Direction, opened: float, frame: bytes, behind: int
    ) -> bool:
        rule = self._chosen(api_key, direction, opened)
        if rule is None:
            return True
        self.touched[str(rule)] += 1
        if rule.delay_s is not None:
            threading.Timer(rule.delay_s, _deliver, (frame, behind)).start()
        return False

    def _chosen(self, api_key: int, direction: Direction, opened: float) -> Rule | None:
        for rule in self.rules:
            if rule.fits(api_key, direction, opened):
                with self._lock:
                    if self._rng.random() < rule.fraction:
                        return rule
        return None


def _deliver(frame: bytes, port: int) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 5) as broker:
        broker.sendall(struct.pack(">i", len(frame)) + frame)
        broker.recv(4)


def _pump(source: socket.socket, target: socket.socket, passes: Callable[[bytes], bool]) -> None:
    try:
        while True:
            head = _receive(source, 4)
            frame = _receive(source, *struct.unpack(">i", head))
            if passes(frame):
                target.sendall(head + frame)
    except OSError:
        _shut(source)
        _shut(target)


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


def _receive(source: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        part = source.recv(count - len(received))
        if not part:
            raise ConnectionResetError
        received += part
    return bytes(received)
