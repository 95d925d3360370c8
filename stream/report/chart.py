"""Lines over the labels learnt, with the drifts: drawn as SVG, once wide and once narrow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from stream.report.drift_marks import Alarm, Mark, draw_alarm, draw_drifts
from stream.report.html import Html, element, join
from stream.report.numbers import day, figure
from stream.report.scales import Scale, apart, bounds, ticks
from stream.report.svg import (
    CHAR_WIDTH,
    LINE_HEIGHT,
    across_line,
    both_widths,
    label,
    picture,
    shorten,
)

_TOP, _FOOT = 26.0, 44.0
_LABEL_MAX = 34
_START, _SPIKE = 0.05, 1.6
_SMALL = 0.02


@dataclass(frozen=True, slots=True)
class Line:
    """One curve; `style` is the class that colours it."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    style: str

    @property
    def last(self) -> float:
        """The last value that there is; NaN if there is none."""
        return next((y for y in reversed(self.ys) if math.isfinite(y)), math.nan)


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn.

    Parameters
    ----------
    name
        Of the figure, as the evaluator has it.
    lines, marks, alarms
        See there.
    times
        Labels learnt and event time (ms), where event time says something.
    alt
        What the picture shows, in words.
    """

    name: str
    lines: Sequence[Line]
    marks: Sequence[Mark]
    alarms: Sequence[Alarm]
    times: Sequence[tuple[float, int]]
    alt: str


def line_chart(chart: Chart) -> Html:
    """Draw it wide, with a label at each line's end, and narrow, with a legend below."""
    reach, is_cut = _reach(chart.lines)
    narrow = join([_draw(chart, reach, 360, 270, is_labelled=False), _legend(chart)])
    drawn = both_widths(_draw(chart, reach, 900, 380, is_labelled=True), narrow)
    if not is_cut:
        return drawn
    note = "The first labels, before which little was learnt, leave the picture."
    return join([drawn, element("p", note, class_="note")])


def _reach(lines: Sequence[Line]) -> tuple[tuple[float, float], bool]:
    """Choose the bounds of the values, and say whether the start lies outside.

    It is left outside where it is so far off that nothing else would have a shape.
    """
    whole = bounds(y for line in lines for y in line.ys)
    start = max((_START * line.xs[-1] for line in lines if len(line.xs)), default=0.0)
    settled = bounds(
        y for line in lines for x, y in zip(line.xs, line.ys, strict=True) if x >= start
    )
    is_cut = whole[1] - whole[0] > _SPIKE * (settled[1] - settled[0])
    return (settled if is_cut else whole), is_cut


def _draw(
    chart: Chart, reach: tuple[float, float], width: float, height: float, *, is_labelled: bool
) -> Html:
    low, high = reach
    if chart.name.endswith("accuracy"):
        low, high = max(low, 0.0), min(high, 1.0 + _SMALL)
    values = [value for value in ticks(low, high, 7) if value <= 1 or chart.name != "accuracy"]
    said = [_end_label(chart, line) for line in chart.lines] if is_labelled else []
    left = 10 + CHAR_WIDTH * max(len(_short(chart.name, value)) for value in values)
    right = 14 + CHAR_WIDTH * max((len(words) for words in said), default=0)
    first = min((line.xs[0] for line in chart.lines if len(line.xs)), default=0.0)
    last = max((line.xs[-1] for line in chart.lines if len(line.xs)), default=1.0)
    across = Scale(first, last, left, width - right)
    up = Scale(low, high, height - _FOOT, _TOP)
    return picture(
        width,
        height,
        chart.alt,
        *[_grid(chart.name, value, up, across) for value in values],
        *_below(chart, across, height, 5 if is_labelled else 4),
        *draw_drifts(chart.marks, across, up),
        *[draw_alarm(alarm, across, up) for alarm in chart.alarms if across.holds(alarm.x)],
        _clipped(across, up, [_curve(line, across, up) for line in chart.lines]),
        *_end_labels(chart, said, across, up),
    )


