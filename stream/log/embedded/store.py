"""One SQLite file that holds topics, their records, and the positions of consumer groups.

A record's row id is `partition id * 2**40 + offset`, so that one partition is one contiguous
range of the table: an append and a read of a batch are each one statement over that range.

Durability
    A file is kept in WAL mode with `synchronous=FULL`: a commit returns after its fsync, and
    survives SIGKILL and loss of power. A process killed in the middle of a commit leaves nothing
    of it behind. `:memory:` is shared by all connections of the process and goes with the last of
    them; `:memory:NAME` gives a test a log of its own. SQLite bounds a memory log at 1 GiB.

Processes
    Writers take turns (SQLite's own lock; they wait up to `BUSY_TIMEOUT_S`); readers of a file
    never wait. Put the file on a local disk: network file systems do not lock reliably.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from stream.errors import (
    LogUnavailableError,
    RecoveryError,
    ReplacedError,
    SetupError,
    TopicMissingError,
)
from stream.log.base import Bounds, Committed, Headers, OutputBatch, RecordBatch, TopicPartition
from stream.log.embedded.schema import connect

_OFFSET_BITS = 40  # 10**12 records a partition, 8 million partitions
_OFFSETS = 1 << _OFFSET_BITS
_READ_RECORDS_MAX = 10_000
_EMPTY_WAL_MS = 1000

_INSERT = "INSERT INTO records (id, timestamp, key, value, headers) VALUES (?, ?, ?, ?, ?)"
_SELECT = "SELECT timestamp, key, value FROM records WHERE id >= ? AND id < ?"

_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


class Store:
    """One connection to the file (or to the shared memory) of an embedded log."""

    def __init__(self, path: str) -> None:
        self.path = path
        with self.translated():
            self._connection = connect(path)
        self._file = _file_at(path)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors into one that says what to do."""
        try:
            yield
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise self.unusable(error) from error

    def unusable(self, error: Exception) -> LogUnavailableError:
        """Say what an error of SQLite's means, in one line."""
        return LogUnavailableError(
            f"log.path: `{self.path}` cannot be used: {error}. {remedy(error)}"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside durable together, or none of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read everything inside as it was at one moment."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def refuse_if_replaced(self) -> None:
        """Compare the file at the path with the one that was opened.

        A connection goes on with a file that was removed, or replaced by another one: what it
        commits there is lost to every reader.

        Raises
        ------
        ReplacedError
        """
        found = _file_at(self.path)
        if found != self._file:
            what = "is gone" if found is None else "was replaced by another one"
            raise ReplacedError(
                f"log.path: `{self.path}` must stay the file that was opened; it {what}. What this "
                f"worker had committed to it is not there any more. Put the file back, and start "
                f"the worker anew: it goes on from what the file holds."
            )

    def reconnect(self) -> None:
        """Replace the connection; whatever it had not committed is gone."""
        self.refuse_if_replaced()
        old = self._connection
        with self.translated():
            # The new one comes first: a memory log lives only as long as it has a connection.
            self._connection = connect(self.path)
            old.close()

    def close(self) -> None:
        """Release the file; safe to call twice."""
        if _file_at(self.path) != self._file:
            self._empty_wal()
        self._connection.close()

    def _empty_wal(self) -> None:
        """Bring what the write-ahead log at the path holds into the file that was opened.

        SQLite leaves it where it is when the file is not there any more, and takes what it holds
        for the newest pages of whatever file is put there next, a copy of last week, say.
        """
        with suppress(sqlite3.Error):  # closed already; or another process reads from it
            self._connection.execute(f"PRAGMA busy_timeout = {_EMPTY_WAL_MS}")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # Topics

    def topics(self) -> dict[str, int]:
        """Partition count of every topic."""
        return dict(self._connection.execute("SELECT name, partitions FROM topics ORDER BY name"))

    def topic_id(self, name: str) -> str:
        """Random id that a topic got when it was made."""
        row = self._connection.execute("SELECT id FROM topics WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise self._missing(f"topic `{name}`")
        return str(row[0])

    def create_topic(self, name: str, partitions: int) -> bool:
        """Create a topic; False if it is there already."""
        execute = self._connection.execute
        if execute("SELECT 1 FROM topics WHERE name = ?", (name,)).fetchone():
            return False
        execute("INSERT INTO topics VALUES (?, ?, ?)", (name, 0, secrets.token_hex(16)))
        self.add_partitions(name, partitions)
        return True

    def add_partitions(self, name: str, count: int) -> None:
        """Let a topic have `count` partitions; it must not have more of them already."""
        present = self.topics().get(name)
        if present is None:
            raise self._missing(f"topic `{name}`")
        if count < present:
            raise SetupError(
                f"log: topic `{name}` must have at most {count} partitions; got {present}. "
                f"Partitions can be added, but not taken away."
            )
        self._connection.executemany(
            "INSERT INTO partitions (topic, partition) VALUES (?, ?)",
            [(name, index) for index in range(present, count)],
        )
        self._connection.execute("UPDATE topics SET partitions = ? WHERE name = ?", (count, name))

    def delete_topic(self, name: str) -> None:
        """Delete a topic with its records, and every group's positions in it."""
        execute = self._connection.execute
        ids = execute("SELECT id FROM partitions WHERE topic = ?", (name,)).fetchall()
        for (partition_id,) in ids:
            base = partition_id << _OFFSET_BITS
            execute("DELETE FROM records WHERE id >= ? AND id < ?", (base, base + _OFFSETS))
            execute("DELETE FROM positions WHERE partition_id = ?", (partition_id,))
        execute("DELETE FROM partitions WHERE topic = ?", (name,))
        execute("DELETE FROM topics WHERE name = ?", (name,))

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset."""
        return self._partition(source)[1]

    def _partition(self, source: TopicPartition) -> tuple[int, Bounds]:
        """Row id and bounds. Not cached: another process may delete the topic, and reuse the id."""
        row = self._connection.execute(
            'SELECT id, first, "end" FROM partitions WHERE topic = ? AND partition = ?',
            tuple(source),
        ).fetchone()
        if row is None:
            raise self._missing(f"topic `{source.topic}` with partition {source.partition}")
        return int(row[0]), Bounds(row[1], row[2])

    def _missing(self, what: str) -> TopicMissingError:
        return TopicMissingError(
            f"log: {what} does not exist in `{self.path}`. Create it with `driftgate topics "
            f"create`."
        )

    # Records

    def append(self, output: OutputBatch) -> int:
        """Append inside a transaction; return the offset of the first record."""
        partition_id, (_, start) = self._partition(output.target)
        first_id = (partition_id << _OFFSET_BITS) + start
        count = len(output)
        headers: Sequence[bytes | None] = [None] * count
        if output.headers is not None:
            headers = [_encode_headers(entry) if entry else None for entry in output.headers]
        ids = range(first_id, first_id + count)
        rows = zip(ids, output.timestamps, output.keys, output.values, headers, strict=True)
        self._connection.executemany(_INSERT, rows)
        self._connection.execute(
            'UPDATE partitions SET "end" = ? WHERE id = ?', (start + count, partition_id)
        )
        return start

    def read(self, source: TopicPartition, start: int, end: int) -> RecordBatch:
        """Read offsets start to end, all of which must be there.

        Raises
        ------
        RecoveryError
            Some are not kept any more.
        """
        partition_id, (first, _) = self._partition(source)
        base = partition_id << _OFFSET_BITS
        rows = self._connection.execute(_SELECT, (base + start, base + end)).fetchall()
        if len(rows) != end - start:
            raise _not_kept(source, start, first) if start < first else _lacking(source, start, end)
        timestamps, keys, values = zip(*rows, strict=True) if rows else ((), (), ())
        return RecordBatch(source, range(start, end), timestamps, keys, values)

    def read_range(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read committed records with start <= offset < end, a bounded number at a time."""
        first, last = self.bounds(source)
        if start < first:
            raise _not_kept(source, start, first)
        for position in range(start, min(end, last), _READ_RECORDS_MAX):
            yield self.read(source, position, min(position + _READ_RECORDS_MAX, end, last))

    def offset_at(self, source: TopicPartition, timestamp_ms: int) -> int:
        """Offset of the first record with at least this timestamp; the end if there is none."""
        partition_id, (_, end) = self._partition(source)
        base = partition_id << _OFFSET_BITS
        row = self._connection.execute(
            "SELECT min(id) FROM records WHERE id >= ? AND id < ? AND timestamp >= ?",
            (base, base + end, timestamp_ms),
        ).fetchone()
        return end if row[0] is None else int(row[0]) - base

    def headers(self, source: TopicPartition, start: int, end: int) -> list[Headers]:
        """Headers of the records with start <= offset < end."""
        partition_id, (first, _) = self._partition(source)
        if start < first:
            raise _not_kept(source, start, first)
        base = partition_id << _OFFSET_BITS
        rows = self._connection.execute(
            "SELECT headers FROM records WHERE id >= ? AND id < ?", (base + start, base + end)
        )
        return [[] if row[0] is None else _decode_headers(row[0]) for row in rows]

    def trim(self, source: TopicPartition, first: int) -> None:
        """Forget the records below `first`, inside a transaction."""
        partition_id, (_, end) = self._partition(source)
        first = min(first, end)
        base = partition_id << _OFFSET_BITS
        self._connection.execute(
            "DELETE FROM records WHERE id >= ? AND id < ?", (base, base + first)
        )
        self._connection.execute(
            "UPDATE partitions SET first = max(first, ?) WHERE id = ?", (first, partition_id)
        )

    # Groups

    def take_over(self, group: str) -> int:
        """Make the caller the owner of a group; return its epoch, which fences all before it."""
        row = self._connection.execute(
            "INSERT INTO owners VALUES (?, 1) "
            "ON CONFLICT (grp) DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
            (group,),
        ).fetchone()
        return int(row[0])

    def epoch(self, group: str) -> int:
        """Epoch of a group's present owner; 0 before the first."""
        row = self._connection.execute(
            "SELECT epoch FROM owners WHERE grp = ?", (group,)
        ).fetchone()
        return int(row[0]) if row else 0

    def position(self, group: str, source: TopicPartition) -> Committed | None:
        """Read the committed position of a group in a partition."""
        row = self._connection.execute(
            "SELECT offset, note FROM positions WHERE grp = ? AND partition_id = ?",
            (group, self._partition(source)[0]),
        ).fetchone()
        return Committed(*row) if row else None

    def set_position(self, group: str, source: TopicPartition, committed: Committed) -> None:
        """Set a group's position, inside a transaction."""
        self._connection.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)",
            (group, self._partition(source)[0], *committed),
        )


def _file_at(path: str) -> tuple[int, int] | None:
    """Which file a path names: its device and inode; None for none, as for a log in memory."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _not_kept(source: TopicPartition, start: int, first: int) -> RecoveryError:
    return RecoveryError(
        f"{source.topic}[{source.partition}]@{start}: records must be kept from there on; the "
        f"first kept is {first}. Keep records longer, or reset this partition's state and position."
    )


def _lacking(source: TopicPartition, start: int, end: int) -> RecoveryError:
    return RecoveryError(
        f"{source.topic}[{source.partition}]@{start}: all records up to {end} must be in the file; "
        f"some are not. Restore it from a copy, or reset this partition's state and position."
    )


def remedy(error: Exception) -> str:
    """Say what to do about an error of SQLite's."""
    if is_damage(error):
        return (
            "Restore the file from a copy, and remove the `-wal` and `-shm` beside it; or save "
            "what can be read with `sqlite3 FILE .recover`."
        )
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_BUSY:
        return "End the program that has had the file locked for so long."
    if code == sqlite3.SQLITE_FULL:
        return "Make room on the disk."
    return "Give a file in a directory that exists and is writable, on a disk with room."


def is_damage(error: Exception) -> bool:
    """Tell whether an error means that what is in the file is broken."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )
