"""A proxy between a client and a broker that loses chosen requests or responses.

A frame of Kafka's protocol is a length of four bytes and then, in a request, the key of the API
(two bytes), its version (two) and a correlation id (four), which the response begins with.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Literal

PRODUCE, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 0, 25, 26, 28
Direction = Literal["request", "response"]


class LossyProxy:
    """Passes frames between `port` and `behind`, but for those it was told to lose."""

    def __init__(self, port: int, behind: int) -> None:
        self.lost: list[tuple[int, Direction]] = []
        self._behind = behind
        self._to_lose: list[tuple[int, Direction]] = []
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("localhost", port))
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, api_key: int, direction: Direction, times: int = 1) -> None:
        """Lose the next frames of this kind."""
        with self._lock:
            self._to_lose += [(api_key, direction)] * times

    def pass_all(self) -> None:
        """Lose nothing more."""
        with self._lock:
            self._to_lose.clear()

    def close(self) -> None:
        self._closed = True
        for opened in [self._server, *self._sockets]:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def _loses(self, api_key: int, direction: Direction) -> bool:
        with self._lock:
            if (api_key, direction) not in self._to_lose:
                return False
            self._to_lose.remove((api_key, direction))
            self.lost.append((api_key, direction))
            return True

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            broker = socket.create_connection(("localhost", self._behind))
            self._sockets += [client, broker]
            keys: dict[int, int] = {}  # correlation id -> API key of requests under way

            def request(frame: bytes, keys: dict[int, int] = keys) -> bool:
                api_key, _, correlation = struct.unpack_from(">hhi", frame)
                keys[correlation] = api_key
                return self._loses(api_key, "request")

            def response(frame: bytes, keys: dict[int, int] = keys) -> bool:
                (correlation,) = struct.unpack_from(">i", frame)
                return self._loses(keys.pop(correlation, -1), "response")

            for source, target, loses in ((client, broker, request), (broker, client, response)):
                threading.Thread(target=_pump, args=(source, target, loses), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, loses: Callable[[bytes], bool]) -> None:
    try:
        while True:
            head = _receive(source, 4)
            frame = _receive(source, *struct.unpack(">i", head))
            if not loses(frame):
                target.sendall(head + frame)
    except OSError:
        for opened in (source, target):
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
