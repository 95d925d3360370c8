"""`driftgate transactions`: see what is open on a pipeline's topics, and end what hangs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import typer

from stream.config.pipeline import Config
from stream.errors import ConfigError, LogAccessError, SetupError
from stream.loading.load import load_config
from stream.log.base import TopicPartition
from stream.log.open import open_transaction_admin
from stream.log.open_transactions import (
    OFFSETS_TOPIC,
    JudgedTransaction,
    PartitionTransactions,
    TransactionAdmin,
)
from stream.topology import input_topics, output_topics

_NONE = "The embedded log has no open transactions: one ends with the process that began it."


def list_transactions(path: Path, as_json: bool) -> None:
    """Show the open transactions of every partition of the pipeline's topics."""
    config = load_config(path, os.environ)
    admin = open_transaction_admin(config)
    if admin is None:
        print(json.dumps({"partitions": [], "without_leader": []}) if as_json else _NONE)
        return
    try:
        found = _found(admin, config)
        unled = [f"{topic}:{number}" for topic, number in admin.without_leader(_topics(config))]
    finally:
        admin.close()
    if as_json:
        partitions = [_plain(one) for one in found]
        print(json.dumps({"partitions": partitions, "without_leader": unled}))
    else:
        _print(found, unled, path)


def finish_transactions(path: Path, yes: bool) -> None:
    """Write all markers that coordinators had decided on, after they were shown and agreed to."""
    config = load_config(path, os.environ)
    admin = open_transaction_admin(config)
    if admin is None:
        print(_NONE)
        return
    try:
        hanging = [
            one
            for at in _found(admin, config)
            for one in at.transactions
            if one.status == "hanging"
        ]
        decided = [one for one in hanging if one.decision is not None]
        _print_decided(decided, len(hanging) - len(decided), path)
        if decided and not yes:
            typer.confirm(f"Write {_markers(decided)}?", abort=True)
        for one in decided:
            assert one.decision is not None
            admin.end(one, one.decision)
    finally:
        admin.close()
    if decided:
        print(f"{_markers(decided)} written.")


def abort_transaction(path: Path, partition: str, producer_id: int, yes: bool, force: bool) -> None:
    """Abort one producer's transaction on one partition, after it was shown and agreed to."""
    config = load_config(path, os.environ)
    admin = open_transaction_admin(config)
    if admin is None:
        raise SetupError(f"log: transactions can be aborted on Kafka only. {_NONE}")
    try:
        source = _source(partition, config, admin)
        at, transaction = _find(admin, source, producer_id)
        _refuse(transaction, force, path)
        _describe(at, transaction)
        if not yes:
            typer.confirm("Abort it?", abort=True)
        admin.end(transaction, "abort")
        after = _of(admin, source)
    finally:
        admin.close()
    print(
        f"{partition}: aborted. Committed records are read up to {after.last_stable_offset} now, "
        f"of {after.high_watermark}."
    )


def _topics(config: Config) -> list[str]:
    return [*input_topics(config), *output_topics(config)]


def _found(admin: TransactionAdmin, config: Config) -> list[PartitionTransactions]:
    """What is open on the pipeline's topics, and of the pipeline where its offsets are."""
    found = admin.transactions(_topics(config))
    try:
        offsets = admin.offsets_partition()
        at_offsets = admin.transactions([offsets.topic])
    except LogAccessError as error:
        print(f"Committed offsets were not looked at. {error}", file=sys.stderr)
        return found
    return found + [
        replace(at, transactions=[one for one in at.transactions if _may_be_ours(one, config)])
        for at in at_offsets
        if at.source == offsets
    ]


def _may_be_ours(one: JudgedTransaction, config: Config) -> bool:
    """Groups share partitions of offsets."""
    if one.transactional_id is None:
        return one.stuck
    return one.transactional_id.startswith(f"{config.app}-")


def _markers(decided: list[JudgedTransaction]) -> str:
    return "1 marker" if len(decided) == 1 else f"{len(decided)} markers"


def _print_decided(decided: list[JudgedTransaction], undecided: int, path: Path) -> None:
    for one in decided:
        print(
            f"{one.source.topic}:{one.source.partition}: {one.decision}, producer "
            f"{one.producer_id}, epoch {one.epoch}, from offset {one.start_offset}"
        )
    if undecided:
        print(
            f"{undecided} more hang, and no coordinator's log tells what was decided: see "
            f"`driftgate transactions list {path}`."
        )
    elif not decided:
        print("No transaction hangs.")


def _source(partition: str, config: Config, admin: TransactionAdmin) -> TopicPartition:
    topic, _, number = partition.rpartition(":")
    if topic == OFFSETS_TOPIC and number == str(admin.offsets_partition().partition):
        return admin.offsets_partition()
    if topic not in _topics(config) or not number.isdecimal():
        raise ConfigError(
            f"--partition: must be TOPIC:N with one of {', '.join(_topics(config))}; "
            f"got {partition!r}."
        )
    return TopicPartition(topic, int(number))


