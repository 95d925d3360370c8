"""The SQLite file of an embedded log: opened, made, and brought to the present schema.

A file of version 1, whose topics had no ids, is migrated when it is opened; an older driftgate
then refuses it.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

MEMORY = ":memory:"
BUSY_TIMEOUT_S = 30.0
_SCHEMA_VERSION = 2
_APPLICATION_ID = 0x64726674  # "drft": tells another program's SQLite file from a log

_SCHEMA = """
CREATE TABLE topics (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, id TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
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


_TO_VERSION_2 = """
ALTER TABLE topics ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE topics SET id = lower(hex(randomblob(16)));
"""


def connect(path: str) -> sqlite3.Connection:
    """Open a log, creating it where there is none."""
    connection = sqlite3.connect(
        _uri(path),
        uri=True,
        timeout=BUSY_TIMEOUT_S,
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
    deadline = time.monotonic() + BUSY_TIMEOUT_S
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
    # Looked at again under the lock: another process may have done it in between.
    version = _schema_version(connection)
    if version < _SCHEMA_VERSION:
        for statement in (_TO_VERSION_2 if version else _SCHEMA).split(";"):
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
    if not 1 <= version <= _SCHEMA_VERSION:
        raise sqlite3.DatabaseError(
            f"it is a log of version {version}, and this driftgate reads up to {_SCHEMA_VERSION}"
        )
    return version
