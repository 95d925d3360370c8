"""What a step writes beside predictions: drift events and dead letters."""

from __future__ import annotations

import msgspec

from stream.drift_events import DriftEvent
from stream.inbox import DeadLetter
from stream.log.base import Headers, OutputBatch, TopicPartition


def drift_batch(
    target: TopicPartition, app: str, events: list[DriftEvent], timestamp: int
) -> OutputBatch:
    """Drift events as records; the key is the app's name."""
    keys = [app.encode()] * len(events)
    values = [msgspec.json.encode(event) for event in events]
    return OutputBatch(target, [timestamp] * len(events), keys, values)


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
