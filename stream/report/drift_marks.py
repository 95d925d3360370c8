"""Drifts and alarms as they are drawn on a chart over the labels learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stream.report.html import Html, element, join
from stream.report.scales import Scale
from stream.report.svg import CHAR_WIDTH, down_line, label

_NUMBER_GAP = 4.0
_STUB = 9.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A drift: where it began, the bounds of that, its kind, its number, and its weight.

    One that `stands_out` is a line from top to foot; others are short, so that the curves can be
    seen. Where two numbers would overlap, the drift with the larger weight keeps its own.
    """

    x: float
    low: float
    high: float
    source: str
    number: int
    weight: float
    stands_out: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """A detector's alarm, and whether the error rose."""

    x: float
    rose: bool


def draw_drifts(marks: Sequence[Mark], across: Scale, up: Scale) -> list[Html]:
    """Draw each drift, and its number where there is room, the heaviest first."""
    parts: list[Html] = []
    taken: list[tuple[float, float]] = []
    within = [_within(mark, across) for mark in marks]
    for mark in sorted(within, key=lambda each: (-each.stands_out, -each.weight)):
        x = across(mark.x)
        parts.append(_drift(mark, across, up))
        half = CHAR_WIDTH * len(str(mark.number)) / 2
        has_room = all(abs(x - other) >= half + its + _NUMBER_GAP for other, its in taken)
        if mark.stands_out and has_room:
            taken.append((x, half))
            number = label(x, up.stop - 8, mark.number, f"number over {mark.source}", "middle")
            parts.append(element("a", number, href=f"#drift-{mark.number}"))
    return parts


def draw_alarm(alarm: Alarm, across: Scale, up: Scale) -> Html:
    """Draw a small arrow at the foot: up where the error rose, down where it fell."""
    x, y = across(alarm.x), up.start - 2
    if alarm.rose:
        return element("path", d=f"M{x - 4:.1f} {y:.1f}h8l-4 -7z", class_="alarm rose")
    return element("path", d=f"M{x - 4:.1f} {y - 7:.1f}h8l-4 7z", class_="alarm fell")


def _within(mark: Mark, across: Scale) -> Mark:
    """Keep a drift that began before the first point of the curve on the picture."""
    low, x, high = (
        min(max(value, across.low), across.high) for value in (mark.low, mark.x, mark.high)
    )
    return replace(mark, low=low, x=x, high=high)


def _drift(mark: Mark, across: Scale, up: Scale) -> Html:
    """Draw a line, and a band for the interval in which the drift began."""
    style = f"drift {mark.source}"
    if not mark.stands_out:
        return down_line(across(mark.x), up.stop, up.stop + _STUB, style)
    start, stop = across(mark.low), across(mark.high)
    band = element(
        "rect",
        x=f"{start:.1f}",
        y=f"{up.stop:.1f}",
        width=f"{stop - start:.1f}",
        height=f"{up.start - up.stop:.1f}",
        class_=f"band {mark.source}",
    )
    return join([band, down_line(across(mark.x), up.stop, up.start, style)])
