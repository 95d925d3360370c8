"""Pictures: delay against false alarms, one field a class of streams."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stream.bench.detection.operating import Curve, curves
from stream.bench.detection.results import Key, Row
from stream.bench.detection.streams import CLASSES
from stream.bench.detection.sweeps import SWEEPS
from stream.bench.plot import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"driftgate": "#1f6feb", "river": "#1a7f37", "capymoa": "#9a6700", "frouros": "#cf222e"}


def plot_delays(rows: Mapping[Key, Row], path: Path) -> None:
    """Draw each sweep as a line: down and to the left is better.

    Raises
    ------
    SetupError
        matplotlib is not installed.
    """
    streams = [name for name in CLASSES if any(row.stream == name for row in rows.values())]
    columns = min(len(streams), 4)
    figure = new_figure(4.2 * columns, 3.3 * math.ceil(len(streams) / columns) + 0.6)
    for index, stream in enumerate(streams, start=1):
        axes = figure.add_subplot(math.ceil(len(streams) / columns), columns, index)
        for curve in curves(rows, stream):
            _line(axes, curve)
        axes.set(xscale="log", yscale="log", xlabel="false alarms in 10,000", ylabel="delay")
        axes.set_title(f"{stream}: {CLASSES[stream].words}", loc="left", fontsize=9)
        axes.grid(alpha=0.25)
    handles = dict(zip(*reversed(figure.axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, frameon=False
    )
    figure.savefig(path, dpi=110)


def _line(axes: Axes, curve: Curve) -> None:
    """The colour is the library; ours lie on top."""
    library = SWEEPS[curve.detector].library
    alarms, values = curve.false_alarms.sum(axis=1), curve.values.sum(axis=1)
    # Where there was no alarm, the point stands where half of one would be.
    rates = 1e4 * np.maximum(alarms, 0.5) / values
    delays = curve.delay.sum(axis=1) / curve.drifts.sum(axis=1)
    order = np.argsort(rates)
    axes.plot(
        rates[order],
        np.maximum(delays, 1.0)[order],
        color=_COLOURS[library],
        linewidth=1.1 if curve.is_ours else 0.9,
        linestyle="-" if curve.is_ours else "--",
        marker="." if curve.is_ours else "",
        zorder=3 if curve.is_ours else 2,
        alpha=0.8,
        label=library,
    )
