"""Covers stream.observe.server over real HTTP: metrics, the three probes, refusals and closing."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stream.errors import SetupError
from stream.observe.metrics import Metrics
from stream.observe.server import Health, Server
from stream.recovery.lifecycle import State, Status


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(stall_after_s=150.0, clock=clock)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("flights")


@pytest.fixture
def server(metrics: Metrics, health: Health) -> Iterator[Server]:
    with Server("127.0.0.1", 0, metrics.registry, health) as server:
        yield server


def fetch(
    server: Server, path: str, method: str = "GET", accept: str = "*/*"
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()


def probe(server: Server, path: str) -> tuple[int, dict[str, Any]]:
    status, content_type, body = fetch(server, path)
    assert content_type == "application/json"
    return status, json.loads(body)


def test_metrics_in_prometheus_text(server: Server, metrics: Metrics) -> None:
    metrics.records_read.labels(topic="t", partition="0").inc(3)
    status, content_type, body = fetch(server, "/metrics")
    assert (status, content_type.split(";")[0]) == (200, "text/plain")
    assert b'driftgate_records_read_total{app="flights",partition="0",topic="t"} 3.0\n' in body


def test_metrics_in_openmetrics_when_asked_for(server: Server, metrics: Metrics) -> None:
    metrics.end_to_end_latency.observe_many([0.01, 2.0])
    status, content_type, body = fetch(
        server, "/metrics", accept="application/openmetrics-text; version=1.0.0"
    )
    assert (status, content_type.split(";")[0]) == (200, "application/openmetrics-text")
    assert b"# TYPE driftgate_transactions counter\n" in body
    assert b'driftgate_end_to_end_latency_seconds_count{app="flights"} 2.0\n' in body
    assert body.endswith(b"# EOF\n")


def test_live_until_the_main_loop_stops_turning(
    server: Server, health: Health, clock: Clock
) -> None:
    health.tick()
    clock.now_s += 149.9
    assert probe(server, "/livez") == (200, {"ok": True, "reasons": []})
    clock.now_s += 0.1
    status, body = probe(server, "/livez")
    assert status == 503
    assert body["reasons"] == ["main loop: last turn must be < 150 s ago; got 150.0 s"]
    health.tick()
    assert probe(server, "/livez")[0] == 200


def test_live_whatever_readiness_says(server: Server, health: Health) -> None:
    """A worker that cannot reach its broker never joins, and must not be restarted for it."""
    health.tick()
    assert probe(server, "/readyz")[0] == 503
    assert probe(server, "/livez")[0] == 200
    assert probe(server, "/startupz")[0] == 200


def test_started_from_the_first_turn_on(server: Server, health: Health, clock: Clock) -> None:
    status, body = probe(server, "/startupz")
    assert (status, body["reasons"]) == (503, ["main loop has not begun"])
    health.tick()
    clock.now_s += 1e6
    assert probe(server, "/startupz")[0] == 200


def test_ready_without_partitions_once_joined(server: Server, health: Health) -> None:
    status, body = probe(server, "/readyz")
    assert (status, body["reasons"]) == (503, ["has not joined its group"])
    health.joined()
    assert probe(server, "/readyz") == (200, {"ok": True, "reasons": []})


def where(*statuses: Status) -> Callable[[], tuple[Status, ...]]:
    return lambda: statuses


def test_ready_when_every_partition_of_this_worker_works(server: Server, health: Health) -> None:
    health.joined()
    health.ask(
        where(
            Status(0, State.RESTORING, 990.0, idle_since=990.0),
            Status(1, State.HELD_BACK, 990.0),
            Status(2, State.RESTORING, 990.0, idle_since=990.0),
            Status(3, State.ASSIGNED, 990.0, idle_since=990.0),
            Status(4, State.REVOKING, 990.0, idle_since=990.0),
        )
    )
    status, body = probe(server, "/readyz")
    assert status == 503
    assert body["reasons"] == [
        "waiting to restore partitions: 3",
        "restoring partitions: 0, 2",
        "handing over partitions: 4",
    ]
    health.ask(where(Status(0, State.LIVE, 995.0), Status(1, State.HELD_BACK, 990.0)))
    assert probe(server, "/readyz") == (200, {"ok": True, "reasons": []})
    health.ask(where())
    assert probe(server, "/readyz")[0] == 200


def test_a_failed_partition_is_named_with_its_reason_and_what_comes_next(
    server: Server, health: Health, clock: Clock
) -> None:
    health.joined()
    health.ask(
        where(
            Status(0, State.LIVE, 900.0),
            Status(1, State.FAILED, 990.0, "the model raised", None, 990.0),
            Status(2, State.FAILED, 999.0, "the store is away", 1030.0, 960.0),
        )
    )
    clock.now_s = 1005.0
    status, body = probe(server, "/readyz")
    assert status == 503
    assert body["reasons"] == [
        "partition 1 failed (not working for 15 s, not tried again): the model raised",
        "partition 2 failed (not working for 45 s, tried again in 25 s): the store is away",
    ]


def test_every_trouble_is_named_until_it_is_over(server: Server, health: Health) -> None:
    health.joined()
    health.trouble("log", "the log has not answered since noon")
    health.trouble("still", "toy.features[0]@7: no record came for 30 s")
    assert probe(server, "/readyz") == (
        503,
        {
            "ok": False,
            "reasons": [
                "the log has not answered since noon",
                "toy.features[0]@7: no record came for 30 s",
            ],
        },
    )
    health.trouble("log", "")
    assert probe(server, "/readyz")[1]["reasons"] == ["toy.features[0]@7: no record came for 30 s"]
    health.trouble("still", "")
    assert probe(server, "/readyz") == (200, {"ok": True, "reasons": []})


def test_what_is_in_nobodys_way_is_said_beside_a_yes(server: Server, health: Health) -> None:
    health.joined()
    health.note("store", "checkpoints cannot be written: disk full")
    assert probe(server, "/readyz") == (
        200,
        {"ok": True, "reasons": ["checkpoints cannot be written: disk full"]},
    )
    health.note("store", "")
    assert probe(server, "/readyz")[1]["reasons"] == []


def test_live_whatever_is_wrong_with_log_store_and_partitions(
    server: Server, health: Health
) -> None:
    health.tick()
    health.trouble("log", "the log has not answered since noon")
    health.trouble("still", "nothing moves")
    health.note("store", "away")
    health.ask(where(Status(0, State.FAILED, 0.0, "trimmed", None, 0.0)))
    assert probe(server, "/readyz")[0] == 503
    assert probe(server, "/livez") == (200, {"ok": True, "reasons": []})
    assert probe(server, "/startupz")[0] == 200


def test_never_ready_again_after_fencing(server: Server, health: Health) -> None:
    health.joined()
    health.fenced("another worker owns transactional id flights-0")
    status, body = probe(server, "/readyz")
    assert status == 503
    assert body["reasons"] == ["fenced: another worker owns transactional id flights-0"]


def test_query_strings_are_ignored_and_unknown_paths_refused(server: Server) -> None:
    assert fetch(server, "/startupz?verbose")[0] == 503
    status, body = probe(server, "/secrets")
    assert status == 404
    assert body["paths"] == ["/metrics", "/livez", "/readyz", "/startupz"]


def test_head_has_no_body_and_other_methods_are_refused(server: Server) -> None:
    status, _, body = fetch(server, "/metrics", method="HEAD")
    assert (status, body) == (200, b"")
    assert fetch(server, "/metrics", method="POST")[0] == 501


def test_answers_while_another_client_holds_its_connection(server: Server, health: Health) -> None:
    health.tick()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as silent:
        silent.sendall(b"GET /metr")
        assert probe(server, "/livez")[0] == 200


def test_a_taken_port_is_an_error_that_says_what_to_do(
    server: Server, metrics: Metrics, health: Health
) -> None:
    with pytest.raises(SetupError, match=rf"metrics: 127\.0\.0\.1:{server.port} must be free"):
        Server("127.0.0.1", server.port, metrics.registry, health)


def test_close_frees_the_port_at_once_and_may_be_repeated(metrics: Metrics, health: Health) -> None:
    first = Server("127.0.0.1", 0, metrics.registry, health)
    port = first.port
    started = time.monotonic()
    first.close()
    first.close()
    assert time.monotonic() - started < 2.0
    second = Server("127.0.0.1", port, metrics.registry, health)
    assert second.port == port
    second.close()


def test_listens_on_ipv6(metrics: Metrics, health: Health) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        server = Server("::1", 0, metrics.registry, health)
    except SetupError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")
    with server, socket.create_connection(("::1", server.port), timeout=10) as client:
        client.sendall(b"GET /startupz HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.0 503")
