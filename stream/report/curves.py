"""Evaluations as lines of a chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from operators.prequential import baseline_accuracy
from stream.drift.timeline import Timeline
from stream.evaluate import Evaluation, Point
from stream.report.chart import Chart, Line
from stream.report.drift_facts import alarms, marks
from stream.report.origin import Origin
from stream.report.sentences import curve_words

_POINTS_MAX = 240
"""On one line: more than a screen can show, and a bound of the page's size."""


def thinned(points: Sequence[Point]) -> list[Point]:
    """Leave points out evenly, never the last; and those before the first label."""
    learnt = [point for point in points if point.learnt]
    every = -(-len(learnt) // _POINTS_MAX)
    return learnt[::-every][::-1] if every else learnt


def own_chart(result: Evaluation, told: Timeline, origin: Origin) -> Chart:
    """Draw one model: lately, beside what needs no model."""
    points = thinned(result.curve)
    name = f"faded_{origin.main}"
    lines = [_line(origin.config.model.name, points, lambda f: f[name], "s1")]
    if not origin.is_regression:
        lines.append(_line("no change", points, _baseline("kappa_t"), "b1"))
        lines.append(_line("majority class", points, _baseline("kappa_m"), "b2"))
    else:
        lines.append(_line("since the start", points, lambda f: f["mae"], "b1"))
    return chart(lines, points, told, origin)


def models_chart(
    runs: Sequence[tuple[str, str, Evaluation]], told: Timeline, origin: Origin
) -> Chart:
    """Draw several models, best first: label, colour's class, one run of each."""
    name = f"faded_{origin.main}"
    lines = [
        _line(label, thinned(result.curve), lambda f: f[name], style)
        for label, style, result in runs
    ]
    points = thinned(runs[0][2].curve)
    if not origin.is_regression:
        lines.append(_line("no change", points, _baseline("kappa_t"), "b1"))
    return chart(lines, points, told, origin)


def chart(lines: Sequence[Line], points: Sequence[Point], told: Timeline, origin: Origin) -> Chart:
    """Put lines, drifts and times together."""
    times = [(float(point.learnt), point.stream_time) for point in points]
    words = curve_words(origin.main, {line.label: line.ys for line in lines})
    title = "Mean absolute error" if origin.is_regression else "Accuracy"
    return Chart(
        name=origin.main,
        lines=lines,
        marks=marks(told),
        alarms=alarms(told),
        times=times if origin.has_time else (),
        alt=f"{title} of recent labels over time. {words}",
    )


def _line(
    label: str, points: Sequence[Point], value: Callable[[dict[str, float]], float], style: str
) -> Line:
    xs = [float(point.learnt) for point in points]
    return Line(label, xs, [value(point.figures) for point in points], style)


def _baseline(skill: str) -> Callable[[dict[str, float]], float]:
    return lambda figures: baseline_accuracy(figures["faded_accuracy"], figures[f"faded_{skill}"])
