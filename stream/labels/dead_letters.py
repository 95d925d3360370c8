"""Dead letters as records."""

from __future__ import annotations

from stream.labels.inbox import DeadLetter
from stream.log.base import Headers, OutputBatch, TopicPartition


def dead_letter_batch(target: TopicPartition, app: str, letters: list[DeadLetter]) -> OutputBatch:
    """Dead letters as records: the original key and bytes, the reason and origin in headers."""
    return OutputBatch(
        target,
        [letter.timestamp for letter in letters],
        [letter.key for letter in letters],
        [letter.value for letter in letters],
        [_headers(app, letter) for letter in letters],
    )


def _headers(app: str, letter: DeadLetter) -> Headers:
    return [
        ("driftgate.reason", letter.reason.encode()),
        ("driftgate.error", letter.message.encode()),
        ("driftgate.topic", letter.source.topic.encode()),
        ("driftgate.partition", str(letter.source.partition).encode()),
        ("driftgate.offset", str(letter.offset).encode()),
        ("driftgate.timestamp", str(letter.timestamp).encode()),
        ("driftgate.app", app.encode()),
    ]
