"""The matrix's proxy between a client and a server of this process: passes, loses, delays, holds.

What brokers and clients make of it: the scenarios.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.matrix.proxy import END_TXN, PRODUCE, Proxy, Rule


class Echo:
    """Answers each request with its correlation id, and remembers what came."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._server = socket.create_server(("localhost", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while head := client.recv(4):
                frame = client.recv(*struct.unpack(">i", head))
                (correlation,) = struct.unpack_from(">i", frame, 4)
                self.seen.append(correlation)
                client.sendall(struct.pack(">ii", 4, correlation))


class Client:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("localhost", port), timeout=5)

    def ask(self, api_key: int, correlation: int) -> None:
        frame = struct.pack(">hhi", api_key, 0, correlation)
        self._socket.sendall(struct.pack(">i", len(frame)) + frame)

    def answer(self, timeout_s: float = 0.3) -> int | None:
        self._socket.settimeout(timeout_s)
        try:
            _, correlation = struct.unpack(">ii", self._socket.recv(8))
        except TimeoutError:
            return None
        return int(correlation)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    opened = Echo()
    yield opened
    opened.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
    addresses = {"PROXIED": f"localhost:{port}"}
    broker = SimpleNamespace(addresses=addresses, behind={"PROXIED": [echo.port]})
    cluster: Any = SimpleNamespace(broker=broker)
    with Proxy(cluster) as opened:
        yield opened


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    opened = Client(int(proxy.bootstrap.rpartition(":")[2]))
    yield opened
    opened.close()


def test_passes_what_no_rule_is_about(proxy: Proxy, client: Client) -> None:
    proxy.rules = [Rule(END_TXN, "request")]
    client.ask(PRODUCE, 1)
    assert client.answer() == 1
    assert not proxy.touched


def test_a_lost_request_never_arrives(proxy: Proxy, client: Client, echo: Echo) -> None:
    proxy.rules = [Rule(END_TXN, "request")]
    client.ask(END_TXN, 1)
    assert client.answer() is None
    assert echo.seen == []
    assert proxy.touched == {"EndTxn request lost": 1}


def test_a_lost_answer_was_heeded(proxy: Proxy, client: Client, echo: Echo) -> None:
    proxy.rules = [Rule(END_TXN, "response")]
    client.ask(END_TXN, 1)
    assert client.answer() is None
    assert echo.seen == [1]


def test_a_late_request_arrives_after_what_was_sent_later(
    proxy: Proxy, client: Client, echo: Echo
) -> None:
    proxy.rules = [Rule(END_TXN, "request", delay_s=0.3)]
    client.ask(END_TXN, 1)
    client.ask(PRODUCE, 2)
    assert client.answer() == 2
    deadline = time.monotonic() + 5
    while echo.seen != [2, 1] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert echo.seen == [2, 1]


def test_holds_until_released(proxy: Proxy, client: Client) -> None:
    proxy.hold(PRODUCE)
    client.ask(PRODUCE, 1)
    assert client.answer() is None
    proxy.release()
    assert client.answer(5.0) == 1


def test_a_rule_for_old_connections_lets_new_ones_pass(proxy: Proxy, client: Client) -> None:
    client.ask(PRODUCE, 1)
    assert client.answer() == 1
    proxy.rules = [Rule(PRODUCE, "request", opened_before=time.monotonic())]
    client.ask(PRODUCE, 2)
    assert client.answer() is None
    newer = Client(int(proxy.bootstrap.rpartition(":")[2]))
    newer.ask(PRODUCE, 3)
    assert newer.answer() == 3
    newer.close()


def test_a_fraction_is_lost_by_chance(proxy: Proxy, client: Client) -> None:
    proxy.rules = [Rule(END_TXN, "response", 0.25)]
    for number in range(400):
        client.ask(END_TXN, number)
    deadline = time.monotonic() + 5
    while client.answer() is not None and time.monotonic() < deadline:
        pass
    assert 60 < proxy.touched.total() < 140
