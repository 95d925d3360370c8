"""Stream classes: how a series drifts, and the quiet series it would be without the drift.

Three families: errors drawn at a known rate; errors that a learner makes on a stream whose concept
changes; numbers. `quiet` is what false alarms are counted on, the same before-drift values going
on and on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tests.bench.detection.learner_errors import LEARNER_STREAMS, errors_of, quiet_of
from tests.bench.detection.series import HORIZON, Series

Family = Literal["errors", "learner", "numbers"]
Sides = Literal["up", "both"]
BEFORE = 2_000
"""Values before a drift: a detector has to know what is usual, as it does in practice."""

Draw = Callable[[np.random.Generator], Series]
Quiet = Callable[[np.random.Generator, int], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class StreamClass:
    """One kind of drift.

    Parameters
    ----------
    family
        What the values are.
    words
        What happens, for a table.
    draw
        Makes one series.
    quiet
        Name in `QUIET` of the same without a drift.
    sides
        Which changes have to be seen; a detector that has the choice is set to it.
    """

    family: Family
    words: str
    draw: Draw
    quiet: str
    sides: Sides = "up"


def bits(rng: np.random.Generator, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw errors: 1 with each record's probability."""
    return (rng.random(len(rates)) < rates).astype(np.float64)


def step(rng: np.random.Generator, old: float, new: float, before: int = BEFORE) -> Series:
    """Errors whose rate changes at once."""
    rates = np.repeat([old, new], [before, HORIZON])
    return Series(bits(rng, rates), (before,))


def ramp(rng: np.random.Generator, old: float, new: float, width: int) -> Series:
    """Errors whose rate changes evenly over `width` records; the drift is where that begins."""
    rates = np.concatenate(
        [np.full(BEFORE, old), np.linspace(old, new, width), np.full(HORIZON, new)]
    )
    return Series(bits(rng, rates), (BEFORE,))


def recurring(rng: np.random.Generator, old: float, new: float, length: int) -> Series:
    """Errors that rise, fall again, and so on; falls need not be found."""
    rates = np.repeat(np.tile([old, new], 4), length)
    rises = range(length, len(rates), 2 * length)
    falls = range(2 * length, len(rates), 2 * length)
    return Series(bits(rng, rates), tuple(rises), tuple(falls))


def normal_step(rng: np.random.Generator, mean: float, spread: float) -> Series:
    """Normal numbers of mean 0 and spread 1, and then of others."""
    after = mean + spread * rng.standard_normal(HORIZON)
    return Series(np.concatenate([rng.standard_normal(BEFORE), after]), (BEFORE,))


def _learner(rng: np.random.Generator, name: str) -> Series:
    return errors_of(name, int(rng.integers(2**31)), quiet=None)


def _learner_quiet(rng: np.random.Generator, length: int, name: str) -> NDArray[np.float64]:
    return errors_of(name, int(rng.integers(2**31)), quiet=length).values


def _rate_quiet(rng: np.random.Generator, length: int, rate: float) -> NDArray[np.float64]:
    return bits(rng, np.full(length, rate))


def _normal_quiet(rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    return rng.standard_normal(length)


QUIET: Mapping[str, Quiet] = {
    **{f"rate {rate:g}": partial(_rate_quiet, rate=rate) for rate in (0.05, 0.2, 0.4)},
    **{quiet_of(name): partial(_learner_quiet, name=name) for name in LEARNER_STREAMS},
    "normal": _normal_quiet,
}

CLASSES: Mapping[str, StreamClass] = {
    "small_rise": StreamClass(
        "errors", "0.2 to 0.3 at once", partial(step, old=0.2, new=0.3), "rate 0.2"
    ),
    "large_rise": StreamClass(
        "errors", "0.2 to 0.6 at once", partial(step, old=0.2, new=0.6), "rate 0.2"
    ),
    "rise_from_low": StreamClass(
        "errors", "0.05 to 0.2 at once", partial(step, old=0.05, new=0.2), "rate 0.05"
    ),
    "rise_from_high": StreamClass(
        "errors", "0.4 to 0.6 at once", partial(step, old=0.4, new=0.6), "rate 0.4"
    ),
    "late_rise": StreamClass(
        "errors",
        "0.2 to 0.4 after 10,000 quiet",
        partial(step, old=0.2, new=0.4, before=10_000),
        "rate 0.2",
    ),
    "ramp_500": StreamClass(
        "errors", "0.2 to 0.5 over 500", partial(ramp, old=0.2, new=0.5, width=500), "rate 0.2"
    ),
    "ramp_2000": StreamClass(
        "errors", "0.2 to 0.5 over 2,000", partial(ramp, old=0.2, new=0.5, width=2_000), "rate 0.2"
    ),
    "recurring": StreamClass(
        "errors",
        "0.2 and 0.5 in turn, 1,000 each",
        partial(recurring, old=0.2, new=0.5, length=1_000),
        "rate 0.2",
    ),
    "fall": StreamClass(
        "errors", "0.4 to 0.2 at once", partial(step, old=0.4, new=0.2), "rate 0.4", "both"
    ),
    **{
        name: StreamClass("learner", words, partial(_learner, name=name), quiet_of(name))
        for name, words in LEARNER_STREAMS.items()
    },
    "mean_small": StreamClass(
        "numbers", "mean 0 to 0.5", partial(normal_step, mean=0.5, spread=1.0), "normal"
    ),
    "mean_large": StreamClass(
        "numbers", "mean 0 to 2", partial(normal_step, mean=2.0, spread=1.0), "normal"
    ),
    "spread_up": StreamClass(
        "numbers", "spread 1 to 2", partial(normal_step, mean=0.0, spread=2.0), "normal", "both"
    ),
    "spread_down": StreamClass(
        "numbers", "spread 1 to 0.4", partial(normal_step, mean=0.0, spread=0.4), "normal", "both"
    ),
}


@cache
def drifting(name: str, seed: int, n_series: int) -> tuple[Series, ...]:
    """Draw some series of a class; equal arguments give equal series."""
    rng = np.random.default_rng([seed, list(CLASSES).index(name)])
    return tuple(CLASSES[name].draw(rng) for _ in range(n_series))


@cache
def quiet_series(name: str, seed: int, length: int) -> tuple[Series, ...]:
    """Draw one long series without a drift."""
    rng = np.random.default_rng([seed, 1_000 + list(QUIET).index(name)])
    return (Series(QUIET[name](rng, length)),)
