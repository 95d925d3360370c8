"""Tables in files: which reader a file needs, and what all of them give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from stream.datasets.malformed import Malformed
from stream.errors import DataError

_CHUNK_ROWS, _CHUNK_CELLS = 10_000, 1_000_000
_TEXT_FILES = (".csv", ".tsv", ".tab", ".psv", ".txt", ".dat", ".data")
_PACKED = (".gz", ".zst", ".bz2")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive rows by column.

    Parameters
    ----------
    columns
        One list of cells for each column of the table: text from CSV, typed from other files.
    first
        Number of the first row, from 0.
    """

    columns: list[list[Any]]
    first: int

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0


@dataclass(slots=True)
class Table:
    """A table that can be read again and again.

    Parameters
    ----------
    file
        Its name, for messages.
    columns
        Names of the columns, no two the same.
    read
        Reads the rows anew; a limit bounds them.
    notes
        What was noticed while it was opened, a sentence each.
    decimal_comma
        Whether `0,5` is a number in it.
    rows
        How many there are, where the file says so.
    malformed
        Rows that could not be read as rows, of the last reading.
    lists
        Columns that hold lists, which no feature can be.
    """

    file: str
    columns: list[str]
    read: Callable[[int | None], Iterator[Chunk]]
    notes: list[str] = field(default_factory=list)
    decimal_comma: bool = False
    rows: int | None = None
    malformed: Malformed = field(default_factory=Malformed)
    lists: frozenset[str] = frozenset()


def open_table(path: Path | str) -> Table:
    """Open a data file, here or where fsspec reaches (`s3://`, `gs://`, `https://`).

    Parameters
    ----------
    path
        CSV (any delimiter, .gz, .zst), JSON lines, Parquet, or Arrow.

    Raises
    ------
    DataError
        The file cannot be read, or is of another kind.
    """
    name = str(path)
    if "://" not in name and not Path(name).is_file():
        raise DataError(f"{name}: must be a file; there is {_instead(Path(name))}.")
    if "://" not in name:
        return _open(name)
    try:
        return _open(name)
    except DataError:
        raise
    except Exception as error:  # each store has a client of its own, with errors of its own
        raise DataError(f"{name}: must be a file that can be read; got `{said(error)}`.") from None


def _open(name: str) -> Table:
    kind = suffix_of(name)
    if kind in (".parquet", ".pq"):
        from stream.datasets.arrow_files import open_parquet

        return open_parquet(name)
    if kind in (".arrow", ".feather", ".ipc"):
        from stream.datasets.arrow_files import open_arrow

        return open_arrow(name)
    if kind in (".jsonl", ".ndjson", ".json"):
        from stream.datasets.json_files import open_json

        return open_json(name)
    if kind in _TEXT_FILES:
        from stream.datasets.csv_files import open_csv

        return open_csv(name)
    raise DataError(
        f"{name}: must be CSV ({' '.join(_TEXT_FILES)}), .jsonl, .parquet or .arrow, CSV and JSON "
        f"also with .gz or .zst; got `{kind or 'no ending'}`. Write it in one of these forms."
    )


def _instead(path: Path) -> str:
    """Say what stands where no file is."""
    if path.is_dir():
        return "a folder. Name one file in it"
    if path.exists():
        return "a pipe or device, which cannot be read twice. Write it to a file first"
    return "none"


def chunk_rows(columns: int) -> int:
    """How many rows are read at once; fewer of a wide table, so that memory stays bounded.

    Examples
    --------
    >>> chunk_rows(20), chunk_rows(5000)
    (10000, 200)
    """
    return max(1, min(_CHUNK_ROWS, _CHUNK_CELLS // max(columns, 1)))


def turned_round(table: Table) -> Table:
    """Read the last row first; the table must fit into memory."""

    def read(limit: int | None) -> Iterator[Chunk]:
        done = 0
        for chunk in reversed(list(table.read(None))):
            left = len(chunk) if limit is None else min(len(chunk), limit - done)
            yield Chunk([cells[::-1][:left] for cells in chunk.columns], done)
            done += left
            if limit is not None and done >= limit:
                return

    return replace(table, read=read)


def said(error: BaseException) -> str:
    """The first line of what an error says, after its kind where that alone says what it is.

    Examples
    --------
    >>> said(FileNotFoundError("http://here/t.csv")), said(EOFError())
    ('FileNotFoundError: http://here/t.csv', 'EOFError')
    """
    kind = type(error).__name__
    lines = str(error).strip().splitlines()
    return f"{kind}: {lines[0]}" if lines else kind


def suffix_of(name: str) -> str:
    """Ending of a file's name that says its kind, in lower case; a URL's query is none of it.

    Examples
    --------
    >>> suffix_of("t.CSV.gz"), suffix_of("https://here/t.csv?token=a.b")
    ('.csv', '.csv')
    """
    if name.startswith(("http://", "https://")):
        name = name.partition("?")[0]
    path = PurePosixPath(name.lower())
    return path.with_suffix("").suffix if path.suffix in _PACKED else path.suffix


def distinct_names(found: Sequence[str | None]) -> tuple[list[str], list[str]]:
    """Give every column a name of its own; also say which had none or one that came twice.

    Examples
    --------
    >>> distinct_names(["", "a", "a"])[0]
    ['column1', 'a', 'a_2']
    """
    names: list[str] = []
    notes: list[str] = []
    given = {name for name in found if name}
    for number, name in enumerate(found, start=1):
        wanted = name or f"column{number}"
        unique, copy = wanted, 1
        while unique in names or (unique != name and unique in given):
            copy += 1
            unique = f"{wanted}_{copy}"
        if not name:
            notes.append(f"column {number} has no name; it is called `{unique}`")
        elif unique != name:
            notes.append(f"`{name}` names two columns; column {number} is called `{unique}`")
        names.append(unique)
    return names, notes
