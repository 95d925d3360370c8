"""Values a second through detectors: ours in array form, each peer in its own way, side by side.

One process, one thread's CPU time, defaults, errors at a rate of 0.2 (of KSWIN and the like as
few as their speed allows). Rounds take turns, so that what else the machine does hits all alike;
the median round counts, after one that only warms up. Frouros is timed by its own process.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from operators.catalog import DETECTORS
from tests.bench.detection.libraries import frouros
from tests.bench.detection.sweeps import LIBRARIES, SWEEPS, Sweep

_OURS = 400_000
_PEERS = 20_000
_SLOW = 2_000
_SLOW_PEERS = ("river:kswin", "frouros:kswin", "frouros:adwin", "frouros:stepd")

_KEPT = ("seed", "short_window_size")


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a detector is; `load` is the machine's, when it was measured."""

    detector: str
    values: int
    values_per_s: float


def measure(name: str, libraries: Sequence[str], rounds: int, scale: float = 1.0) -> list[Speed]:
    """Time one of ours beside the peers of its name.

    Parameters
    ----------
    name
        In the catalogue.
    libraries
        Whose detectors to time beside it.
    rounds
        That count, after the one that does not.
    scale
        Share of the usual number of values.
    """
    labels = [name, *(f"{library}:{name}" for library in libraries)]
    found = [SWEEPS[label] for label in labels if label in SWEEPS]
    values = {sweep.label: _values(sweep, scale) for sweep in found}
    seconds: dict[str, list[float]] = {sweep.label: [] for sweep in found}
    for _ in range(1 + rounds):
        for sweep in found:
            seconds[sweep.label].append(_cpu_seconds(sweep, values[sweep.label]))
    return [
        Speed(label, len(values[label]), len(values[label]) / median(taken[1:]))
        for label, taken in seconds.items()
    ]


def write(path: Path, speeds: Sequence[Speed]) -> None:
    """Keep speeds; they are of one session, so those before them go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Speed)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            asdict(one) | {"values_per_s": f"{one.values_per_s:.4g}"} for one in speeds
        )


def read(path: Path) -> list[Speed]:
    """Read what `write` wrote."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Speed(line["detector"], int(line["values"]), float(line["values_per_s"]))
            for line in csv.DictReader(file)
        ]


def shared(libraries: Sequence[str] = LIBRARIES) -> list[str]:
    """List those of ours that some peer has as well."""
    return [name for name in DETECTORS if any(f"{lib}:{name}" in SWEEPS for lib in libraries)]


def _values(sweep: Sweep, scale: float) -> NDArray[np.float64]:
    length = _OURS if sweep.is_ours else _SLOW if sweep.label in _SLOW_PEERS else _PEERS
    rng = np.random.default_rng(1)
    return (rng.random(max(100, int(scale * length))) < 0.2).astype(np.float64)


def _cpu_seconds(sweep: Sweep, values: NDArray[np.float64]) -> float:
    # Out of the box, but for what makes it repeatable and for what makes FHDDM a stacked one.
    params = {name: sweep.fixed[name] for name in _KEPT if name in sweep.fixed}
    if sweep.library == "frouros":
        return frouros.cpu_seconds(sweep.name, params, values)
    library = import_module(f"tests.bench.detection.libraries.{sweep.library}")
    begun = time.thread_time()
    library.run(sweep.name, params, [values])
    return time.thread_time() - begun
