"""Records that could not be used: how many, by reason, and what each reason means."""

from __future__ import annotations

from collections.abc import Sequence

from stream.codec.rejects import REASONS
from stream.evaluate import Evaluation
from stream.report.html import Html, code, element, join
from stream.report.numbers import plural
from stream.report.table import Column, table

_MEANING = {
    **REASONS,
    "duplicate_id": "an event with this id has come before",
    "too_many_classes": "a new class beyond target.classes_max",
    "duplicate_label": "the event has a label already",
    "label_too_late": "the label came later than labels.max_delay",
    "orphaned_label": "no event came that the label belongs to",
    "not_finite_output": "the model's answer is not a finite number",
}
COLUMNS = (
    Column("reason"),
    Column("records", True),
    Column("share", True),
    Column("first row", True),
    Column("what was wrong there"),
)


def dead_letter_rows(result: Evaluation) -> list[tuple[object, ...]]:
    """Count by reason and place, most frequent first: a row for each, as `COLUMNS` say."""
    whole = result.records + result.dead.total()
    return [
        (
            code(line.reason),
            f"{line.count:,}",
            f"{100 * line.count / whole:.2f} %",
            f"{line.offset + 1:,}",
            line.message or _MEANING.get(line.reason, ""),
        )
        for line in result.dead_table.lines
    ]


def dead_letters(rows: Sequence[Sequence[object]], count: int) -> Html:
    """Write the section.

    Parameters
    ----------
    rows
        As `COLUMNS` say.
    count
        Of all of these records.
    """
    head = element("h2", "Records that could not be used")
    if not rows:
        return join([head, element("p", "There were none.")])
    words = (
        f"{plural(count, 'record')} became dead letters, as they would in production: not "
        "predicted, or not learnt."
    )
    return join([head, element("p", words), table("Dead letters by reason", COLUMNS, rows)])
