"""Dead letters: what is said in the headers of a record that could not be used."""

from __future__ import annotations

from typing import Protocol

from stream.log.base import Headers, TopicPartition


class Refused(Protocol):
    """A record that could not be used: where it stood, and why."""

    @property
    def source(self) -> TopicPartition:
        """The partition that it was read from."""

    @property
    def offset(self) -> int:
        """Its offset there."""

    @property
    def timestamp(self) -> int:
        """The record's own timestamp (ms)."""

    @property
    def reason(self) -> str:
        """One out of a small set, for counting."""

    @property
    def message(self) -> str:
        """One line for people."""


def dead_letter_headers(app: str, letter: Refused) -> Headers:
    """Headers of one dead letter: the reason, the message, and the record's origin.

    The key and the value of a dead letter are the record's own bytes.
    """
    fields = {
        "reason": letter.reason,
        "error": letter.message,
        "topic": letter.source.topic,
        "partition": str(letter.source.partition),
        "offset": str(letter.offset),
        "timestamp": str(letter.timestamp),
        "app": app,
    }
    return [(f"driftgate.{name}", text.encode()) for name, text in fields.items()]
