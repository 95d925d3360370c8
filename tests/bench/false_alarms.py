"""Track: false alarms of the detectors on steady errors, and their delay after a step.

Run with `python -m tests.bench.false_alarms`, or with names of detectors behind it. It prints, for
each, drifts in a million errors at a rate of 0.2 and at 0.5, the median delay after a step from
0.2 to 0.6 and the share of steps found within 2,000 errors: figures of docs/detectors.md.
"""

from __future__ import annotations

import sys
from statistics import median

import numpy as np

from operators.catalog import DETECTORS, create_detector

STEADY = 1_000_000
STEPS = 200
AT = 2_000


def false_alarms(name: str, rate: float) -> int:
    errors = (np.random.default_rng(1).random(STEADY) < rate).astype(np.float64)
    alarms = create_detector(name, {}).update_many(errors)
    return sum(alarm.kind == "drift" for alarm in alarms)


def delays(name: str) -> list[int]:
    """Values from each step to the first drift after it; steps that are not found are left out."""
    found = []
    for seed in range(STEPS):
        rng = np.random.default_rng(seed)
        errors = (rng.random(2 * AT) < np.repeat([0.2, 0.6], AT)).astype(np.float64)
        alarms = create_detector(name, {}).update_many(errors)
        after = [a.index - AT for a in alarms if a.kind == "drift" and a.index >= AT]
        found += after[:1]
    return found


def main(names: list[str]) -> None:
    print("| detector | drifts a million at 0.2 | at 0.5 | median delay | found |")
    print("|---|---|---|---|---|")
    for name in names or DETECTORS:
        waits = delays(name)
        share = f"{100 * len(waits) / STEPS:.0f} %"
        low, high = false_alarms(name, 0.2), false_alarms(name, 0.5)
        print(f"| `{name}` | {low:,} | {high:,} | {median(waits):.0f} | {share} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
