"""What `doctor` asks of a group's offsets and of open transactions on Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import kafka
from kafka.protocol.consumer import OffsetSpec

from stream.errors import DriftgateError
from stream.log.base import Bounds, Probe, TopicPartition
from stream.log.findings import judge_positions
from stream.log.kafka.admin import KafkaAdmin
from stream.log.kafka.errors import translated
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.transaction_admin import KafkaTransactions
from stream.log.open_transactions import JudgedTransaction, PartitionTransactions


def probe_positions(
    inputs: Sequence[str],
    journal: str,
    found: Mapping[str, Any],
    admin: Any,
    settings: KafkaSettings,
) -> list[Probe]:
    """Whether a worker could go on from the group's committed offsets."""
    sources = [
        TopicPartition(name, part["partition_index"])
        for name in inputs
        if name in found
        for part in found[name]["partitions"]
        if part["leader_id"] >= 0
    ]
    if not sources or journal not in found:
        return []
    try:
        with translated(settings):
            committed = _committed(admin, settings.group, sources)
            bounds = _bounds(admin, sources)
        journaled = len(found[journal]["partitions"])
        return judge_positions(
            settings.group,
            committed,
            bounds,
            lambda number: number < journaled and _holds(journal, number, settings),
        )
    except DriftgateError as error:
        detail, _, remedy = str(error).rpartition(". ")
        return [Probe("positions", False, detail, remedy)]


def probe_transactions(
    inputs: Sequence[str], found: Mapping[str, Any], admin: Any, settings: KafkaSettings
) -> Iterator[Probe]:
    """Name the transactions that are open for longer than they may be."""
    try:
        partitions = KafkaTransactions(settings, admin).transactions(list(found))
    except DriftgateError as error:
        detail, _, remedy = str(error).rpartition(". ")
        cannot = f"cannot be looked at: {detail}"
        yield Probe("open transactions", True, cannot, remedy, warning=True)
        return
    opened = [(at, one) for at in partitions for one in at.transactions]
    said = [
        probe
        for at, one in opened
        for probe in _said_of(at, one, at.source.topic in inputs, settings)
    ]
    yield from said
    if not said:
        yield Probe(
            "open transactions",
            True,
            f"{len(opened)}, none for longer than its timeout" if opened else "none",
        )


def _said_of(
    at: PartitionTransactions, one: JudgedTransaction, is_input: bool, settings: KafkaSettings
) -> Iterator[Probe]:
    where = f"{at.source.topic}:{at.source.partition}"
    held = at.high_watermark - at.last_stable_offset
    what = (
        f"`{where}`: that of producer {one.producer_id} is {one.status} since offset "
        f"{one.start_offset}, for {one.open_s:,.0f} s: no reader gets past "
        f"{at.last_stable_offset}, {held} offsets wait"
    )
    if one.status == "hanging":
        # The producers of an input are other people's: this user may not be shown their ids.
        may_be_unseen = is_input and one.transactional_id is None
        yield Probe(
            "open transactions",
            may_be_unseen,
            what,
            "driftgate transactions finish CONFIG"
            if one.decision is not None
            else f"driftgate transactions abort CONFIG --partition {where} "
            f"--producer-id {one.producer_id}",
            warning=may_be_unseen,
        )
    elif one.status == "overdue":
        remedy = "See that all brokers are running, and driftgate transactions list CONFIG."
        yield Probe("open transactions", False, what, remedy)
    elif one.open_s > settings.transaction_timeout_s or one.status == "unknown":
        remedy = "driftgate transactions list CONFIG shows whose it is; its timeout ends it."
        yield Probe("open transactions", True, what, remedy, warning=True)


def _committed(
    admin: Any, group: str, sources: Sequence[TopicPartition]
) -> dict[TopicPartition, int | None]:
    asked = [kafka.TopicPartition(*source) for source in sources]
    answered = admin.list_group_offsets({group: asked})[group]
    offsets = {TopicPartition(*partition): at.offset for partition, at in answered.items()}
    return {
        source: offset if (offset := offsets.get(source, -1)) >= 0 else None for source in sources
    }


def _bounds(admin: Any, sources: Sequence[TopicPartition]) -> dict[TopicPartition, Bounds]:
    """First offset kept and high watermark (not the last stable offset: nothing waits here)."""
    first, end = (
        admin.list_partition_offsets({kafka.TopicPartition(*source): which for source in sources})
        for which in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
    )
    return {TopicPartition(*key): Bounds(first[key].offset, end[key].offset) for key in first}


def _holds(journal: str, partition: int, settings: KafkaSettings) -> bool:
    """Whether a committed record is in it: a first transaction that was aborted leaves none."""
    source = TopicPartition(journal, partition)
    admin = KafkaAdmin(settings)
    try:
        return any(len(batch) for batch in admin.read(source, *admin.bounds(source)))
    finally:
        admin.close()
