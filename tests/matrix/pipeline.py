"""A pipeline under test: its file, its topics, how far it has come, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import kafka
import yaml

from tests.matrix.cluster import Cluster, patiently
from tests.matrix.committed import ends_of

ROOT = Path(__file__).parents[2]

SESSION_S = 6.0
COMMIT_S = 8.0
"""A silent worker is given up after this."""

SCHEMA = {
    "features": [
        {"name": "a", "type": "float"},
        {"name": "b", "type": "float", "missing": True},
        {"name": "c", "type": "category"},
    ]
}


def command(*arguments: str) -> list[str]:
    """`driftgate` as a command of this interpreter."""
    return [sys.executable, "-m", "stream", *arguments]


def environment(code: Path = ROOT, **more: str) -> dict[str, str]:
    """Environment in which `code` is what runs, with one thread each."""
    return {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1", **more}


class Pipeline:
    """One application on the cluster.

    Parameters
    ----------
    cluster, folder
        Where its topics are, and where its file, logs and checkpoints go.
    app
        Its name.
    inputs
        Names of the topics of events and of labels (None: labels come within the events).
    partitions
        Of every topic.
    bootstrap
        What workers connect to, where that is not the cluster itself (a proxy).
    log, changes
        Settings that differ in the section `log`, and whole sections that are replaced.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        app: str,
        inputs: tuple[str, str | None],
        partitions: int,
        *,
        bootstrap: str | None = None,
        log: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        self.cluster, self.app, self.partitions = cluster, app, partitions
        self.features, self.labels = inputs
        self.folder = folder / app
        self.folder.mkdir(parents=True)
        self.checkpoints = self.folder / "checkpoints"
        self.settings = {
            "app": app,
            "log": {
                "type": "kafka",
                "bootstrap": bootstrap or cluster.bootstrap,
                "partitions": partitions,
                "replication": cluster.nodes,
                "session_timeout": f"{SESSION_S:g}s",
                "transaction_timeout": "5s",
                "request_timeout": "3s",
                "commit_timeout": f"{COMMIT_S:g}s",
                **(log or {}),
            },
            "schema": SCHEMA,
            "topics": {"features": self.features, **_named("labels", self.labels)},
            "target": {"type": "classification", "path": "$.y", "classes": ["no", "yes"]},
            "labels": {
                "source": "inline" if self.labels is None else "topic",
                "max_delay": "1h",
                # Events and labels are then taken in event time, whatever the machine is doing,
                # so that bytes can be compared.
                "wait_for_other": "1h",
            },
            "model": {"name": "hoeffding_tree"},
            "checkpoint": {"store": f"file://{self.checkpoints}", "interval": "1s"},
            "metrics": {"host": "127.0.0.1", "port": 0},
            **changes,
        }
        self.path = self.folder / "pipeline.yaml"
        self.write()

    def write(self) -> None:
        """Write the settings to the pipeline's file."""
        self.path.write_text(yaml.safe_dump(self.settings))

    def topic(self, role: str) -> str:
        """Name of an output topic, as it is where the file does not name it."""
        return f"{self.app}.{role}"

    def create(self) -> None:
        """Create the topics; the journal keeps the time at which each step was appended."""
        with self.cluster.admin() as admin:
            admin.client.create_topics(
                {
                    self.topic("journal"): {
                        "num_partitions": self.partitions,
                        "replication_factor": self.cluster.nodes,
                        "configs": {
                            "retention.ms": "-1",
                            "message.timestamp.type": "LogAppendTime",
                        },
                    }
                }
            )
        self.call("topics", "create")

    def call(self, *arguments: str, timeout_s: float = 120.0) -> str:
        """Run one command on the pipeline's file; return what it prints.

        Raises
        ------
        RuntimeError
            It did not end with 0.
        """
        done = subprocess.run(
            command(*arguments, str(self.path)),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=environment(),
            cwd=ROOT,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"driftgate {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    @property
    def inputs(self) -> list[str]:
        """Names of the topics that it reads."""
        return [self.features] if self.labels is None else [self.features, self.labels]

    def committed(self) -> dict[tuple[str, int], int]:
        """The group's committed offset of each input partition."""

        def listed() -> dict[Any, Any]:
            with self.cluster.admin() as admin:
                found: dict[Any, Any] = admin.client.list_group_offsets({self.app: None})[self.app]
            return found

        found = patiently(listed)
        return {(at.topic, at.partition): position.offset for at, position in found.items()}

    def behind(self) -> dict[int, int]:
        """Records between what is committed and the ends of the inputs, by partition."""
        committed = self.committed()
        left = dict.fromkeys(range(self.partitions), 0)
        for topic in self.inputs:
            ends = patiently(partial(ends_of, self.cluster.bootstrap, topic))
            for partition, end in ends.items():
                left[partition] += end - committed.get((topic, partition), 0)
        return left

    def done(self) -> int:
        """Input records that are committed, over all partitions (what was trimmed counts)."""
        return sum(self.committed().values())

    def members(self) -> dict[str, set[int]]:
        """Partitions of each member of the group by its client's name, as the broker gave them."""

        def described() -> dict[str, Any]:
            with self.cluster.admin() as admin:
                group: dict[str, Any] = admin.client.describe_groups([self.app])[self.app]
            return group

        group = patiently(described)
        found: dict[str, set[int]] = {}
        for member in group["members"]:
            given = (member["member_assignment"] or {}).get("assigned_partitions", ())
            found[f"{member['client_id']}/{member['member_id'][-8:]}"] = {
                number for topic in given for number in topic["partitions"]
            }
        return found

    def trim(self, topic: str, partition: int, first: int) -> None:
        """Forget records below an offset, as retention does by itself."""
        with self.cluster.admin() as admin:
            admin.client.delete_records({kafka.TopicPartition(topic, partition): first})


def unique(stem: str) -> str:
    """Name that no earlier run has used."""
    return f"{stem}-{time.time_ns() // 1_000_000 % 10**8:08d}"


def _named(role: str, topic: str | None) -> dict[str, str]:
    return {} if topic is None else {role: topic}