def _grid(name: str, value: float, up: Scale, across: Scale) -> Html:
    y = up(value)
    return join(
        [
            across_line(across.start, across.stop, y, "grid"),
            label(across.start - 6, y + 4, _short(name, value), anchor="end"),
        ]
    )


def _below(chart: Chart, across: Scale, height: float, count: int) -> list[Html]:
    """Write labels learnt and, where it says something, event time under the picture."""
    parts = []
    span = chart.times[-1][1] - chart.times[0][1] if chart.times else 0
    shown = ticks(across.low, across.high, count)
    for value in shown:
        x = across(value)
        # The outermost ones would leave the picture.
        anchor = "start" if x < across.start + 12 else "middle"
        anchor = "end" if x > across.stop - 12 else anchor
        parts.append(label(x, height - _FOOT + 17, f"{value:,.0f}", anchor=anchor))
        if span:
            when = day(_time_at(chart.times, value), span)
            parts.append(label(x, height - _FOOT + 33, when, "quiet", anchor))
    if not span:
        middle = (across.start + across.stop) / 2
        parts.append(label(middle, height - 8, "labels learnt", "quiet", "middle"))
    return parts


def _time_at(times: Sequence[tuple[float, int]], x: float) -> float:
    """Event time when so many labels had been learnt, between those that are known."""
    for (x0, t0), (x1, t1) in pairwise(times):
        if x0 <= x <= x1:
            return t0 + (t1 - t0) * ((x - x0) / ((x1 - x0) or 1.0))
    return times[0][1] if x < times[0][0] else times[-1][1]


def _clipped(across: Scale, up: Scale, curves: Sequence[Html]) -> Html:
    """Cut off what leaves the field; a picture within the picture does that."""
    x, y = across.start, up.stop
    width, height = across.stop - x, up.start - y
    return element(
        "svg",
        *curves,
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
        viewBox=f"{x:.1f} {y:.1f} {width:.1f} {height:.1f}",
    )


def _curve(line: Line, across: Scale, up: Scale) -> Html:
    """Draw a curve; it is interrupted where there is no value."""
    steps, is_down = [], False
    for x, y in zip(line.xs, line.ys, strict=True):
        if not math.isfinite(y):
            is_down = False
            continue
        steps.append(f"{'L' if is_down else 'M'}{across(x):.1f} {up(y):.1f}")
        is_down = True
    if len(steps) == 1:  # a path of one place would show nothing
        steps.append("h4")
    return element("path", d="".join(steps) or None, class_=f"curve {line.style}")


def _end_labels(chart: Chart, said: Sequence[str], across: Scale, up: Scale) -> list[Html]:
    pairs = [
        (line, words)
        for line, words in zip(chart.lines, said, strict=False)
        if math.isfinite(line.last)
    ]
    ends = [up(line.last) for line, _ in pairs]
    places = apart(ends, LINE_HEIGHT, up.stop, up.start)
    return [
        label(across.stop + 8, y + 4, words, f"end {line.style}")
        for (line, words), y in zip(pairs, places, strict=True)
    ]


def _end_label(chart: Chart, line: Line) -> str:
    words = f"{line.label} {figure(chart.name, line.last)}"
    return words if len(words) <= _LABEL_MAX else shorten(line.label, _LABEL_MAX)


def _legend(chart: Chart) -> Html:
    items = [
        element(
            "li",
            element("span", class_=f"key {line.style}", aria_hidden="true"),
            f"{line.label} {figure(chart.name, line.last)}",
        )
        for line in chart.lines
    ]
    return element("ul", *items, class_="legend")


def _short(name: str, value: float) -> str:
    """Write a value beside the grid: `85 %` of a share, whose digits are round ones."""
    if name.endswith("accuracy"):
        return f"{100 * value:g} %"
    return f"{value:,.6g}"
