"""Draws episodes of drift: where each began, what was done, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.drift.events import DriftEvent, Since
from stream.drift.timeline import Episode
from stream.errors import SetupError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stream.observe.error_curve import ErrorCurve

COLOURS = {
    "real": "#cf222e",
    "virtual": "#8250df",
    "label": "#bf8700",
    "outliers": "#57606a",
    "none": "#8c959f",
}
"""By source; the terminal's colours are `stream.cli.drift`'s."""
_BLUE, _GREEN, _RED, _BLACK = "#1f6feb", "#1a7f37", "#cf222e", "#24292f"
_PANELS_MAX = 8
_NAMES = {
    "real": "real drift",
    "virtual": "virtual drift",
    "label": "label drift",
    "outliers": "outliers",
    "none": "false alarm",
}


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure.

    Raises
    ------
    SetupError
        matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError(
            "a plot needs matplotlib; install it with `pip install 'driftgate[demo]'`."
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def plot_timeline(
    curves: dict[int, ErrorCurve], episodes: Sequence[Episode], path: Path, title: str, name: str
) -> None:
    """Write a picture: the error over event time and its episodes, one panel a partition.

    Parameters
    ----------
    curves
        By partition; the first eight are drawn.
    name
        What the error is called.
    """
    figure = new_figure(11, 1.4 + 3.2 * min(len(curves), _PANELS_MAX))
    panels = figure.subplots(min(len(curves), _PANELS_MAX), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (partition, curve) in zip(panels, sorted(curves.items()), strict=False):
        axes.plot([moment(t) for t in curve.times], curve.errors, color=_BLUE, lw=1.2, label=name)
        of_partition = [each for each in episodes if each.partition == partition]
        mark_episodes(axes, of_partition, by_time=True)
        axes.set_ylabel(f"{name}, partition {partition}" if len(curves) > 1 else name)
        axes.grid(alpha=0.25)
    panels[0].set_title(title, loc="left", pad=18)
    panels[-1].set_xlabel("event time of labels")
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False
    )
    figure.savefig(path, dpi=130)


def mark_episodes(axes: Axes, episodes: Sequence[Episode], by_time: bool) -> None:
    """Mark each drift: a line where it began with its interval, actions, and the outcome.

    Parameters
    ----------
    by_time
        Whether the horizontal axis is event time; else it counts labels.
    """
    transform = axes.get_xaxis_transform()
    labelled: set[str] = set()

    def once(label: str) -> str:
        """The legend has each label once."""
        said = "" if label in labelled else label
        labelled.add(label)
        return said

    at: Callable[[DriftEvent], Any] = _time if by_time else _labels
    for episode in episodes:
        diagnosis = episode.diagnosis
        if diagnosis is not None and diagnosis.since is not None:
            colour = COLOURS.get(diagnosis.source, _BLACK)
            low, begins, high = _span(diagnosis.since, diagnosis, by_time)
            axes.axvspan(low, high, color=colour, alpha=0.18, lw=0)
            name = _NAMES.get(diagnosis.source, diagnosis.source)
            axes.axvline(begins, color=colour, lw=1.3, label=once(name))
            axes.text(begins, 1.01, f"{episode.number}", transform=transform, color=colour)
        done = [at(event) for event in episode.actions]
        axes.plot(
            done,
            [0.12] * len(done),
            "v",
            transform=transform,
            color=_BLACK,
            ms=6,
            label=once("action") if done else "",
        )
        if episode.outcome is not None:
            judged = episode.outcome.outcome
            is_well = judged is not None and judged.recovered_after is not None
            axes.plot(
                [at(episode.outcome)],
                [0.06],
                "o",
                transform=transform,
                color=_GREEN if is_well else _RED,
                ms=6,
                label=once("recovered" if is_well else "not recovered"),
            )


def moment(milliseconds: int) -> datetime:
    """Give milliseconds since 1970 as a time."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _span(since: Since, said: DriftEvent, by_time: bool) -> tuple[Any, Any, Any]:
    """Bounds and middle of a change point; a time that is not known is that of the event."""
    if not by_time:
        return since.learnt_low, since.learnt, since.learnt_high
    begins = since.event_time or said.event_time
    low, high = since.event_time_low or begins, since.event_time_high or begins
    return datetime.fromisoformat(low), datetime.fromisoformat(begins), datetime.fromisoformat(high)


def _time(event: DriftEvent) -> datetime:
    return datetime.fromisoformat(event.event_time)


def _labels(event: DriftEvent) -> int:
    return event.learnt
