"""Track: HTM and SPRT beside three other detectors of ours on series of numbers.

Run with `python -m tests.bench.htm`: the table of docs/detectors.md. Series of 8,000 values change
at 5,000: an abrupt shift, a slow drift over 1,000 values, the mean of a wave, the order of a
pattern, nothing. A drift counts as found from the change to 3,000 values after it. False alarms
are those before, a wave among the series. The others get standardised values: their defaults are
for losses of about that size.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from operators.drift.adwin import ADWIN
from operators.drift.base import Detector
from operators.drift.htm_sprt import HTMSPRT
from operators.drift.kswin import KSWIN
from operators.drift.page_hinkley import PageHinkley

SEEDS, AT, LENGTH = 20, 5_000, 8_000
Floats = NDArray[np.float64]
DETECTORS: dict[str, Callable[[], Detector]] = {
    "htm_sprt": lambda: HTMSPRT(block=1),
    "adwin": ADWIN,
    "kswin": KSWIN,
    "page_hinkley": PageHinkley,
}


def wave(rng: np.random.Generator, period_after: float = 48.0) -> Floats:
    """A day of 48 values with noise: what is periodic is no drift, another period is one."""
    step = np.where(np.arange(LENGTH) < AT, 1 / 48, 1 / period_after)
    return np.sin(2 * np.pi * step.cumsum()) + 0.1 * rng.normal(size=LENGTH)


def since(length: float = 0.0) -> Floats:
    """0 before the change, 1 after it; a ramp of some values between."""
    return np.clip((np.arange(LENGTH) - AT + 1) / max(length, 1.0), 0.0, 1.0)


def order(rng: np.random.Generator) -> Floats:
    """A pattern of eight values, then the same in another order."""
    usual, other = np.arange(8.0), np.array([7.0, 2, 5, 0, 3, 6, 1, 4])
    values = np.where(since() > 0, np.resize(other, LENGTH), np.resize(usual, LENGTH))
    return values + 0.1 * rng.normal(size=LENGTH)


SERIES: dict[str, Callable[[np.random.Generator], Floats]] = {
    "abrupt shift, 2 sd": lambda rng: rng.normal(size=LENGTH) + 2 * since(),
    "slow drift, 2 sd in 1,000": lambda rng: rng.normal(size=LENGTH) + 2 * since(1_000),
    "periodic mean, shift of 1 sd": lambda rng: wave(rng) + 0.7 * since(),
    "periodic mean, other period": lambda rng: wave(rng, period_after=24.0),
    "order of a pattern": order,
    "noise, no change": lambda rng: rng.normal(size=LENGTH),
    "periodic mean, no change": wave,
}


def measure(series: str, make: Callable[[], Detector]) -> tuple[int, float, float, float]:
    """Return drifts found, their median delay, false alarms in 10,000 values, values a second."""
    delays, false, seconds = [], 0, 0.0
    for seed in range(SEEDS):
        values = SERIES[series](np.random.default_rng(seed))
        values = (values - values[:AT].mean()) / values[:AT].std()
        start = time.process_time()
        drifts = [alarm.index for alarm in make().update_many(values) if alarm.kind == "drift"]
        seconds += time.process_time() - start
        changes = not series.endswith("no change")
        after = [index - AT for index in drifts if changes and index >= AT]
        delays += after[:1]
        false += sum(index < AT or not changes for index in drifts)
    quiet = SEEDS * (AT if not series.endswith("no change") else LENGTH)
    middle = median(delays) if delays else float("nan")
    return len(delays), middle, 1e4 * false / quiet, SEEDS * LENGTH / seconds


def main(names: list[str]) -> None:
    print("| series | detector | found | median delay | false alarms in 10,000 | values/s |")
    print("|---|---|---|---|---|---|")
    for make in DETECTORS.values():
        make().update_many(np.zeros(10))  # compiled before anything is timed
    for series in SERIES:
        for name in names or DETECTORS:
            found, delay, false, speed = measure(series, DETECTORS[name])
            of = "-" if series.endswith("no change") else f"{found} of {SEEDS}"
            figures = f"{of} | {delay:.0f} | {false:.1f} | {speed:,.0f}"
            print(f"| {series} | `{name}` | {figures} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
