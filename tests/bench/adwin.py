"""Track: values a second through ADWIN, ours in array form against river's one by one.

Run with `python -m tests.bench.adwin`. It prints one CSV line a stream; alarms must agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from river import drift

from operators.drift.adwin import ADWIN

LENGTH = 400_000
REPEATS = 5


def streams() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    rates = np.repeat([0.2, 0.25, 0.5, 0.1], LENGTH // 4)
    return {
        "errors_steady": (rng.random(LENGTH) < 0.2).astype(np.float64),
        "errors_drifting": (rng.random(LENGTH) < rates).astype(np.float64),
        "normal_steady": rng.normal(size=LENGTH),
    }


def ours(values: NDArray[np.float64]) -> list[int]:
    return [alarm.index for alarm in ADWIN().update_many(values)]


def river(values: NDArray[np.float64]) -> list[int]:
    detector, alarms = drift.ADWIN(), []
    for index, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            alarms.append(index)
    return alarms


def best_seconds(run: Callable[[], object]) -> float:
    """Shortest CPU time of a few runs: the machine is shared."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    print("stream,values,alarms,ours_per_s,river_per_s,ratio")
    for name, values in streams().items():
        alarms = ours(values)
        assert alarms == river(values)
        fast = best_seconds(lambda values=values: ours(values))
        slow = best_seconds(lambda values=values: river(values))
        print(
            f"{name},{LENGTH},{len(alarms)},{LENGTH / fast:.0f},{LENGTH / slow:.0f},"
            f"{slow / fast:.1f}"
        )


if __name__ == "__main__":
    main()
