"""Records that cannot be used: why, and what is said about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from stream.log.base import RecordBatch

REASONS = {
    "empty": "the record has no value",
    "too_large": "the record is larger than schema.record_bytes_max",
    "malformed": "the value is not a JSON object in UTF-8",
    "missing_value": "a value is null or absent and may not be",
    "wrong_type": "a value has another JSON type than the schema says",
    "not_finite": "a number is NaN, infinite, or too large for a float",
    "out_of_range": "a whole number has more than 53 bits, or a string is longer than 1000",
    "unknown_category": "a value is not in a closed vocabulary",
    "unknown_class": "a label is not one of the closed classes",
    "bad_id": "the event's id is missing, empty, too long or not text",
    "bad_time": "a time is missing, is neither ISO 8601 nor a number in range, or lies more than "
    "schema.event_time_ahead_max after the record's timestamp",
}
"""Every reason for which a record is refused while it is read, and its meaning."""

_SHOWN_MAX = 80


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused record: its position in the batch, a reason out of a small set, one line."""

    index: int
    reason: str
    message: str


class Fault(NamedTuple):
    """What is wrong with one value: `subject` must be `rule`; got `got`."""

    reason: str
    subject: str
    rule: str
    got: str


def show(value: Any) -> str:
    """Write a value as JSON, cut to 80 characters: a message never holds a whole record.

    Examples
    --------
    >>> show("warm")
    '"warm"'
    """
    text = json.dumps(value, ensure_ascii=False)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


def refuse(batch: RecordBatch, index: int, fault: Fault, dead_letters: str) -> Reject:
    """Say what is wrong with one record of a batch.

    Parameters
    ----------
    dead_letters
        Name of the topic that the record goes to.

    Examples
    --------
    >>> from stream.log.base import TopicPartition
    >>> batch = RecordBatch(TopicPartition("features", 3), [1042], [0], [b"k"], [b"{}"])
    >>> fault = Fault("wrong_type", "$.temp", "a float", show("warm"))
    >>> print(refuse(batch, 0, fault, "x.dead").message)
    features[3]@1042: $.temp must be a float; got "warm". The record went to topic `x.dead`.
    """
    origin = f"{batch.source.topic}[{batch.source.partition}]@{batch.offsets[index]}"
    said = f"{origin}: {fault.subject} must be {fault.rule}; got {fault.got}."
    return Reject(index, fault.reason, f"{said} The record went to topic `{dead_letters}`.")
