"""Checkpoints on S3: moto's server on this machine, away, overloaded, black; real S3 is not asked.

Everything that does not depend on the kind of store is in test_store.py.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

import numpy as np
import pytest
from s3fs import S3FileSystem

from stream.checkpoint.format import Checkpoint, decode
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import CheckpointWriter
from stream.errors import StoreUnavailableError

CHECKPOINT = Checkpoint("app", 3, "abc", 42, {"f": 10}, 42, {"x": np.arange(100_000)})
URL = "s3://bucket/checkpoints"


@dataclass
class Server:
    """A process that serves S3 from memory."""

    port: int
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def start_moto() -> Server:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            with urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5):
                return Server(port, process)
        except OSError:
            assert process.poll() is None, "moto's server has ended"
            time.sleep(0.1)
    process.kill()
    pytest.fail("moto's server does not answer")


def stop(server: Server) -> None:
    server.process.terminate()
    server.process.wait(30)


@pytest.fixture(scope="module")
def moto() -> Iterator[Server]:
    server = start_moto()
    yield server
    stop(server)


def at(monkeypatch: pytest.MonkeyPatch, port: int, keep: int = 2) -> CheckpointStore:
    """A store at an endpoint, given as a user gives it."""
    S3FileSystem.clear_instance_cache()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return CheckpointStore(URL, "app", keep)


@pytest.fixture
def store(moto: Server, monkeypatch: pytest.MonkeyPatch) -> CheckpointStore:
    with urlopen(f"http://127.0.0.1:{moto.port}/moto-api/reset", data=b"", timeout=10):
        return at(monkeypatch, moto.port)


def names(store: CheckpointStore) -> list[str]:
    return [path.rpartition("/")[2] for path in S3FileSystem().find("bucket")]


def test_written_read_back_pruned_and_removed(store: CheckpointStore) -> None:
    for number in (1, 5, 30):
        store.write(replace(CHECKPOINT, steps=number))
    found = []
    for path, data in store.newest_first(3):
        assert isinstance(data, bytes)
        found.append(decode(data, path))
    assert [checkpoint.steps for checkpoint in found] == [30, 5]
    assert np.array_equal(found[0].state["x"], CHECKPOINT.state["x"])
    assert names(store) == ["000000000000005.checkpoint", "000000000000030.checkpoint"]
    assert list(store.newest_first(4)) == []
    store.remove([stored.path for stored in store.listed(3)])
    assert store.listed(3) == []


def test_what_another_process_has_written_is_seen(store: CheckpointStore) -> None:
    store.write(CHECKPOINT)
    assert [stored.steps for stored in store.listed(3)] == [42]
    S3FileSystem.clear_instance_cache()
    CheckpointStore(URL, "app", 2).write(replace(CHECKPOINT, steps=43))
    assert [stored.steps for stored in store.listed(3)] == [43, 42]


def test_whether_it_can_be_written(store: CheckpointStore) -> None:
    store.check_writable()
    assert names(store) == []


def test_leftovers_have_the_servers_dates(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(CHECKPOINT)
    left = "bucket/checkpoints/app/3/000000000000099.checkpoint.tmp"
    S3FileSystem().pipe_file(left, b"half")
    store.write(replace(CHECKPOINT, steps=43))
    assert len(names(store)) == 3
    later = CheckpointStore(URL, "app", 2, now=lambda: time.time() + 3700)
    later.write(replace(CHECKPOINT, steps=44))
    assert names(store) == ["000000000000043.checkpoint", "000000000000044.checkpoint"]


def test_the_writer_writes_several_partitions(store: CheckpointStore) -> None:
    writer = CheckpointWriter(store)
    for partition in range(6):
        assert writer.submit(replace(CHECKPOINT, partition=partition))
    assert writer.wait(range(6), 60)
    assert [done.error for done in writer.finished()] == [None] * 6
    assert [len(store.listed(partition)) for partition in range(6)] == [1] * 6
    writer.close(1)


def refused(store: CheckpointStore) -> list[str]:
    """Ask for everything; what each says, all of it within a minute."""
    start = time.monotonic()
    said = []
    for ask in (
        lambda: store.write(CHECKPOINT),
        lambda: list(store.newest_first(3)),
        lambda: store.listed(3),
        lambda: store.remove(["bucket/checkpoints/app/3/000000000000042.checkpoint"]),
        store.check_writable,
    ):
        with pytest.raises(StoreUnavailableError) as caught:
            ask()
        said.append(str(caught.value))
        assert "\n" not in said[-1]
        assert said[-1].startswith(f"{URL}: app")
        assert "s3cret" not in said[-1]
    assert time.monotonic() - start < 60
    return said


@pytest.mark.slow
def test_a_server_that_goes_away_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    server = start_moto()
    try:
        store = at(monkeypatch, server.port)
        store.write(CHECKPOINT)
    finally:
        stop(server)
    assert all("EndpointConnectionError" in line for line in refused(store))


class Overloaded(BaseHTTPRequestHandler):
    """Answers each request as S3 does when it is asked too much."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def answer(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.slow
def test_a_server_that_is_overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    Overloaded.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Overloaded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        refused(at(monkeypatch, server.server_port))
    finally:
        server.shutdown()
        server.server_close()
    assert 5 <= Overloaded.asked < 60


def test_a_server_that_accepts_and_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "stream.checkpoint.url._BOUNDS",
        {"s3": {"config_kwargs": {"read_timeout": 1, "retries": {"total_max_attempts": 2}}}},
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = at(monkeypatch, silent.getsockname()[1])
        with pytest.raises(StoreUnavailableError, match="Timeout"):
            store.listed(3)
