"""Pictures: delay against false alarms, one field a class of streams."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.candidates import OURS
from tests.bench.detection.operating import Curve, curves
from tests.bench.detection.results import Key, Row
from tests.bench.detection.streams import CLASSES
from tests.bench.detection.sweeps import SWEEPS
from tests.bench.plot import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"driftgate": "#1f6feb", "river": "#1a7f37", "capymoa": "#9a6700", "frouros": "#cf222e"}

_MARKED = ("glr", "normal_change")
_RATES = [float(rate) for rate in np.geomspace(0.05, 20.0, 14)]


def plot_delays(rows: Mapping[Key, Row], path: Path) -> None:
    """Draw the best delay of each library at each rate of false alarms: lower is better.

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
        found = curves(rows, stream)
        for library in _COLOURS:
            _envelope(axes, library, found)
        for curve in found:
            if curve.detector in _MARKED:
                delays = [curve.delay_at(rate) for rate in _RATES]
                axes.plot(
                    _RATES, delays, ":", marker=".", color="black", label="glr, normal_change"
                )
        axes.set(xscale="log", yscale="log", xlabel="false alarms in 10,000", ylabel="delay")
        axes.set_title(f"{stream}: {CLASSES[stream].words}", loc="left", fontsize=9)
        axes.grid(alpha=0.25)
    handles = dict(zip(*reversed(figure.axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, frameon=False
    )
    figure.savefig(path, dpi=80)


def _envelope(axes: Axes, library: str, found: list[Curve]) -> None:
    """Draw the least delay that any of a library's detectors has at each rate."""
    mine = [one for one in found if SWEEPS[one.detector].library == library]
    best = [min(filter(math.isfinite, _delays(mine, r)), default=math.nan) for r in _RATES]
    style = "-" if library == OURS else "--"
    axes.plot(_RATES, best, style, color=_COLOURS[library], label=f"best of {library}")


def _delays(found: list[Curve], rate: float) -> list[float]:
    return [one.delay_at(rate) for one in found]
