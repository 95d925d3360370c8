"""What the column to predict is: classes or a number, how many, in which order, how even."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from stream.codec.classes import TEXT_MAX, class_key
from stream.config.values import ClassLabel
from stream.datasets.cells import Cell, is_null, to_label, to_text
from stream.datasets.columns import ColumnFacts
from stream.errors import DataError

Task = Literal["classification", "regression"]

CLASSES_MAX = 1024
_FEW = 20
"""Whole numbers of so few kinds are classes."""

_PLAIN_CLASSES = 10
_ROWS_A_CLASS = 20
_NEAR_MAX = 100
_RARE = 0.05
_SORTED_ROWS_MIN = 20
_SHOWN_MAX = 40


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """See the module.

    Parameters
    ----------
    column
        What is known of it as a column.
    cells
        Its cells.
    why
        Why it was taken for what it is; empty where it is plain.
    doubt
        Why it may be the other; empty where it is plain.
    labels
        Each class by its text.
    notes
        What a person should know, a sentence each.
    """

    column: ColumnFacts
    cells: list[Cell]
    task: Task
    why: str = ""
    doubt: str = ""
    labels: dict[str, ClassLabel] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def sorted_values(self) -> list[str]:
        """Classes in the order of numbers where all are, else of text."""
        values = list(self.column.values)
        if all(type(self.labels[value]) is int for value in values):
            return sorted(values, key=lambda value: int(self.labels[value]))
        return sorted(values)

    @property
    def classes_max(self) -> int:
        """A bound of open classes with room for more."""
        return min(CLASSES_MAX, max(16, 2 * self.column.distinct))


def target_facts(
    path: str, column: ColumnFacts, cells: list[Cell], task: Task | None
) -> TargetFacts:
    """Find out what is to be predicted.

    Raises
    ------
    DataError
        The column is empty, has too many classes, or is no number where one is asked for.
    """
    where = f"{path}: column `{column.name}`"
    if not column.count:
        raise DataError(f"{where} must have values; the first {column.rows} rows have none.")
    if column.kind == "list":
        raise DataError(f"{where} must hold one value a row; it holds lists.")
    if task == "regression" or (task is None and _is_amount(column)):
        if column.kind not in ("integer", "float"):
            raise DataError(f"{where} must hold numbers for a regression; got {column.kind}.")
        return TargetFacts(column, cells, "regression", *_amount_words(column, task))
    labels = _labels(cells)
    unusable = _unusable(column, cells, labels)
    if unusable and not any(label is not None for label in labels):
        raise DataError(f"{where} must have values that can be classes; {unusable}.")
    counts = Counter(class_key(label) for label in labels if label is not None)
    column.distinct = len(counts)
    column.count = counts.total()
    first: dict[str, int] = {}
    for row, label in enumerate(labels):
        if label is not None:
            first.setdefault(class_key(label), row)
    column.values = {value: counts[value] for value in first}
    column.last_new_row = max(first.values())
    if column.distinct > CLASSES_MAX:
        raise DataError(
            f"{where} must have at most {CLASSES_MAX} classes; got {column.distinct}. If it is an "
            "amount, say `--task regression`."
        )
    by_text = {class_key(label): label for label in labels if label is not None}
    notes = (
        *([f"column `{column.name}`: {unusable}"] if unusable else []),
        *_evenness(column, counts),
        *_sortedness(column, labels),
    )
    return TargetFacts(column, cells, "classification", *_class_words(column, task), by_text, notes)


def _labels(cells: list[Cell]) -> list[ClassLabel | None]:
    """Labels as a topic takes them; None where there is none, or one that it refuses."""
    found: list[ClassLabel | None] = []
    for cell in cells:
        label = to_label(cell)
        if isinstance(label, float) or (isinstance(label, str) and len(label) > TEXT_MAX):
            label = None
        found.append(label)
    return found


def _unusable(column: ColumnFacts, cells: list[Cell], labels: Sequence[ClassLabel | None]) -> str:
    """Say which values can be no class; empty where all can."""
    rows = [
        row
        for row, (cell, label) in enumerate(zip(cells, labels, strict=True))
        if label is None and not is_null(cell)
    ]
    if not rows:
        return ""
    shown = str(to_text(cells[rows[0]]))[:_SHOWN_MAX]
    return (
        f"{len(rows)} of {column.rows} rows are fractions or texts of more than {TEXT_MAX} "
        f"characters, which are no classes: `{shown}`, first in row {rows[0] + 1}; dead letters"
    )


def _is_amount(column: ColumnFacts) -> bool:
    """Numbers are amounts if they have fractions, or are many for the rows there are."""
    if column.kind not in ("integer", "float"):
        return False
    if not column.is_whole:
        return True
    if column.distinct <= _FEW:
        return column.distinct * 2 > column.count and column.distinct > 2
    return column.distinct > _NEAR_MAX or column.distinct * _ROWS_A_CLASS > column.count


def _amount_words(column: ColumnFacts, task: Task | None) -> tuple[str, str]:
    if task is not None:
        return "as asked for", ""
    if column.is_whole and column.distinct <= _NEAR_MAX:
        said = f"{column.distinct} different whole numbers in {column.count} rows"
        return f"{said}; if they are classes: --task classification", said
    return "", ""


def _class_words(column: ColumnFacts, task: Task | None) -> tuple[str, str]:
    if task is not None:
        return "as asked for", ""
    if column.kind in ("integer", "float") and column.distinct > _PLAIN_CLASSES:
        said = f"{column.distinct} different whole numbers in {column.count} rows"
        return f"{said}; if they are amounts: --task regression", said
    return "", ""


def _evenness(column: ColumnFacts, counts: Counter[str]) -> list[str]:
    if len(counts) < 2:
        return [f"column `{column.name}` has one class only: there is nothing to tell apart yet"]
    (most, most_count), *_, (least, least_count) = counts.most_common()
    if least_count >= _RARE * counts.total():
        return []
    return [
        f"classes are uneven: `{most}` is {100 * most_count / counts.total():.2g} % of the rows, "
        f"`{least}` {100 * least_count / counts.total():.2g} %. Look at kappa and recall, not at "
        "accuracy alone"
    ]


def _sortedness(column: ColumnFacts, labels: list[ClassLabel | None]) -> list[str]:
    known = [label for label in labels if label is not None]
    changes = sum(a != b for a, b in pairwise(known))
    if len(known) < _SORTED_ROWS_MIN or not 0 < changes < column.distinct:
        return []
    return [
        f"rows are sorted by `{column.name}`: a model that learns row by row sees one class after "
        "the other. That is no stream; shuffle the rows unless they came in this order"
    ]