def _of(admin: TransactionAdmin, source: TopicPartition) -> PartitionTransactions:
    for found in admin.transactions([source.topic]):
        if found.source == source:
            return found
    raise SetupError(
        f"{source.topic}:{source.partition}: the partition must exist and have a leader; it has "
        f"not. See `driftgate topics describe`, and whether all brokers are running."
    )


def _find(
    admin: TransactionAdmin, source: TopicPartition, producer_id: int
) -> tuple[PartitionTransactions, JudgedTransaction]:
    found = _of(admin, source)
    for transaction in found.transactions:
        if transaction.producer_id == producer_id:
            return found, transaction
    others = ", ".join(str(one.producer_id) for one in found.transactions) or "none"
    raise SetupError(
        f"{source.topic}:{source.partition}: producer {producer_id} must have a transaction open "
        f"here; those that have: {others}. It may have ended by itself."
    )


def _refuse(transaction: JudgedTransaction, force: bool, path: Path) -> None:
    where = f"{transaction.source.topic}:{transaction.source.partition}"
    what = f"{where}: the transaction of producer {transaction.producer_id}"
    if transaction.state == "PrepareCommit" and transaction.status != "hanging":
        raise SetupError(
            f"{what} must not be aborted: its coordinator has decided to commit it, and other "
            f"partitions may show it already. Bring back the brokers that it waits for."
        )
    if transaction.decision == "commit":
        raise SetupError(
            f"{what} must not be aborted: its coordinator had decided to commit it, and other "
            f"partitions show it already, perhaps the committed offsets. `driftgate transactions "
            f"finish {path}` commits it here, too."
        )
    if transaction.status != "hanging" and not force:
        raise SetupError(
            f"{what} must be a hanging one; it is {transaction.status}. "
            f"{_ADVICE[transaction.status]} --force aborts it all the same."
        )


_ADVICE = {
    "ongoing": "Its coordinator ends it at its timeout.",
    "ending": "Its coordinator is about to end it.",
    "overdue": "Its coordinator still knows it: see that all brokers are running.",
    "unknown": "A part of __transaction_state has no leader: bring that broker back first.",
}


def _describe(at: PartitionTransactions, transaction: JudgedTransaction) -> None:
    waiting = at.high_watermark - at.last_stable_offset
    print(
        f"{at.source.topic}:{at.source.partition}: an abort marker for producer "
        f"{transaction.producer_id}, epoch {transaction.epoch}, will be written. What this "
        f"producer wrote from offset {transaction.start_offset} on becomes invisible for ever; "
        f"readers of committed records wait before {waiting} offsets ({at.last_stable_offset} to "
        f"{at.high_watermark}) at present."
    )
    print(f"Open for {_duration(transaction)}; {_coordinator(transaction)}.")
    if transaction.state == "CompleteCommit":
        print(
            "Its coordinator says that the producer's latest transaction was COMMITTED. If that "
            "was this one, its records belong to what was committed, and aborting it loses them."
        )


def _coordinator(transaction: JudgedTransaction) -> str:
    if transaction.transactional_id is None:
        return (
            "no coordinator shows its producer to this user; if this user may not describe all "
            "transactional ids, it may be another program's, and in order"
        )
    return (
        f"its coordinator says of transactional id `{transaction.transactional_id}`: "
        f"{transaction.state}"
    )


def _duration(transaction: JudgedTransaction) -> str:
    by_record = " (by its newest record's own time)" if transaction.status == "hanging" else ""
    return f"{transaction.open_s:,.0f} s{by_record}"


def _plain(found: PartitionTransactions) -> dict[str, Any]:
    return {
        "topic": found.source.topic,
        "partition": found.source.partition,
        "last_stable_offset": found.last_stable_offset,
        "high_watermark": found.high_watermark,
        "transactions": [_fields(one) for one in found.transactions],
    }


def _fields(transaction: JudgedTransaction) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(transaction).items() if name != "source"}
    fields["open_s"] = round(transaction.open_s, 3)
    fields["stuck"] = transaction.stuck
    return fields


def _print(found: list[PartitionTransactions], unled: list[str], path: Path) -> None:
    for at in found:
        for one in at.transactions:
            for line in _lines(at, one, path):
                print(line)
    free = sum(not at.transactions for at in found)
    print(f"{free} of {len(found)} partitions have no open transaction.")
    if unled:
        print(f"Not looked at, because their brokers are away: {', '.join(unled)}.")


def _lines(at: PartitionTransactions, one: JudgedTransaction, path: Path) -> Iterator[str]:
    where = f"{at.source.topic}:{at.source.partition}"
    yield (
        f"{where}: {one.status}, producer {one.producer_id}, epoch {one.epoch}, from offset "
        f"{one.start_offset}, open for {_duration(one)}"
    )
    yield f"    {_coordinator(one)}"
    yield (
        f"    readers of committed records stop at {at.last_stable_offset}; the partition ends at "
        f"{at.high_watermark}"
    )
    if one.status == "hanging" and one.decision is not None:
        yield f"    its coordinator had decided to {one.decision} it, and wrote no marker here"
        yield f"    driftgate transactions finish {path}"
    elif one.status == "hanging":
        yield (
            f"    driftgate transactions abort {path} --partition {where} "
            f"--producer-id {one.producer_id}"
        )
