"""Which features changed, and when: one row a feature, one dot a drift, drawn as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stream.report.html import Html, element
from stream.report.scales import Scale, ticks
from stream.report.svg import (
    CHAR_WIDTH,
    across_line,
    both_widths,
    circle,
    down_line,
    label,
    picture,
    shorten,
)

_NAME_MAX = 28
_TOP, _FOOT = 6.0, 40.0
_RADIUS = 11.0


@dataclass(frozen=True, slots=True)
class Change:
    """A feature's part in a change: where (labels learnt), how large (0 to 1), of what kind.

    `source` is that of the drift, or `monitor` where a monitor found it without labels.
    """

    x: float
    share: float
    source: str


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A feature and its changes."""

    name: str
    changes: Sequence[Change]


def feature_chart(rows: Sequence[FeatureRow], learnt: int, alt: str) -> Html:
    """Draw it wide, names beside the rows, and narrow, names above them.

    Parameters
    ----------
    learnt
        Labels in all: where the picture ends.
    """
    longest = max((len(shorten(row.name, _NAME_MAX)) for row in rows), default=0)
    left = CHAR_WIDTH * longest + 24
    wide = _draw(rows, learnt, alt, Scale(0, learnt, left, 884), 900, 30, 0)
    return both_widths(wide, _draw(rows, learnt, alt, Scale(0, learnt, 14, 346), 360, 46, 16))


def _draw(
    rows: Sequence[FeatureRow],
    learnt: int,
    alt: str,
    across: Scale,
    width: float,
    height: float,
    rise: float,
) -> Html:
    """Draw with rows of one height, and names `rise` above their rows, or beside them for 0."""
    foot = _TOP + height * len(rows)
    parts: list[Html] = []
    for value in ticks(0, learnt, 5 if rise == 0 else 3):
        parts.append(down_line(across(value), _TOP, foot, "grid"))
        anchor = "end" if across(value) > width - 30 else "middle"
        parts.append(label(across(value), foot + 16, f"{value:,.0f}", anchor=anchor))
    parts.append(
        label((across.start + across.stop) / 2, foot + 33, "labels learnt", "quiet", "middle")
    )
    for number, row in enumerate(rows):
        y = _TOP + height * (number + 0.5) + rise / 2
        parts += _row(row, across, y, rise)
    return picture(width, foot + _FOOT, alt, *parts)


def _row(row: FeatureRow, across: Scale, y: float, rise: float) -> list[Html]:
    name = shorten(row.name, _NAME_MAX)
    written = (
        label(across.start, y - rise, name)
        if rise
        else label(across.start - 14, y + 4, name, "", "end")
    )
    line = across_line(across.start, across.stop, y, "grid")
    return [written, line, *[_dot(change, across, y) for change in row.changes]]


def _dot(change: Change, across: Scale, y: float) -> Html:
    """Draw the share as an area; what a monitor found is a diamond."""
    x = across(min(max(change.x, across.low), across.high))
    if change.source == "monitor":
        return element("path", d=f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z", class_="found")
    return circle(x, y, max(_RADIUS * math.sqrt(change.share), 2.5), f"part {change.source}")
