"""Nearest neighbours among the last records."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import assert_rows, check_classifier
from operators.kernels.dense import make_dense
from operators.kernels.neighbours import make_neighbours, run_neighbours
from operators.one import OneByOne
from operators.snapshot import State, copied, refill
from operators.tape import Rows, Tape

VERSION = 1
CELLS_MAX, WINDOW_MIN = 32768, 100
"""The window shrinks with the number of entries of a record, so that it stays in the cache."""


class NearestNeighbours(OneByOne):
    """Vote of the nearest among the last records.

    Prefer it where classes are clouds rather than boxes, and where they move: what is older than
    the window is forgotten.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Not used; every learner of the catalogue takes one.
    neighbours
        Number of neighbours that vote, in [1, 100]. Larger: smoother.
    window
        Number of records that are remembered. Larger: better while nothing changes, and slower.
        Fewer, but at least 100, where records have many entries: 32,768 divided by their number.

    Notes
    -----
    Distances are Euclidean between records as `operators.kernels.dense` writes them: numbers
    standardised by about the last 1,000 labelled records. Each prediction costs
    O(features x window), in arithmetic that runs eight records at a time.

    References
    ----------
    .. [1] Losing, Hammer and Wersing, 2016, KNN classifier with self adjusting memory for
       heterogeneous concept drift, ICDM, section IV (the short-term memory).
       DOI 10.1109/ICDM.2016.0040.
    """

    trace_width = 0

    def __init__(
        self, space: Space, *, seed: int = 1, neighbours: int = 7, window: int = 1000
    ) -> None:
        check_classifier(space)
        if window < 1:
            raise ValueError(f"window: must be >= 1; got {window!r}.")
        if not 1 <= neighbours <= 100:
            raise ValueError(f"neighbours: must be in [1, 100]; got {neighbours!r}.")
        self.space = space
        self.seed = seed
        self._dense = make_dense(space, memory=1000.0)
        entries = len(self._dense.vector) - 1
        length = max(min(window, CELLS_MAX // max(entries, 1)), min(window, WINDOW_MIN))
        self._kernel = make_neighbours(entries, length, neighbours)
        self._arrays: dict[str, NDArray[Any]] = {
            "statistics": self._dense.statistics,
            "window": self._kernel.window,
            "label": self._kernel.label,
            "weight": self._kernel.weight,
            "learnt": self._kernel.learnt,
        }

    def run(self, tape: Tape, rows: Rows, weight: NDArray[np.float64] | None = None) -> None:
        """Run the steps in order; each row may count its own weight where it is learnt."""
        assert_rows(self.space, tape, rows)
        weight = np.ones(len(rows)) if weight is None else weight
        run_neighbours(
            tape.action,
            tape.row,
            rows.x,
            rows.y,
            weight,
            rows.output,
            self._dense,
            self._kernel,
        )

    def snapshot(self) -> State:
        """Return the whole state."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a snapshot of a learner with equal parameters."""
        refill("nearest_neighbours", VERSION, self._arrays, state)
