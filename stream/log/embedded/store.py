"""One SQLite file that holds topics, their records, and the positions of consumer groups.

A record's row id is `partition id * 2**40 + offset`, so that one partition is one contiguous
range of the table: an append and a read of a batch are each one statement over that range.

Durability
    A file is kept in WAL mode with `synchronous=FULL`: a commit returns after its fsync, and
    survives SIGKILL and loss of power. A process killed in the middle of a commit leaves nothing
    of it behind. `:memory:` is shared by all connections of the process and goes with the last of
    them; `:memory:NAME` gives a test a log of its own. SQLite bounds a memory log at 1 GiB.

Processes
    Writers take turns (SQLite's own lock; they wait up to `_BUSY_TIMEOUT_S`); readers of a file
    never wait. Put the file on a local disk: network file systems do not lock reliably.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from stream.errors import LogUnavailableError, RecoveryError, SetupError, TopicMissingError
from stream.log.base import Bounds, Committed, Headers, OutputBatch, RecordBatch, TopicPartition

MEMORY = ":memory:"
_SCHEMA_VERSION = 1
_APPLICATION_ID = 0x64726674  # "drft": tells another program's SQLite file from a log
_OFFSET_BITS = 40  # 10**12 records a partition, 8 million partitions
_BUSY_TIMEOUT_S = 30.0
_READ_RECORDS_MAX = 10_000

_SCHEMA = """
CREATE TABLE topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL REFERENCES topics (name),
    partition INTEGER NOT NULL,
    first INTEGER NOT NULL DEFAULT 0,
    "end" INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, partition)
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB
);
CREATE TABLE positions (
    grp TEXT NOT NULL,
    partition_id INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (grp, partition_id)
) WITHOUT ROWID;
CREATE TABLE owners (grp TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
"""

_INSERT = "INSERT INTO records (id, timestamp, key, value, headers) VALUES (?, ?, ?, ?, ?)"
_SELECT = "SELECT timestamp, key, value FROM records WHERE id >= ? AND id < ?"

_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


class Store:
    """One connection to the file (or to the shared memory) of an embedded log."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._partition_ids: dict[TopicPartition, int] = {}
        with self.translated():
            self._connection = _connect(path)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors into one that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise LogUnavailableError(
                f"log.path: `{self.path}` cannot be used: {error}. Give a file in a directory that "
                f"exists and is writable, on a disk with room."
            ) from error

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

    def reconnect(self) -> None:
        """Replace the connection; whatever it had not committed is gone."""
        old = self._connection
        with self.translated():
            # The new one comes first: a memory log lives only as long as it has a connection.
            self._connection = _connect(self.path)
            old.close()

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._connection.close()

    # Topics

    def topics(self) -> dict[str, int]:
        """Partition count of every topic."""
        return dict(self._connection.execute("SELECT name, partitions FROM topics ORDER BY name"))

    def create_topic(self, name: str, partitions: int) -> bool:
        """Create a topic; False if it is there already."""
        execute = self._connection.execute
        if execute("SELECT 1 FROM topics WHERE name = ?", (name,)).fetchone():
            return False
        execute("INSERT INTO topics VALUES (?, ?)", (name, partitions))
        self._connection.executemany(
            "INSERT INTO partitions (topic, partition) VALUES (?, ?)",
            [(name, index) for index in range(partitions)],
        )
        return True

    def add_partitions(self, name: str, count: int) -> None:
        """Let a topic have `count` partitions; it must not have more of them already."""
        present = self.topics().get(name)
        if present is None:
            raise TopicMissingError(
                f"log: topic `{name}` does not exist in `{self.path}`. "
                f"Create it with `driftgate topics create`."
            )
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

    def partition_id(self, source: TopicPartition) -> int:
        """Row id of a partition; topics are never deleted, so that it can be cached."""
        found = self._partition_ids.get(source)
        if found is not None:
            return found
        row = self._connection.execute(
            "SELECT id FROM partitions WHERE topic = ? AND partition = ?", tuple(source)
        ).fetchone()
        if row is None:
            raise TopicMissingError(
                f"log: topic `{source.topic}` with partition {source.partition} does not exist in "
                f"`{self.path}`. Create it with `driftgate topics create`."
            )
        self._partition_ids[source] = int(row[0])
        return int(row[0])

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset."""
        row = self._connection.execute(
            'SELECT first, "end" FROM partitions WHERE id = ?', (self.partition_id(source),)
        ).fetchone()
        return Bounds(*row)

    # Records

    def append(self, output: OutputBatch) -> int:
        """Append inside a transaction; return the offset of the first record."""
        partition_id = self.partition_id(output.target)
        start = self.bounds(output.target).end
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
        base = self.partition_id(source) << _OFFSET_BITS
        rows = self._connection.execute(_SELECT, (base + start, base + end)).fetchall()
        if len(rows) != end - start:
            raise _not_kept(source, start, self.bounds(source).first)
        timestamps, keys, values = zip(*rows, strict=True) if rows else ((), (), ())
        return RecordBatch(source, range(start, end), timestamps, keys, values)

    def read_range(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read committed records with start <= offset < end, a bounded number at a time."""
        first, last = self.bounds(source)
        if start < first:
            raise _not_kept(source, start, first)
        for position in range(start, min(end, last), _READ_RECORDS_MAX):
            yield self.read(source, position, min(position + _READ_RECORDS_MAX, end, last))

    def headers(self, source: TopicPartition, start: int, end: int) -> list[Headers]:
        """Headers of the records with start <= offset < end."""
        first = self.bounds(source).first
        if start < first:
            raise _not_kept(source, start, first)
        base = self.partition_id(source) << _OFFSET_BITS
        rows = self._connection.execute(
            "SELECT headers FROM records WHERE id >= ? AND id < ?", (base + start, base + end)
        )
        return [[] if row[0] is None else _decode_headers(row[0]) for row in rows]

    def trim(self, source: TopicPartition, first: int) -> None:
        """Forget the records below `first`, inside a transaction."""
        first = min(first, self.bounds(source).end)
        partition_id = self.partition_id(source)
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
            (group, self.partition_id(source)),
        ).fetchone()
        return Committed(*row) if row else None

    def set_position(self, group: str, source: TopicPartition, committed: Committed) -> None:
        """Set a group's position, inside a transaction."""
        self._connection.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)",
            (group, self.partition_id(source), *committed),
        )


