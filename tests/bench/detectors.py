"""Track: values a second through the detectors, ours in array form against river's one by one.

Run with `python -m tests.bench.detectors`, or with names of detectors behind it. It prints the
table of docs/benchmarks.md: for each detector the slowest of three streams, relative to river's in
the same process. Where both have a detector, drifts must fall on the same values; KSWIN's need
not, for it draws its sample by chance.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import drift

from operators.catalog import DETECTORS, create_detector

LENGTH = 400_000
SECONDS = 0.3  # of repeating, at the least; the shortest run counts
RIVERS_LENGTH = 50_000
RIVERS_LENGTH_OF_KSWIN = 1_000
RIVERS: dict[str, Callable[[], Any]] = {
    "adwin": drift.ADWIN,
    "ddm": drift.binary.DDM,
    "eddm": drift.binary.EDDM,
    "fhddm": drift.binary.FHDDM,
    "hddm_a": drift.binary.HDDMA,
    "hddm_w": drift.binary.HDDMW,
    "kswin": lambda: drift.KSWIN(seed=1),
    "page_hinkley": drift.PageHinkley,
    "stacked_fhddm": lambda: drift.binary.FHDDM(short_window_size=25),
}
OF_RIGHT_ANSWERS = {"fhddm", "stacked_fhddm"}  # river's FHDDM signals when the share of ones falls


class Speed(NamedTuple):
    """Values a second on one stream; river's is NaN where it has no such detector."""

    ours: float
    river: float
    drifts: int

    @property
    def ratio(self) -> float:
        return self.ours / self.river


def streams() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    levels = np.tile([0.2, 0.25, 0.5, 0.1], LENGTH // 20_000)
    return {
        "steady": (rng.random(LENGTH) < 0.2).astype(np.float64),
        "even": (rng.random(LENGTH) < 0.5).astype(np.float64),
        "drifting": (rng.random(LENGTH) < np.repeat(levels, 5_000)).astype(np.float64),
    }


def our_drifts(name: str, values: NDArray[np.float64]) -> list[int]:
    alarms = create_detector(name, {}).update_many(values)
    return [alarm.index for alarm in alarms if alarm.kind == "drift"]


def rivers_drifts(name: str, values: list[float]) -> list[int]:
    detector, drifts = RIVERS[name](), []
    for index, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            drifts.append(index)
    return drifts


def best_seconds(run: Callable[[], object]) -> float:
    """Shortest CPU time of some runs: the machine is shared."""
    seconds: list[float] = []
    while len(seconds) < 3 or sum(seconds) < SECONDS:
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds)


def measure(name: str, values: NDArray[np.float64]) -> Speed:
    drifts = our_drifts(name, values)
    ours = LENGTH / best_seconds(lambda: our_drifts(name, values))
    if name not in RIVERS:
        return Speed(ours, float("nan"), len(drifts))
    length = RIVERS_LENGTH_OF_KSWIN if name == "kswin" else RIVERS_LENGTH
    seen = (1.0 - values if name in OF_RIGHT_ANSWERS else values)[:length].tolist()
    if name != "kswin":
        assert rivers_drifts(name, seen) == [index for index in drifts if index < length]
    seconds = best_seconds(lambda: rivers_drifts(name, seen))
    return Speed(ours, length / seconds, len(drifts))


def row(name: str, speeds: list[Speed]) -> str:
    """Write the line of a detector: its slowest stream counts."""
    least = min(speeds, key=lambda speed: speed.ratio if name in RIVERS else speed.ours)
    drifts = " / ".join(f"{speed.drifts:,}" for speed in speeds)
    theirs = f"{least.river / 1e6:.3g} | {least.ratio:.0f}" if name in RIVERS else "- | -"
    return f"| `{name}` | {least.ours / 1e6:.3g} | {theirs} | {drifts} |"


def main(names: list[str]) -> None:
    print("| detector | values/s, millions | river's | times as fast | drifts signalled |")
    print("|---|---|---|---|---|")
    made = streams()
    for name in names or DETECTORS:
        print(row(name, [measure(name, values) for values in made.values()]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
