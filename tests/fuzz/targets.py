"""What is fuzzed: each target takes bytes, and raises only where driftgate breaks its word.

Its word: any bytes are read, or refused by an error of the project's own, in one line each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from stream.codec.events import EventReader
from stream.codec.features import FeatureCoder
from stream.codec.labels import LabelReader
from stream.codec.read import ReadBatch
from stream.codec.rejects import REASONS
from stream.codec.target import TargetCoder
from stream.config.pipeline import Config
from stream.errors import ConfigError, InvariantError
from stream.journal import StepNote, decode_entry, encode_entry
from stream.loading.load import load_config
from stream.log.base import RecordBatch
from tests.builders import EVENTS, LABELS, toy_config

_LINE_MAX = 2000


@cache
def _pipeline() -> Config:
    """Every kind of feature, nested paths, an id and a time in the record, open classes."""
    return toy_config(
        schema={
            "id": "$.id",
            "event_time": "$.at",
            "features": [
                {"name": "a", "type": "float"},
                {"name": "b", "type": "float", "missing": True, "path": "$.deep.er.b"},
                {"name": "c", "type": "category"},
                {"name": "d", "type": "category", "vocabulary": ["x", "y"], "missing": True},
                {"name": "e", "type": "integer", "missing": True},
                {"name": "f", "type": "boolean", "missing": True},
                {"name": "g", "type": "timestamp", "missing": True, "parts": ["hour_of_day"]},
                {"name": "h", "type": "text", "missing": True, "buckets": 8},
                {"name": "i", "type": "key", "missing": True},
            ],
        },
        target={"type": "classification", "path": "$.y"},
    )


@cache
def _event_reader() -> EventReader:
    return EventReader(_pipeline())


@cache
def _label_reader() -> LabelReader:
    labels = {"source": "topic", "id": "$.id", "event_time": "$.at"}
    schema = {"features": [{"name": "a", "type": "float"}], "id": "$.id"}
    target = {"type": "classification", "path": "$.y", "classes": ["no", "yes", True, 3]}
    return LabelReader(toy_config(labels=labels, schema=schema, target=target))


def event(data: bytes) -> None:
    """An event is coded for a model, or refused with a reason."""
    batch = RecordBatch(EVENTS, [0], [0], [b"k"], [data])
    found = _event_reader().read(batch)
    _one_or_the_other(found)
    coded = FeatureCoder(_pipeline(), TargetCoder(_pipeline())).code(found.contents)
    assert coded is not None


def label(data: bytes) -> None:
    """A label is read, or refused with a reason."""
    _one_or_the_other(_label_reader().read(RecordBatch(LABELS, [0], [0], [b"k"], [data])))


def configuration(data: bytes) -> None:
    """A file is loaded, or refused; each line of the refusal names the file."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        path = Path(file.name)
        path.write_bytes(data)
        try:
            load_config(path, {})
        except ConfigError as error:
            for line in str(error).split("\n"):
                assert line.startswith(file.name)
                _check_line(line)


def journal(data: bytes) -> None:
    """A journal entry is read and comes back, or is refused."""
    try:
        entry = decode_entry(data)
    except InvariantError as error:
        _check_line(str(error))
    else:
        assert decode_entry(encode_entry(entry)) == entry


def note(data: bytes) -> None:
    """The note beside an offset is read, or is refused."""
    text = data.decode("utf-8", "replace")
    try:
        found = StepNote.parse(text)
    except InvariantError as error:
        _check_line(str(error))
    else:
        assert StepNote.parse(str(found)) == found


def _check_line(said: str) -> None:
    assert len(said) < _LINE_MAX, said
    assert "\n" not in said
    said.encode()


def _one_or_the_other(found: ReadBatch) -> None:
    assert len(found.index) + len(found.rejects) == 1
    for reject in found.rejects:
        assert reject.reason in REASONS
        _check_line(reject.message)
    for identifier in found.ids:
        identifier.encode()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "event": event,
    "label": label,
    "configuration": configuration,
    "journal": journal,
    "note": note,
}
