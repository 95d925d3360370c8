"""Track: values between false alarms of GLR, beside the run length that it was asked for.

Run with `python -m tests.bench.run_length`. A ratio of 1 is what its threshold is fitted to; more
is fewer false alarms than asked for. Rows are rates of errors, columns are run lengths; `fresh`
are the false alarms among the first 2,000 values of many series, where little is known yet.
"""

from __future__ import annotations

import numpy as np

from operators.drift.glr import GLR

RATES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
RUN_LENGTHS = (1_000.0, 10_000.0, 100_000.0)
ALARMS = 100  # to be expected in each cell
FRESH = 2_000


def steady(rate: float, run_length: float, direction: str) -> float:
    length = int(ALARMS * run_length)
    rng = np.random.default_rng(1)
    detector = GLR(run_length=run_length, direction=direction)  # type: ignore[arg-type]
    alarms = 0
    for start in range(0, length, 500_000):
        part = min(500_000, length - start)
        alarms += len(detector.update_many((rng.random(part) < rate).astype(np.float64)))
    return length / max(alarms, 1) / run_length


def fresh(rate: float, run_length: float) -> float:
    rng = np.random.default_rng(2)
    series = int(ALARMS * run_length / FRESH)
    alarms = sum(
        len(GLR(run_length=run_length).update_many((rng.random(FRESH) < rate).astype(np.float64)))
        for _ in range(series)
    )
    return ALARMS / max(alarms, 1)


def main() -> None:
    heads = [f"{what} {length:,.0f}" for what in ("up", "both") for length in RUN_LENGTHS]
    print(f"| rate | {' | '.join(heads)} | fresh 10,000 |")
    print("|---|" + "---:|" * (len(heads) + 1))
    for rate in RATES:
        cells = [steady(rate, n, what) for what in ("up", "both") for n in RUN_LENGTHS]
        cells.append(fresh(rate, 10_000.0))
        print(f"| {rate:g} | {' | '.join(f'{cell:.2f}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
