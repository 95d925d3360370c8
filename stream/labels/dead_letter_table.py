"""Dead letters counted by reason and by what of the record is wrong, with the first example."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stream.log.base import Headers, OutputBatch

_LINES_MAX = 100
_OTHERS = "(others)"
# A message says where, then `<subject> must be <rule>; got <value>.`
_SUBJECT = re.compile(r"^[^:]*: (.*?) must (?:be|have|not|name)\b")
_TO_TOPIC = re.compile(r" The record went to topic `[^`]*`\.$")


@dataclass(slots=True)
class DeadLetterLine:
    """Dead letters of one reason that are wrong in the same place.

    Parameters
    ----------
    subject
        What of the record is wrong: a path, or words.
    offset
        Of the first of them, in its topic; in a data file the row, from 0.
    message
        What is said of the first.
    """

    reason: str
    subject: str
    topic: str
    offset: int
    message: str
    count: int = 0


class DeadLetterTable:
    """Counts dead letters; holds a bounded number of lines, whatever comes."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], DeadLetterLine] = {}

    @property
    def lines(self) -> list[DeadLetterLine]:
        """The commonest first."""
        return sorted(self._lines.values(), key=lambda line: -line.count)

    def add(self, batch: OutputBatch) -> None:
        """Count the records of a batch for the topic of dead letters."""
        for headers in batch.headers or ():
            self._count(headers)

    def _count(self, headers: Headers) -> None:
        said = {name: value.decode("utf-8", "replace") for name, value in headers}
        reason, message = said["driftgate.reason"], said["driftgate.error"]
        match = _SUBJECT.match(message)
        subject = match[1] if match else ""
        key = (reason, subject)
        if key not in self._lines and len(self._lines) >= _LINES_MAX:
            key = (reason, _OTHERS)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = DeadLetterLine(
                reason,
                key[1],
                said["driftgate.topic"],
                int(said["driftgate.offset"]),
                _TO_TOPIC.sub("", message.partition(": ")[2]),
            )
        line.count += 1
