"""`driftgate topics`: create, describe, fill and look at a pipeline's topics."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from stream.cli.topic_setup import TopicChange, apply_topics, plan_topics, topic_specs
from stream.config.pipeline import Config
from stream.datasets import Table, open_table, to_pieces
from stream.errors import SetupError, TopicMissingError
from stream.evaluate import Series
from stream.loading.load import load_config
from stream.log.base import LogAdmin, OutputBatch, TopicPartition
from stream.log.open import open_admin
from stream.topology import input_topics, output_topics

_APPEND_MAX = 5000
_log = structlog.get_logger(__name__)


@contextmanager
def _admin(config: Config) -> Iterator[LogAdmin]:
    admin = open_admin(config)
    try:
        yield admin
    finally:
        admin.close()


def create(path: Path) -> None:
    """Create what is missing, add the partitions that are, and say so."""
    config = load_config(path, os.environ)
    console = Console(highlight=False, soft_wrap=True)
    for change in _created(config):
        console.print(str(change))


def _created(config: Config) -> list[TopicChange]:
    with _admin(config) as admin:
        changes = plan_topics(topic_specs(config), input_topics(config), admin.topics())
        apply_topics(admin, changes)
    return changes


def fill_new(config: Config, data: str) -> dict[str, int]:
    """Create the topics, and append a data file's rows to inputs that hold nothing yet.

    Returns
    -------
    dict
        Records appended, by topic.

    Raises
    ------
    SetupError
        An input holds records: rows that were appended once would come twice.
    """
    _created(config)
    with _admin(config) as admin:
        for topic, count in admin.topics().items():
            held = (admin.bounds(TopicPartition(topic, number)).end for number in range(count))
            if topic in input_topics(config) and any(held):
                raise SetupError(
                    f"topic `{topic}`: must hold no records for --from; it does. Leave --from out "
                    "to go on with them, or append with `driftgate topics load`."
                )
    table = open_table(data)
    _log.info("filling the inputs", file=data, rows=table.rows)
    appended = _append(config, table, None)
    _log.info("filled", records=appended, malformed_rows=table.malformed.count)
    return appended


def describe(path: Path, as_machine: bool) -> None:
    """Show partitions and records of each topic."""
    config = load_config(path, os.environ)
    with _admin(config) as admin:
        found = admin.topics()
        rows = []
        for name in (*input_topics(config), *output_topics(config)):
            count = found.get(name)
            bounds = [admin.bounds(TopicPartition(name, number)) for number in range(count or 0)]
            rows.append((name, count, sum(b.end - b.first for b in bounds)))
    if as_machine:
        topics = [{"topic": n, "partitions": p, "records": r} for n, p, r in rows]
        print(json.dumps({"topics": topics}))
        return
    table = Grid("topic", "partitions", "offsets held")
    for name, count, records in rows:
        table.add_row(name, "missing" if count is None else str(count), f"{records:,}")
    Console(highlight=False).print(table)


def load(path: Path, data: str, limit: int | None) -> None:
    """Append a data file's rows; each key always goes to the same partition."""
    config = load_config(path, os.environ)
    table = open_table(data)
    appended = _append(config, table, limit)
    console = Console(highlight=False, soft_wrap=True)
    for note in table.notes:
        console.print(f"note: {note}.")
    for topic, count in appended.items():
        console.print(f"{topic}: appended {count:,} records")
    if table.malformed.count:
        console.print(f"{table.malformed.count:,} rows of the file are no rows of its table:")
        for line in table.malformed.shown:
            console.print(f"  {escape(line)}")


def _append(config: Config, table: Table, limit: int | None) -> dict[str, int]:
    topics = input_topics(config)
    appended = dict.fromkeys(topics, 0)
    with _admin(config) as admin:
        found = admin.topics()
        for topic in topics:
            if topic not in found:
                raise TopicMissingError(
                    f"topic `{topic}` must exist; it does not. "
                    "Run `driftgate topics create CONFIG`."
                )
        for piece in to_pieces(config, table, inline=len(topics) == 1, limit=limit):
            for topic, series in zip(topics, piece, strict=False):
                assert series is not None, "labels have a topic of their own"
                append_by_key(admin, topic, found[topic], series)
                appended[topic] += len(series)
    return appended


def append_by_key(admin: LogAdmin, topic: str, partitions: int, series: Series) -> None:
    """Append records; the key's CRC-32 chooses the partition, so equal keys stay together."""
    lists: list[tuple[list[int], list[bytes | None], list[bytes | None]]] = [
        ([], [], []) for _ in range(partitions)
    ]
    for key, value, timestamp in zip(series.keys, series.values, series.timestamps, strict=True):
        timestamps, keys, values = lists[zlib.crc32(key or b"") % partitions]
        timestamps.append(timestamp)
        keys.append(key)
        values.append(value)
    for number, (timestamps, keys, values) in enumerate(lists):
        target = TopicPartition(topic, number)
        for start in range(0, len(values), _APPEND_MAX):
            piece = slice(start, start + _APPEND_MAX)
            admin.append([OutputBatch(target, timestamps[piece], keys[piece], values[piece])])


def tail(path: Path, role: str, limit: int) -> None:
    """Print the last records of each partition; dead letters with their reasons."""
    config = load_config(path, os.environ)
    topic = config.topics.model_dump()[role]
    with _admin(config) as admin:
        if topic not in admin.topics():
            raise TopicMissingError(
                f"topic `{topic}` must exist; it does not. Run `driftgate topics create {path}`."
            )
        for number in range(admin.topics()[topic]):
            source = TopicPartition(topic, number)
            for line in _last_records(admin, source, limit):
                print(line)


def _last_records(admin: LogAdmin, source: TopicPartition, limit: int) -> list[str]:
    bounds = admin.bounds(source)
    # Twice as far back as asked, because transaction markers take offsets of their own.
    start = max(bounds.first, bounds.end - 2 * limit - 1)
    headers = admin.read_headers(source, start, bounds.end)
    lines: list[str] = []
    for batch in admin.read(source, start, bounds.end):
        for value in batch.values:
            reasons = [v.decode() for name, v in headers[len(lines)] if name == "driftgate.error"]
            shown = (value or b"").decode("utf-8", "backslashreplace")
            lines.append(f"{reasons[0]}  {shown:.200}" if reasons else shown)
    return lines[-limit:]
