"""Track: the dynamics of drift scores: coverage of its intervals, false alarms, scores a second.

Run with `python -m tests.bench.dynamics`: figures of docs/dynamics.md, on simulated recurrences
with noise of 1 and an intervention that lowers scores by 1 over the last part of them.
"""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from operators.dynamics.recurrence import DriftDynamics
from tests.operators.interpreted_dynamics import recurrence

SEEDS = 2_000
STABLE = 1_000_000
SHAPES = ((60, 20), (150, 30), (400, 50))


def coverage(phi: float, length: int, acting: int) -> tuple[float, float, float]:
    """Return how often the intervals of delta and of the lasting effect hold it, and `stays`."""
    dynamics, held = DriftDynamics(), np.zeros(3)
    for seed in range(SEEDS):
        dynamics.reset()
        dynamics.update_many(*recurrence(phi, length, 1.0, acting, seed))
        said = dynamics.did_it_work()
        held += (
            said.low <= 1.0 <= said.high,
            said.lasting_low <= 1.0 / (1.0 - phi) <= said.lasting_high,
            dynamics.state_of().stays,
        )
    delta, lasting, stays = (100 * held / SEEDS).tolist()
    return delta, lasting, stays


def main() -> None:
    print("| phi | scores | delta held, % | lasting effect held, % | phi = 1 ruled out, % |")
    print("|---|---|---|---|---|")
    for phi in (0.0, 0.3, 0.6, 0.9):
        for length, acting in SHAPES:
            shares = " | ".join(f"{share:.1f}" for share in coverage(phi, length, acting))
            print(f"| {phi} | {length} | {shares} |", flush=True)
    for phi in (0.0, 0.5, 0.8, 0.9):
        scores, _ = recurrence(phi, STABLE, 0.0, 0, seed=1)
        start = time.process_time()
        alarms = DriftDynamics().update_many(scores)
        speed = STABLE / (time.process_time() - start)
        said = dict(Counter(alarm.reason for alarm in alarms))
        print(f"phi {phi}: {said} in {STABLE:,} stable scores; {speed / 1e6:.1f} M scores/s")


if __name__ == "__main__":
    main()
