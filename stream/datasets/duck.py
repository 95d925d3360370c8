"""DuckDB as a reader of one file: rows in their order, little memory, files by URL too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_MEMORY = "512MB"
_GLOB = re.compile(r"([*?\[])")


def connect(path: str) -> Any:
    """Open a database in memory: one thread, so that rows come in their order."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads=1")
    connection.execute(f"SET memory_limit='{_MEMORY}'")
    if "://" in path:
        import fsspec

        connection.register_filesystem(fsspec.filesystem(path.partition("://")[0]))
    return connection


def literal(path: str) -> str:
    """Name one file and no pattern of names."""
    return path if "://" in path else _GLOB.sub(r"[\1]", str(Path(path)))
