"""Tables: rows of values, each with a header that a screen reader can name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stream.report.html import Html, element


class Column(NamedTuple):
    """A column; numbers stand at its right edge."""

    title: str
    is_number: bool = False


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[object]],
    styles: Sequence[str] = (),
) -> Html:
    """Write a table; it scrolls by itself where the screen is too narrow for it.

    Parameters
    ----------
    caption
        What it shows.
    columns
        The first one names the rows.
    rows
        One value a column; a shorter row's last value takes the rest of the width.
    styles
        Classes of the rows, if they have any.
    """
    head = element(
        "tr",
        *[
            element("th", column.title, scope="col", class_="number" if column.is_number else None)
            for column in columns
        ],
    )
    kinds = [*styles, *[""] * (len(rows) - len(styles))]
    body = [_row(columns, row, kind) for row, kind in zip(rows, kinds, strict=True)]
    whole = element(
        "table", element("caption", caption), element("thead", head), element("tbody", *body)
    )
    # Focusable, so that it can be scrolled from the keyboard.
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _row(columns: Sequence[Column], row: Sequence[object], style: str) -> Html:
    name, *values = row
    cells = [element("th", name, scope="row")]
    for number, (column, value) in enumerate(zip(columns[1:], values, strict=False), start=2):
        rest = len(columns) - number + 1
        is_last = number == len(values) + 1
        cells.append(
            element(
                "td",
                value,
                class_="number" if column.is_number and not (is_last and rest > 1) else None,
                colspan=rest if is_last and rest > 1 else None,
            )
        )
    return element("tr", *cells, class_=style or None)