def _not_kept(source: TopicPartition, start: int, first: int) -> RecoveryError:
    return RecoveryError(
        f"{source.topic}[{source.partition}]@{start}: records must be kept from there on; the "
        f"first kept is {first}. Keep records longer, or reset this partition's state and position."
    )


def _connect(path: str) -> sqlite3.Connection:
    """Open a log, creating it where there is none."""
    connection = sqlite3.connect(
        _uri(path),
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,  # transactions are begun and ended explicitly
        check_same_thread=False,  # a log moves between threads, though only one uses it at a time
    )
    try:
        if not path.startswith(MEMORY):
            _use_wal(connection)
        _ensure_schema(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _uri(path: str) -> str:
    if path.startswith(MEMORY):
        return f"file:/driftgate-{path.removeprefix(MEMORY)}?vfs=memdb"
    return Path(path).absolute().as_uri()


def _use_wal(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # The change to WAL does not wait for another process's change (no busy handler there).
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            break
    connection.execute("PRAGMA synchronous = FULL")


def _ensure_schema(connection: sqlite3.Connection) -> None:
    if _schema_version(connection) == _SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    # Looked at again under the lock: another process may have created it in between.
    if _schema_version(connection) == 0:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _schema_version(connection: sqlite3.Connection) -> int:
    """Version of the log in this file; 0 where the file is new."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (application_id, version) == (0, 0) and tables == 0:
        return 0
    if application_id != _APPLICATION_ID:
        raise sqlite3.DatabaseError("it is a database of another program")
    if version != _SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"it is a log of version {version}, not {_SCHEMA_VERSION}")
    return version
