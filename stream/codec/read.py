"""Reading a batch of records: what events and labels have in common.

Reading is stateless and coding is stateful: vocabularies grow only with records that the task
accepts, in their order, so that a task's state never depends on how the log cut its batches.

A batch is read fast, column by column. Whatever fails is examined again, alone and slowly, which
ends in a `Reject` with words, or in the record after all.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import msgspec

from stream.codec.classes import TEXT_MAX
from stream.codec.rejects import Fault, Reject, refuse, show
from stream.codec.rules import IdRule, TimeRule
from stream.codec.shape import Content, Field, Refusal, Shape, getter
from stream.codec.times import format_times, parse_time
from stream.config.paths import is_path
from stream.config.values import format_duration
from stream.log.base import RecordBatch

Parse = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """The readable records of a batch as parallel lists, and the others.

    Parameters
    ----------
    index
        Position of each in the batch.
    ids, times
        What names the event, and when it happened (milliseconds since 1970 UTC).
    contents
        Of events: decoded records, for `FeatureCoder.code`. Of labels: their values.
    labels
        Of events: the inline label, or None. Of labels: None.
    rejects
        Records that cannot be read, in the order of the batch.
    """

    index: list[int]
    ids: list[str]
    times: list[int]
    contents: list[Any]
    labels: list[Any]
    rejects: list[Reject]

    def __len__(self) -> int:
        return len(self.index)


def size_fault(value: bytes | None, bytes_max: int) -> Fault | None:
    """Refuse an absent, empty or oversized value before anything reads it."""
    if not value:
        got = "no value" if value is None else "0 bytes"
        return Fault("empty", "the record", "a JSON object", got)
    if len(value) > bytes_max:
        return Fault("too_large", "the record", f"at most {bytes_max} bytes", f"{len(value)} bytes")
    return None


def envelope_fault(batch: RecordBatch, index: int, id_path: str, time_path: str) -> Fault | None:
    """Refuse a key or a timestamp that cannot be what the schema takes it for."""
    key = batch.keys[index]
    if id_path == "$key" and not _parses(parse_key, key):
        got = "no key" if key is None else show(key.decode("utf-8", "backslashreplace"))
        rule = f"UTF-8 text of 1 to {TEXT_MAX} characters"
        return Fault("bad_id", "the record's key", rule, got)
    timestamp = batch.timestamps[index]
    if time_path == "$timestamp" and not _parses(parse_stamp, timestamp):
        rule = "milliseconds since 1970, up to the year 9999"
        return Fault("bad_time", "the record's timestamp", rule, str(timestamp))
    return None


def ahead_fault(time: int, timestamp: int, ahead_max_ms: int, time_path: str) -> Fault | None:
    """Refuse an event time that lies too far ahead of its record's timestamp."""
    if not _is_ahead(time, timestamp, ahead_max_ms):
        return None
    bound = format_duration(timedelta(milliseconds=ahead_max_ms))
    stood, got = format_times([timestamp, time])
    rule = f"at most {bound} (schema.event_time_ahead_max) after the record's timestamp, {stood}"
    return Fault("bad_time", time_path, rule, got)


def parse_key(key: bytes | None) -> str:
    """Read a record's key as an id; raises ValueError where `envelope_fault` has words."""
    text = "" if key is None else key.decode()
    if not 0 < len(text) <= TEXT_MAX:
        raise ValueError("no id")
    return text


def parse_stamp(timestamp: int) -> int:
    """Take a record's timestamp as a time; Kafka writes -1 where there is none."""
    if timestamp < 0:
        raise ValueError("no timestamp")
    return parse_time(timestamp)


class Column(NamedTuple):
    """One more value that is taken out of each record; null stays None."""

    path: str
    parse: Parse


@dataclass(frozen=True, slots=True)
class Decoded:
    """Readable records: positions in the batch, contents, ids, event times, further columns."""

    index: list[int]
    contents: list[Content]
    ids: list[str]
    times: list[int]
    columns: list[list[Any]]


