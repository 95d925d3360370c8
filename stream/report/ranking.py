"""Models as dots, best above, with the spread over seeds and the baselines: drawn as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stream.report.html import Html, join
from stream.report.numbers import figure, spread
from stream.report.scales import Scale, bounds, ticks
from stream.report.svg import (
    CHAR_WIDTH,
    LINE_HEIGHT,
    across_line,
    both_widths,
    circle,
    down_line,
    label,
    picture,
    shorten,
)

_FOOT = 26.0
_NAME_MAX = 34


@dataclass(frozen=True, slots=True)
class Dot:
    """A model: its figure, the spread over seeds (NaN if there is none), its colour's class."""

    label: str
    value: float
    spread: float
    style: str


class _Layout(NamedTuple):
    """Where things stand: names are `rise` above their dots, at `name_x`."""

    width: float
    row: float
    left: float
    right: float
    name_x: float
    rise: float
    anchor: str
    ticks: int


def dot_chart(name: str, dots: Sequence[Dot], baselines: Mapping[str, float], alt: str) -> Html:
    """Draw it wide, names beside the dots, and narrow, names above them.

    Parameters
    ----------
    name
        Of the figure, as the evaluator has it.
    """
    longest = max((len(shorten(dot.label, _NAME_MAX)) for dot in dots), default=0)
    left = CHAR_WIDTH * longest + 20
    wide = _Layout(900, 30, left, 900 - 17 * CHAR_WIDTH, left - 12, -4, "end", 6)
    narrow = _Layout(360, 46, 12, 360 - 17 * CHAR_WIDTH, 12, 14, "start", 3)
    return both_widths(
        _draw(name, dots, baselines, alt, wide), _draw(name, dots, baselines, alt, narrow)
    )


def _draw(
    name: str, dots: Sequence[Dot], baselines: Mapping[str, float], alt: str, layout: _Layout
) -> Html:
    top = 8 + LINE_HEIGHT * len(baselines)
    foot = top + layout.row * len(dots) + 10
    low, high = bounds([*_ends(dots), *baselines.values()])
    if name == "accuracy":
        low, high = max(low, 0.0), min(high, 1.0)
    across = Scale(low, high, layout.left, layout.right)
    return picture(
        layout.width,
        foot + _FOOT,
        alt,
        *[_tick(name, value, across, top, foot) for value in ticks(low, high, layout.ticks)],
        *[
            _baseline(name, key, value, across, 8 + LINE_HEIGHT * (number + 0.7), foot)
            for number, (key, value) in enumerate(baselines.items())
        ],
        *[
            _dot(
                name,
                dot,
                across,
                top + layout.row * (number + 0.5) + max(layout.rise, 0) / 2,
                layout,
            )
            for number, dot in enumerate(dots)
        ],
    )


def _ends(dots: Sequence[Dot]) -> list[float]:
    return [
        dot.value + side * dot.spread if math.isfinite(dot.spread) else dot.value
        for dot in dots
        for side in (-1, 1)
    ]


def _tick(name: str, value: float, across: Scale, top: float, foot: float) -> Html:
    x = across(value)
    words = f"{100 * value:g} %" if name == "accuracy" else f"{value:,.6g}"
    return join(
        [
            down_line(x, top, foot, "grid"),
            label(x, foot + 17, words, anchor="middle"),
        ]
    )


def _baseline(name: str, key: str, value: float, across: Scale, y: float, foot: float) -> Html:
    """Draw a dashed line, and its name on the side where there is more room."""
    x = across(value)
    is_left = x < (across.start + across.stop) / 2
    words = f"{key} {figure(name, value)}"
    return join(
        [
            down_line(x, y - 8, foot, "baseline"),
            label(x + (6 if is_left else -6), y, words, "quiet", "start" if is_left else "end"),
        ]
    )


def _dot(name: str, dot: Dot, across: Scale, y: float, layout: _Layout) -> Html:
    x = across(dot.value)
    reach = across(dot.value + dot.spread) - x if math.isfinite(dot.spread) else 0.0
    words = f"{figure(name, dot.value)} {spread(name, dot.spread)}".strip()
    return join(
        [
            label(
                layout.name_x,
                y - layout.rise,
                shorten(dot.label, _NAME_MAX),
                f"end over {dot.style}",
                layout.anchor,
            ),
            across_line(x - reach, x + reach, y, f"whisker {dot.style}"),
            circle(x, y, 6, f"dot {dot.style}"),
            label(x + abs(reach) + 12, y + 4, words, "over"),
        ]
    )
