"""Apache Kafka of one or three nodes whose nodes can be killed, stopped, frozen and restarted."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from kafka import errors
from kafka.admin import KafkaAdminClient

from deploy.kafka import dev_broker

_UP_S = 90.0
_ANSWER_S = 60.0
_INTERNAL_PARTITIONS = 4
"""Of the two internal topics, as `deploy/kafka/dev_broker.py` makes them."""

_ROLLED_BACK = re.compile(r"Completed rollback of ongoing transaction for transactionalId (\S+)")


class Cluster:
    """The broker under test; it keeps its data while a node is down.

    Parameters
    ----------
    nodes
        1, or 3 (every topic in three copies, two of them in step).
    folder
        Data and logs of the nodes.
    proxied
        Whether there is a second listener whose traffic goes through a proxy of the caller's.
    """

    def __init__(self, nodes: int, folder: Path, *, proxied: bool = False) -> None:
        self.nodes = nodes
        self.broker = dev_broker.start(
            nodes, data=folder / "data", state=folder / "state", proxied=proxied
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for index in range(self.nodes):
            self._signal(index, signal.SIGCONT)
        dev_broker.stop(self.broker)

    @property
    def bootstrap(self) -> str:
        return self.broker.bootstrap

    def kill(self, index: int) -> None:
        self._signal(index, signal.SIGKILL)
        self._wait_gone(index)

    def stop(self, index: int) -> None:
        """Stop a node in an orderly way: it hands its leaderships over first."""
        self._signal(index, signal.SIGTERM)
        self._wait_gone(index)

    def freeze(self, index: int) -> None:
        self._signal(index, signal.SIGSTOP)

    def thaw(self, index: int) -> None:
        self._signal(index, signal.SIGCONT)

    def restart(self, *nodes: int) -> None:
        """Start nodes again on their data; returns once they say that they have started.

        All that are down together: the controllers want a majority before one of them starts.
        """
        before = {index: self._starts(index) for index in nodes}
        for index in nodes:
            dev_broker.restart_node(self.broker, index)

        def started() -> bool:
            return all(self._starts(index) > count for index, count in before.items())

        wait_until(started, _UP_S, f"nodes {nodes} have started")

    def wait_in_step(self) -> None:
        """Wait until every partition has a leader, and all of its copies are in step."""
        wait_until(self._in_step, _UP_S, "all copies of all partitions are in step")

    def leader(self, topic: str, partition: int) -> int:
        """Node that leads a partition; -1 if none does."""
        (found,) = patiently(lambda: self._describe([topic]))
        leaders = {row["partition_index"]: row["leader_id"] for row in found["partitions"]}
        return int(leaders[partition])

    def group_coordinator(self, group: str) -> int:
        """Node that coordinates a consumer group."""
        return self.leader("__consumer_offsets", _slot(group))

    def transaction_coordinator(self, transactional_id: str) -> int:
        """Node that coordinates a producer's transactions."""
        return self.leader("__transaction_state", _slot(transactional_id))

    def rolled_back(self, prefix: str) -> int:
        """Count transactions of these ids that a coordinator aborted after their timeout."""
        logs = Path(self.broker.state).glob("node-*.log")
        found = [name for log in logs for name in _ROLLED_BACK.findall(log.read_text("utf-8"))]
        return sum(name.startswith(prefix) for name in found)

    def admin(self) -> Admin:
        """Open an administrator's connection, for a `with` statement."""
        return Admin(self.bootstrap)

    def _in_step(self) -> bool:
        try:
            topics = self._describe()
        except (errors.KafkaError, AssertionError):
            return False
        return all(
            row["leader_id"] >= 0 and len(row["isr_nodes"]) == len(row["replica_nodes"])
            for topic in topics
            for row in topic["partitions"]
        )

    def _describe(self, topics: list[str] | None = None) -> list[dict[str, Any]]:
        with self.admin() as admin:
            found: list[dict[str, Any]] = admin.client.describe_topics(topics)
        return found

    def _starts(self, index: int) -> int:
        log = Path(self.broker.state) / f"node-{index}.log"
        return log.read_text("utf-8").count("Kafka Server started")

    def _wait_gone(self, index: int) -> None:
        # A process that is about to end has no command line any more, but still its sockets.
        process = Path(f"/proc/{self.broker.pids[index]}")

        def gone() -> bool:
            return not self.broker.alive()[index] and not process.exists()

        wait_until(gone, 60.0, f"node {index} has ended")

    def _signal(self, index: int, number: signal.Signals) -> None:
        if self.broker.alive()[index]:
            os.kill(self.broker.pids[index], number)


class Admin:
    """An administrator's connection, closed at the end of a `with` statement."""

    def __init__(self, bootstrap: str) -> None:
        self.client: Any = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","), request_timeout_ms=15_000
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


T = TypeVar("T")


def patiently(question: Callable[[], T]) -> T:
    """Ask the cluster again, for a while, where it cannot answer yet or any more."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            return question()
        except (errors.KafkaError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait for a condition; return for how many seconds it took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > timeout_s:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - start


def _slot(name: str) -> int:
    """Partition of an internal topic that a name belongs to: Java's hash of the text."""
    code = 0
    for byte in name.encode("utf-16-be")[1::2]:
        code = (31 * code + byte) & 0xFFFFFFFF
    signed = code - (1 << 32) if code >= 1 << 31 else code
    return (signed & 0x7FFFFFFF) % _INTERNAL_PARTITIONS