class RecordReader:
    """Reads the records of one topic; see the module.

    Parameters
    ----------
    fields
        What is read besides id and time.
    columns
        Values among `fields` that need more than msgspec's checks; `parse` raises TypeError or
        ValueError where the field's rule finds a fault, and only there.
    id_path, time_path, time_format
        As in the configuration.
    ahead_max_ms
        How far an event time may lie ahead of its record's timestamp.
    bytes_max
        Largest value that is looked at.
    dead_letters
        Name of the topic, for messages.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        columns: Sequence[Column],
        *,
        id_path: str,
        time_path: str,
        time_format: str | None,
        ahead_max_ms: int,
        bytes_max: int,
        dead_letters: str,
    ) -> None:
        inside = [*_id_fields(id_path), *_time_fields(time_path, time_format)]
        self._shape = Shape([*inside, *fields])
        self._get_id = getter(id_path) if is_path(id_path) else None
        self._get_time = getter(time_path) if is_path(time_path) else None
        self._columns = [(getter(path), parse) for path, parse in columns]
        self._id_path, self._time_path = id_path, time_path
        self._parse_time = partial(parse_time, form=time_format)
        self._ahead_max_ms = ahead_max_ms
        self._bytes_max, self._dead_letters = bytes_max, dead_letters

    def read(self, batch: RecordBatch) -> tuple[Decoded, list[Reject]]:
        """Read what can be read; the rest comes back as rejects, in the order of the batch."""
        index, contents, doubtful = self._decode(batch)
        decoded, bad = self._take_apart(batch, index, contents)
        if not doubtful and not bad:
            return decoded, []
        sound = [(index[row], contents[row]) for row in range(len(index)) if row not in bad]
        rejects = []
        for position in sorted([*doubtful, *(index[row] for row in bad)]):
            try:
                content = self._examine(batch, position)
            except Refusal as refusal:
                rejects.append(refuse(batch, position, refusal.fault, self._dead_letters))
            else:
                insort(sound, (position, content), key=lambda entry: entry[0])
        index, contents = [position for position, _ in sound], [content for _, content in sound]
        decoded, bad = self._take_apart(batch, index, contents)
        assert not bad, "a record that the rules accept could not be parsed"
        return decoded, rejects

    def _decode(self, batch: RecordBatch) -> tuple[list[int], list[Content], list[int]]:
        """Decode in C: positions and contents of what decodes, positions of what is doubtful."""
        given = self._given(batch)
        if given is not None:
            assert len(given) == len(batch), "columns must have a value for each record"
            return list(range(len(given))), given, []
        index, contents, doubtful = [], [], []
        decode, bytes_max = self._shape.decode, self._bytes_max
        for position, value in enumerate(batch.values):
            if not value or len(value) > bytes_max:
                doubtful.append(position)
                continue
            try:
                contents.append(decode(value))
            except (msgspec.MsgspecError, ValueError, RecursionError):
                doubtful.append(position)
            else:
                index.append(position)
        return index, contents, doubtful

    def _given(self, batch: RecordBatch) -> list[Content] | None:
        """Contents of a batch that came in columns; None where its values have to be read."""
        if batch.columns is None:
            return None
        longest = max((len(value) if value else 0 for value in batch.values), default=0)
        return self._shape.from_columns(batch.columns) if longest <= self._bytes_max else None

    def _take_apart(
        self, batch: RecordBatch, index: list[int], contents: list[Content]
    ) -> tuple[Decoded, set[int]]:
        """Take ids, times and further columns out of contents; also the rows that have none."""
        bad: set[int] = set()
        ids = self._ids(batch, index, contents, bad)
        times = self._times(batch, index, contents, bad)
        columns = [
            _parse_known(parse, list(map(get, contents)), bad) for get, parse in self._columns
        ]
        return Decoded(index, contents, ids, times, columns), bad

    def _ids(
        self, batch: RecordBatch, index: list[int], contents: list[Content], bad: set[int]
    ) -> list[str]:
        if self._get_id is not None:
            found = map(self._get_id, contents)
            return [value if type(value) is str else str(value) for value in found]
        if self._id_path == "$offset":
            return [str(offset) for offset in _at(batch.offsets, index)]
        return _parse_all(parse_key, _at(batch.keys, index), bad)

    def _times(
        self, batch: RecordBatch, index: list[int], contents: list[Content], bad: set[int]
    ) -> list[int]:
        if self._get_time is not None:
            times = _parse_all(self._parse_time, map(self._get_time, contents), bad)
            bad.update(self._ahead(times, _at(batch.timestamps, index)))
            return times
        return _parse_all(parse_stamp, _at(batch.timestamps, index), bad)

    def _ahead(self, times: list[Any], timestamps: Sequence[int]) -> list[int]:
        """Rows whose time lies too far ahead of their timestamp."""
        ahead_max_ms = self._ahead_max_ms
        return [
            row
            for row, (time, timestamp) in enumerate(zip(times, timestamps, strict=True))
            if time is not None and _is_ahead(time, timestamp, ahead_max_ms)
        ]

    def _examine(self, batch: RecordBatch, position: int) -> Content:
        value = batch.values[position]
        fault = size_fault(value, self._bytes_max)
        fault = fault or envelope_fault(batch, position, self._id_path, self._time_path)
        if fault is not None:
            raise Refusal(fault)
        assert value is not None
        content = self._shape.examine(value)
        if self._get_time is not None:
            time, timestamp = self._parse_time(self._get_time(content)), batch.timestamps[position]
            fault = ahead_fault(time, timestamp, self._ahead_max_ms, self._time_path)
            if fault is not None:
                raise Refusal(fault)
        return content


def _id_fields(path: str) -> list[Field]:
    return [Field(path, IdRule())] if is_path(path) else []


def _time_fields(path: str, form: str | None) -> list[Field]:
    return [Field(path, TimeRule(form=form, missing_reason="bad_time"))] if is_path(path) else []


def _at(column: Sequence[Any], index: list[int]) -> Sequence[Any]:
    return column if len(index) == len(column) else [column[position] for position in index]


def _is_ahead(time: int, timestamp: int, ahead_max_ms: int) -> bool:
    """Whether a time lies too far ahead; Kafka's -1, no timestamp, bounds nothing."""
    return 0 <= timestamp < time - ahead_max_ms


def _parse_known(parse: Parse, values: list[Any], bad: set[int]) -> list[Any]:
    """Parse as `_parse_all` does; null stays None."""
    if None not in values:
        return _parse_all(parse, values, bad)
    return _parse_all(lambda value: None if value is None else parse(value), values, bad)


def _parse_all(parse: Parse, values: Iterable[Any], bad: set[int]) -> list[Any]:
    """Parse all values; rows that fail get None, and their numbers go into `bad`."""
    values = list(values)
    try:
        return list(map(parse, values))
    except (TypeError, ValueError):
        pass  # some row fails: see which
    parsed = []
    for row, value in enumerate(values):
        try:
            parsed.append(parse(value))
        except (TypeError, ValueError):
            parsed.append(None)
            bad.add(row)
    return parsed


def _parses(parse: Parse, value: Any) -> bool:
    try:
        parse(value)
    except (TypeError, ValueError):
        return False
    return True
