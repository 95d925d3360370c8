"""What `driftgate transactions` says and refuses, with a stand-in for the brokers' answers.

On a real broker: tests/kafka/test_transactions.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stream.cli import transactions
from stream.cli.app import app
from stream.config.pipeline import Config
from stream.errors import ConfigError, LogAccessError
from stream.log.base import TopicPartition
from stream.log.open_transactions import (
    Decision,
    JudgedTransaction,
    PartitionTransactions,
    Status,
)

PIPELINE = """
app: shop
log: {type: kafka, bootstrap: "127.0.0.1:1"}
schema: {id: $.id, features: [{name: a, type: float}]}
target: {type: classification, path: $.y}
model: {name: last_label}
"""
JOURNAL = TopicPartition("shop.journal", 1)
OFFSETS = TopicPartition("__consumer_offsets", 9)


class Brokers:
    """Answers as a cluster on which one transaction is open (a `TransactionAdmin`)."""

    def __init__(self, status: Status, state: str | None) -> None:
        name = "shop-w" if state else None
        self.open = [JudgedTransaction(JOURNAL, 7, 3, 120, status, 300.0, name, state)]
        self.at_offsets: list[JudgedTransaction] = []
        self.ended: list[tuple[TopicPartition, int, Decision]] = []
        self.shows_offsets = True

    def transactions(self, topics: Sequence[str]) -> list[PartitionTransactions]:
        stable = 120 if self.open else 161
        found = [
            PartitionTransactions(JOURNAL, stable, 160 if self.open else 161, list(self.open)),
            PartitionTransactions(TopicPartition("shop.drift", 0), 5, 5, []),
            PartitionTransactions(TopicPartition("__consumer_offsets", 8), 5, 5, self.at_offsets),
            PartitionTransactions(OFFSETS, 5, 9, list(self.at_offsets)),
        ]
        if "__consumer_offsets" in topics and not self.shows_offsets:
            raise LogAccessError("user `u` needs READ on topic `__consumer_offsets`.")
        return [one for one in found if one.source.topic in topics]

    def without_leader(self, topics: Sequence[str]) -> list[TopicPartition]:
        return [TopicPartition("shop.features", 2)]

    def offsets_partition(self) -> TopicPartition:
        return OFFSETS

    def end(self, transaction: JudgedTransaction, decision: Decision) -> None:
        self.ended.append((transaction.source, transaction.producer_id, decision))
        (self.open if transaction in self.open else self.at_offsets).remove(transaction)

    def close(self) -> None:
        pass


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(PIPELINE)
    return path


def serve(monkeypatch: pytest.MonkeyPatch, status: Status, state: str | None) -> Brokers:
    brokers = Brokers(status, state)

    def opened(_: Config) -> Brokers:
        return brokers

    monkeypatch.setattr(transactions, "open_transaction_admin", opened)
    return brokers


def abort(pipeline: Path, *more: str, answer: str = "") -> Result:
    where = ["--partition", "shop.journal:1", "--producer-id", "7"]
    arguments = ["transactions", "abort", str(pipeline), *where, *more]
    return CliRunner().invoke(app, arguments, input=answer)


def test_each_open_transaction_is_shown_with_its_command(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, "hanging", None)
    result = CliRunner().invoke(app, ["transactions", "list", str(pipeline)])
    assert result.stdout.splitlines() == [
        "shop.journal:1: hanging, producer 7, epoch 3, from offset 120, open for 300 s "
        "(by its newest record's own time)",
        "    no coordinator shows its producer to this user; if this user may not describe all "
        "transactional ids, it may be another program's, and in order",
        "    readers of committed records stop at 120; the partition ends at 160",
        f"    driftgate transactions abort {pipeline} --partition shop.journal:1 --producer-id 7",
        "2 of 3 partitions have no open transaction.",
        "Not looked at, because their brokers are away: shop.features:2.",
    ]
    shown = json.loads(
        CliRunner().invoke(app, ["transactions", "list", str(pipeline), "--json"]).stdout
    )
    assert shown["without_leader"] == ["shop.features:2"]
    assert shown["partitions"][0]["transactions"][0]["stuck"] is True


def test_one_that_its_coordinator_knows_comes_without_the_command(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, "ongoing", "Ongoing")
    shown = CliRunner().invoke(app, ["transactions", "list", str(pipeline)]).stdout
    assert "its coordinator says of transactional id `shop-w`: Ongoing" in shown
    assert "abort" not in shown


def test_a_hanging_one_is_aborted_when_that_is_agreed_to(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brokers = serve(monkeypatch, "hanging", "CompleteAbort")
    for answer in ("n\n", ""):
        assert abort(pipeline, answer=answer).exit_code == 1
        assert brokers.open
    result = abort(pipeline, answer="y\n")
    assert result.exit_code == 0
    assert not brokers.open
    assert "wait before 40 offsets (120 to 160)" in result.stdout
    assert "COMMITTED" not in result.stdout
    assert result.stdout.endswith("read up to 161 now, of 161.\n")


def test_a_commit_that_was_decided_is_pointed_out(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, "hanging", "CompleteCommit")
    assert "was COMMITTED" in abort(pipeline, "--yes").stdout


@pytest.mark.parametrize("number", ["", "x", "-1", " 1", "1.0", "²"])
def test_a_partition_must_have_a_number(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    brokers = serve(monkeypatch, "hanging", None)
    done = abort(pipeline, "--partition", f"shop.journal:{number}", "--yes")
    assert isinstance(done.exception, ConfigError)
    assert "must be TOPIC:N" in str(done.exception)
    assert brokers.ended == []


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("ongoing", "Ongoing"),
        ("ending", "PrepareAbort"),
        ("overdue", "Ongoing"),
        ("unknown", None),
    ],
)
def test_what_may_end_by_itself_is_aborted_by_force_only(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch, status: Status, state: str | None
) -> None:
    brokers = serve(monkeypatch, status, state)
    refused = str(abort(pipeline, "--yes").exception)
    assert f"must be a hanging one; it is {status}" in refused
    assert brokers.open
    assert abort(pipeline, "--yes", "--force").exit_code == 0
    assert not brokers.open


@pytest.mark.parametrize("status", ["ending", "overdue"])
def test_what_is_about_to_be_committed_is_never_aborted(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch, status: Status
) -> None:
    brokers = serve(monkeypatch, status, "PrepareCommit")
    refused = str(abort(pipeline, "--yes", "--force").exception)
    assert "must not be aborted: its coordinator has decided to commit it" in refused
    assert brokers.open


def finish(pipeline: Path, *more: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["transactions", "finish", str(pipeline), *more], input=answer)


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> Brokers:
    """One that hangs on the journal, and one where the offsets are, both decided; others' there."""
    brokers = serve(monkeypatch, "hanging", "Empty")
    brokers.open = [replace(brokers.open[0], decision="commit")]
    ours = JudgedTransaction(
        OFFSETS, 7, 3, 5, "hanging", 300.0, "shop-w", "Empty", decision="commit"
    )
    others = replace(ours, producer_id=8, transactional_id="shopping-w", decision="abort")
    unnamed = replace(ours, producer_id=9, transactional_id=None, decision=None)
    brokers.at_offsets = [ours, others, unnamed]
    return brokers


