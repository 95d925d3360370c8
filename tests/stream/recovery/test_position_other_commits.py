"""A position is read in one state; what is refused of it is in tests/replay/test_lives.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from stream.errors import LogUnsettledError, RecoveryError
from stream.journal import JournalEntry, Range, StepNote, encode_entry
from stream.log.base import Bounds, Committed, RecordBatch, TopicPartition
from stream.recovery.life import Life
from stream.recovery.position import find_position
from tests.builders import batch

INPUT, JOURNAL = TopicPartition("t", 0), TopicPartition("j", 0)


class _Log:
    """A journal of two steps, and committed offsets that another member may move."""

    life = ""

    def __init__(self, *steps: int) -> None:
        self.steps = list(steps)

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        return dict.fromkeys(topics, "id")

    def committed(self, sources: Iterable[TopicPartition]) -> dict[TopicPartition, Any]:
        steps = self.steps.pop(0)
        return {
            source: Committed(10 * steps, str(StepNote(steps, self.life))) for source in sources
        }

    def bounds(self, source: TopicPartition) -> Bounds:
        return Bounds(0, 2 if source == JOURNAL else 20)

    def first(self, source: TopicPartition) -> int:
        return 0

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        entries = [
            JournalEntry(step, {"t": Range(10 * step, 10 * step + 10)}, self.life)
            for step in range(2)
        ]
        yield batch(source, [encode_entry(entry) for entry in entries])


def test_a_commit_between_the_two_reads_is_no_contradiction() -> None:
    with pytest.raises(LogUnsettledError, match="another member has committed between the two"):
        find_position(_Log(1, 2), 0, ("t",), "j")  # type: ignore[arg-type]


def test_what_stands_still_is_read_once() -> None:
    position = find_position(_Log(2, 2), 0, ("t",), "j")  # type: ignore[arg-type]
    assert (position.offsets, position.steps) == ({"t": 20}, 2)


@pytest.mark.parametrize(("then", "is_refused"), [("", False), ("another", True)])
def test_ids_that_a_broker_was_too_old_for_are_no_other_topics(then: str, is_refused: bool) -> None:
    """Brokers are upgraded under a worker that began when they had no topic ids."""
    log = _Log(2, 2)
    log.life = str(Life.of(0, {"t": then, "j": then}))
    if is_refused:
        with pytest.raises(RecoveryError, match="was deleted and made anew since"):
            find_position(log, 0, ("t",), "j")  # type: ignore[arg-type]
    else:
        assert find_position(log, 0, ("t",), "j").life == log.life  # type: ignore[arg-type]
