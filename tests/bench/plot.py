"""Pictures of figures: accuracy against speed, and growth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.compare.model_labels import parse_label
from stream.errors import SetupError
from tests.bench.growth import Point
from tests.bench.rows import Row
from tests.bench.summary import Scene, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {None: "#1f6feb", "river": "#1a7f37", "capymoa": "#9a6700", "moa": "#cf222e"}
_FLOORS = ("majority_class", "target_mean")
"""Left out: they show what reading costs, and would press all others into a corner."""
_MARKERS = "osD^vP*Xhp<>d8"


def plot_scenes(scenes: Mapping[Scene, Sequence[Summary]], path: Path) -> None:
    """Draw one field a scene, score against records/s: up and to the right is better.

    Raises
    ------
    SetupError
        matplotlib is not installed.
    """
    columns = min(len(scenes), 3)
    rows = math.ceil(len(scenes) / columns)
    figure = new_figure(5.2 * columns, 3.9 * rows + 1.2)
    candidates = list(dict.fromkeys(one.candidate for s in scenes.values() for one in s))
    names = sorted({parse_label(label)[1] for label in candidates})
    marks = {name: _MARKERS[index % len(_MARKERS)] for index, name in enumerate(names)}
    for index, (scene, summaries) in enumerate(scenes.items(), start=1):
        axes = figure.add_subplot(rows, columns, index)
        for one in summaries:
            if one.name not in _FLOORS:
                _dot(axes, one, marks[one.name])
        axes.set_xscale("log")
        axes.set_title(scene.title, loc="left", fontsize=9)
        axes.set_xlabel("records/s of one core")
        axes.set_ylabel(summaries[0].kind.main.title)
        axes.yaxis.set_inverted(summaries[0].kind.sign < 0)
        axes.grid(alpha=0.25)
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=8,
    )
    figure.savefig(path, dpi=130)


def plot_growth(measured: Sequence[tuple[Point, Row]], path: Path) -> None:
    """Draw records/s (above) and memory (below) against each size.

    Raises
    ------
    SetupError
        matplotlib is not installed.
    """
    names = list(dict.fromkeys(point.axis for point, _ in measured))
    figure = new_figure(4.6 * len(names), 7.4)
    models = list(dict.fromkeys(row.candidate for _, row in measured))
    for index, axis in enumerate(names, start=1):
        speed = figure.add_subplot(2, len(names), index)
        memory = figure.add_subplot(2, len(names), len(names) + index)
        for number, model in enumerate(models):
            here = [
                (p.size, row) for p, row in measured if (p.axis, row.candidate) == (axis, model)
            ]
            sizes = [size for size, _ in here]
            mark = _MARKERS[number % len(_MARKERS)]
            speed.plot(sizes, [row.records_per_s for _, row in here], marker=mark, label=model)
            # Nothing at all cannot be drawn on a logarithmic axis; a page is the least.
            used = [max(row.memory_bytes, 4096) / 1e6 for _, row in here]
            memory.plot(sizes, used, marker=mark)
        for axes, what in ((speed, "records/s of one core"), (memory, "memory, MB")):
            axes.set(xscale="log", yscale="log", xlabel=axis, ylabel=what)
            axes.grid(alpha=0.25)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
    )
    figure.savefig(path, dpi=130)


def _dot(axes: Axes, one: Summary, marker: str) -> None:
    """Ours are full, peers are hollow; the colour is the library."""
    colour = _COLOURS[parse_label(one.candidate)[0]]
    scale = one.kind.main.scale
    error = 0.0 if math.isnan(one.main_error) else scale * one.main_error
    axes.errorbar(
        [one.records_per_s],
        [scale * one.main],
        yerr=[error],
        marker=marker,
        color=colour,
        markerfacecolor=colour if one.is_ours else "white",
        linestyle="none",
        markersize=7,
        label=one.candidate,
    )


def new_figure(width: float, height: float) -> Figure:
    """Make an empty picture, its size in inches.

    Raises
    ------
    SetupError
        matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError(
            "a plot needs matplotlib; install it with `pip install 'driftgate[bench]'`, or leave "
            "the plot out with --no-plot."
        ) from error
    return Figure(figsize=(width, height), layout="constrained")