def test_what_was_decided_is_shown_and_not_aborted(pipeline: Path, decided: Brokers) -> None:
    shown = CliRunner().invoke(app, ["transactions", "list", str(pipeline)]).stdout.splitlines()
    assert "    its coordinator had decided to commit it, and wrote no marker here" in shown
    assert f"    driftgate transactions finish {pipeline}" in shown
    assert not any("transactions abort" in line and "journal" in line for line in shown)
    assert not any("producer 8" in line for line in shown)
    refused = str(abort(pipeline, "--yes", "--force").exception)
    assert "must not be aborted: its coordinator had decided to commit it" in refused
    assert decided.ended == []


def test_all_that_was_decided_is_finished_when_that_is_agreed_to(
    pipeline: Path, decided: Brokers
) -> None:
    assert finish(pipeline, answer="n\n").exit_code == 1
    assert decided.ended == []
    done = finish(pipeline, answer="y\n")
    assert done.exit_code == 0
    assert decided.ended == [(JOURNAL, 7, "commit"), (OFFSETS, 7, "commit")]
    assert "shop.journal:1: commit, producer 7, epoch 3, from offset 120\n" in done.stdout
    assert "1 more hang, and no coordinator's log tells" in done.stdout
    assert done.stdout.endswith("2 markers written.\n")
    again = finish(pipeline, "--yes")
    assert (again.exit_code, "written" in again.stdout) == (0, False)


def test_where_nothing_hangs_nothing_is_finished(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brokers = serve(monkeypatch, "ongoing", "Ongoing")
    assert finish(pipeline).stdout == "No transaction hangs.\n"
    assert brokers.open


def test_offsets_that_may_not_be_looked_at_are_said(pipeline: Path, decided: Brokers) -> None:
    decided.shows_offsets = False
    done = finish(pipeline, "--yes")
    assert decided.ended == [(JOURNAL, 7, "commit")]
    assert "Committed offsets were not looked at. user `u` needs READ" in done.stderr
