"""Draws a leaderboard: the models' figures with their spread, and how they went over time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from stream.cli.plot_drift import new_figure
from stream.report.numbers import figure, rate, size, spread
from stream.report.scales import apart
from stream.report.style import LIGHT, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from stream.compare.leaderboard import Leaderboard

_GREY = LIGHT["quiet"]


def plot_leaderboard(board: Leaderboard, path: Path, title: str) -> None:
    """Write a picture (.png, .svg): best model above, its curve in the same colour.

    Raises
    ------
    SetupError
        matplotlib is not installed.
    """
    rows = max(len(board.ranked), 1)
    picture = new_figure(11, 4.6 + 0.42 * rows)
    dots, curves = picture.subplots(2, 1, height_ratios=[0.42 * rows + 0.6, 3.6])
    colours = [LIGHT[name] for name in SERIES] + [_GREY] * rows
    _draw_dots(dots, board, colours)
    _draw_curves(curves, board, colours)
    picture.suptitle(title, x=0.01, ha="left")
    picture.savefig(path, dpi=130)


def _draw_dots(axes: Axes, board: Leaderboard, colours: list[str]) -> None:
    name = board.main
    for row, entry in enumerate(board.ranked):
        value, error = entry.mean(name), entry.spread(name)
        bar = 0.0 if math.isnan(error) else error
        axes.errorbar([value], [-row], xerr=[bar], fmt="o", color=colours[row], ms=7, lw=2.5)
        words = f"{figure(name, value)} {spread(name, error)}".strip()
        cost = f"{rate(entry.records_per_s)}/s, {size(entry.state_bytes)}"
        _write(axes, f"{words}   {cost}", (value + bar, -row), (9, -4), LIGHT["ink"])
    for label, value in board.baselines.items():
        axes.axvline(value, color=_GREY, lw=1.2, ls="--", zorder=0)
        axes.annotate(
            label,
            (value, 1.0),
            (3, 4),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            color=_GREY,
            size=8.5,
        )
    axes.set_yticks([-row for row in range(len(board.ranked))])
    axes.set_yticklabels([entry.label for entry in board.ranked])
    for tick, colour in zip(axes.get_yticklabels(), colours, strict=False):
        tick.set_color(colour)
    axes.margins(x=0.1, y=0.25)
    axes.tick_params(left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel(f"{name} of the whole file; beside it records/s and the snapshot's size")
    _percent(axes.xaxis, name)
    axes.grid(alpha=0.25, axis="x")


def _write(
    axes: Axes, words: str, at: tuple[float, float], off: tuple[float, float], colour: str
) -> None:
    """Write beside a place, on white: lines go behind."""
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    axes.annotate(words, at, off, textcoords="offset points", color=colour, size=8.5, bbox=ground)


def _percent(axis: Axis, name: str) -> None:
    if name == "accuracy":
        from matplotlib.ticker import PercentFormatter

        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


def _draw_curves(axes: Axes, board: Leaderboard, colours: list[str]) -> None:
    name = f"faded_{board.main}"
    ends = []
    for entry, colour in zip(board.ranked[: len(SERIES)], colours, strict=False):
        points = [point for point in entry.runs[0].result.curve if point.learnt]
        xs, ys = [p.learnt for p in points], [p.figures[name] for p in points]
        axes.plot(xs, ys, color=colour, lw=1.4)
        if ys:
            ends.append((entry.label, colour, xs[-1], ys[-1]))
    low, high = axes.get_ylim()
    places = apart([y for *_, y in ends], (high - low) / 16, low, high)
    for (label, colour, x, _), y in zip(ends, places, strict=True):
        _write(axes, label, (x, y), (6, -3), colour)
    axes.set_ylabel(f"{board.main} of recent labels")
    axes.set_xlabel("labels learnt")
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    _percent(axes.yaxis, board.main)
    axes.grid(alpha=0.25)
