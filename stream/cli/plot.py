"""Draws how accuracy went over time, where drift was noticed, and what came of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operators.prequential import baseline_accuracy
from stream.cli.plot_drift import mark_episodes, moment, new_figure
from stream.drift.timeline import timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stream.drift.events import DriftEvent
    from stream.evaluate import Evaluation

_BLUE, _GREY, _RED, _GREEN = "#1f6feb", "#8c959f", "#cf222e", "#1a7f37"


def plot_evaluation(result: Evaluation, path: Path, title: str, by_time: bool) -> None:
    """Write a PNG: prequential accuracy (or error), its baseline, and drift marks.

    Parameters
    ----------
    by_time
        Whether the horizontal axis is event time; else it counts labels.

    Raises
    ------
    SetupError
        matplotlib is not installed.
    """
    figure = new_figure(11, 5.2)
    axes = figure.add_subplot()
    points = [point for point in result.curve if point.learnt]
    xs: list[Any] = [moment(point.stream_time) if by_time else point.learnt for point in points]
    name = "accuracy" if "accuracy" in result.figures else "mae"
    axes.plot(xs, [p.figures[f"faded_{name}"] for p in points], color=_BLUE, lw=1.2, label="recent")
    axes.plot(xs, [p.figures[name] for p in points], color="black", lw=1.6, label="since the start")
    if name == "accuracy":
        axes.plot(
            xs,
            [baseline_accuracy(p.figures["accuracy"], p.figures["kappa_m"]) for p in points],
            color=_GREY,
            lw=1.2,
            ls="--",
            label="always the majority class",
        )
    _mark_alarms(axes, result, by_time)
    mark_episodes(axes, timeline(result.drift).episodes, by_time)
    axes.set_title(title, loc="left", pad=18)
    axes.set_ylabel(f"prequential {name}")
    axes.set_xlabel("event time" if by_time else "labels learnt")
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(path, dpi=130)


def _mark_alarms(axes: Axes, result: Evaluation, by_time: bool) -> None:
    """Mark each alarm at the foot: red where the error rose, green where it fell."""
    for label, colour, rose in (("error rose", _RED, True), ("error fell", _GREEN, False)):
        marks: list[Any] = [
            datetime.fromisoformat(event.event_time) if by_time else event.learnt
            for event in result.drift
            if event.event == "alarm" and _rose(event) == rose
        ]
        axes.vlines(
            marks,
            0,
            0.06,
            transform=axes.get_xaxis_transform(),
            color=colour,
            lw=1.3,
            label=f"alarm, {label} ({len(marks)})",
        )


def _rose(event: DriftEvent) -> bool:
    return (event.after or 0.0) > (event.before or 0.0)
