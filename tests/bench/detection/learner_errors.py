"""Errors that a learner makes, each record predicted before it is learnt, on a generated stream.

They are not independent: the learner goes on learning, before the drift and after it. The first
records, from which it learns most, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.catalog import create_learner
from operators.tape import Rows
from tests.bench.arrivals import fixed
from tests.bench.detection.series import HORIZON, Series
from tests.bench.streams.catalog import Generator
from tests.bench.streams.drift import Changes
from tests.bench.streams.led import led
from tests.bench.streams.records import Records
from tests.bench.streams.sea import sea
from tests.bench.streams.sine import sine

LEARNING = 3_000
"""Records before the errors that are watched."""
QUIET_BEFORE = 2_000
_GRADUAL = 1_000
_ABRUPT = 1


class LearnerStream(NamedTuple):
    """A stream that changes once, and who predicts it."""

    learner: str
    generator: Generator
    width: int


_SINE = partial(sine, functions=(1, 3))
_LED = partial(led, n_swapped=(0, 3))
_SEA = partial(sea, functions=(3, 4))
_STREAMS: Mapping[str, LearnerStream] = {
    "tree_sea": LearnerStream("hoeffding_tree", _SEA, _ABRUPT),
    "tree_sea_gradual": LearnerStream("hoeffding_tree", _SEA, _GRADUAL),
    "tree_led": LearnerStream("hoeffding_tree", _LED, _ABRUPT),
    "bayes_led": LearnerStream("naive_bayes", _LED, _ABRUPT),
    "bayes_sine": LearnerStream("naive_bayes", _SINE, _ABRUPT),
    "bayes_sine_gradual": LearnerStream("naive_bayes", _SINE, _GRADUAL),
}
LEARNER_STREAMS: Mapping[str, str] = {
    "tree_sea": "tree on SEA, at once",
    "tree_sea_gradual": "tree on SEA, over 1,000",
    "tree_led": "tree on LED, at once",
    "bayes_led": "naive Bayes on LED, at once",
    "bayes_sine": "naive Bayes on sine, at once",
    "bayes_sine_gradual": "naive Bayes on sine, over 1,000",
}


def quiet_of(name: str) -> str:
    """Name what a stream is without its drift, which is the same for both ways of drifting.

    Examples
    --------
    >>> quiet_of("tree_sea_gradual")
    'quiet tree_sea'
    """
    return f"quiet {name.removesuffix('_gradual')}"


def errors_of(name: str, seed: int, quiet: int | None) -> Series:
    """Let a learner predict a stream and return its errors.

    Parameters
    ----------
    name
        One of `LEARNER_STREAMS`.
    seed
        Of the stream and of the learner.
    quiet
        Errors wanted before anything changes, and none after; None for a series with its drift.
    """
    found = _STREAMS[name]
    before = LEARNING + (QUIET_BEFORE if quiet is None else quiet)
    length = before + 2 * found.width + HORIZON
    # A width before its centre, a logistic ramp has done 2 % of its way.
    centre = (before + found.width) / length
    records = found.generator(length, seed, changes=Changes((centre,), width=float(found.width)))
    if quiet is not None:
        records = records.first(before)
    errors = _errors(found.learner, records, seed)[LEARNING:]
    return Series(errors, (QUIET_BEFORE,) if quiet is None else ())


def _errors(learner: str, records: Records, seed: int) -> NDArray[np.float64]:
    made = create_learner(learner, records.space, seed, {})
    n_rows = len(records.y)
    output = np.full((n_rows, records.space.n_outputs), np.nan)
    rows = Rows(records.x, records.y, output, np.full((n_rows, made.trace_width), np.nan))
    made.run(fixed(n_rows, 0).tape(0, n_rows), rows)
    wrong: NDArray[np.bool_] = output.argmax(axis=1) != records.y
    return wrong.astype(np.float64)
