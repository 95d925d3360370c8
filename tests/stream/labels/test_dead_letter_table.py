"""Dead letters counted: by reason and place, commonest first, in bounded space."""

from __future__ import annotations

from stream.labels.dead_letter_table import DeadLetterTable
from stream.labels.dead_letters import dead_letter_batch
from stream.labels.inbox import DeadLetter
from stream.log.base import OutputBatch, TopicPartition

SOURCE, TARGET = TopicPartition("x.features", 3), TopicPartition("x.dead", 3)


def batch(*letters: tuple[str, str, int]) -> OutputBatch:
    """Dead letters by reason, what is said of them, and offset."""
    made = [
        DeadLetter(
            SOURCE,
            offset,
            0,
            None,
            b"{}",
            reason,
            f"x.features[3]@{offset}: {said}. The record went to topic `x.dead`.",
        )
        for reason, said, offset in letters
    ]
    return dead_letter_batch(TARGET, "x", made)


def test_lines_by_reason_and_place_with_the_first_of_each() -> None:
    table = DeadLetterTable()
    table.add(batch(("wrong_type", '$.a must be a float; got "x: y"', 7)))
    table.add(
        batch(
            ("wrong_type", '$["b c"] must be a float; got true', 8),
            ("not_finite", "$.a must be a finite float; got inf", 9),
            ("wrong_type", "$.a must be a float; got null", 10),
        )
    )
    found = [(line.count, line.reason, line.subject, line.offset) for line in table.lines]
    assert found == [
        (2, "wrong_type", "$.a", 7),
        (1, "wrong_type", '$["b c"]', 8),
        (1, "not_finite", "$.a", 9),
    ]
    assert table.lines[0].message == '$.a must be a float; got "x: y".'
    assert table.lines[0].topic == "x.features"


def test_words_of_other_reasons_are_kept() -> None:
    table = DeadLetterTable()
    table.add(batch(("duplicate_id", "id must be new; got 'e1' again", 4)))
    table.add(batch(("odd", "nothing of the usual kind", 5)))
    assert [line.subject for line in table.lines] == ["id", ""]
    assert table.lines[1].message == "nothing of the usual kind."


def test_lines_are_bounded_and_nothing_is_left_uncounted() -> None:
    table = DeadLetterTable()
    table.add(batch(*(("wrong_type", f"$.f{n} must be a float; got null", n) for n in range(500))))
    assert len(table.lines) == 101
    assert sum(line.count for line in table.lines) == 500
    assert (table.lines[0].subject, table.lines[0].count) == ("(others)", 400)
