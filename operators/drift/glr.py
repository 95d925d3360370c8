"""GLR: drift by the likelihood ratio of the best split, compiled."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Ge

from operators.checks import check_choice
from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import Direction, check_at_least
from operators.kernels import glr as kernel

_CORNERS_MAX = 256
"""A hull of a million errors has some 15; this many need values that were made for it."""


class GLR(CompiledDetector):
    """The split of all values into two rates that explains them best, at every value [1]_ [2]_.

    Prefer it where a false alarm has a price and nothing is known of the change: one detector for
    small and large, sudden and slow changes, as quick as those that are made for one of these. It
    asks for the mean time between false alarms, and holds it at any rate of errors. It says where
    the change was, and goes on with the values since then instead of with none.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1], for which it is the more careful. Not
    in river, nor in MOA.

    Parameters
    ----------
    run_length
        Mean number of values between two false alarms while nothing changes. Larger: fewer false
        alarms, longer delay, which grows with its logarithm only.
    scale
        Values after which a change counts as old. There are more short stretches than long ones,
        so more of them look like a change by chance: a change m values old has to have
        ln(1 + scale / m) more evidence. Larger: small changes are seen sooner, large ones later.
    grace_period
        Values that have to be there before a change.
    direction
        `up` signals rises of the error, `down` falls, `both` either. What is not signalled is acted
        upon all the same: after a fall the values before it are forgotten, so that a rise to what
        was usual before is seen.

    Notes
    -----
    O(log n) memory and time a value, most of them O(1). Before `scale` comes in, the evidence is
    exact over all splits: only corners of the convex hull of the sums can be the best one, see
    `operators.kernels.glr`. The evidence asked for is 1.16 ln(run_length) - 3.6, and ln(2) more for
    both sides: fitted to the false alarms on steady errors at rates up to 0.5, of which there are
    fewer at low rates (`python -m tests.bench.run_length`). `Alarm.before` and `Alarm.after` are
    the means on the two sides of the split, `values_since_change` the length of the second.

    Examples
    --------
    >>> detector = GLR()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [(alarm.index, round(alarm.before, 2)) for alarm in detector.update_many(errors)]
    [(1008, 0.25)]

    References
    ----------
    .. [1] Lai and Xing, 2010, Sequential change-point detection when the pre- and post-change
       parameters are unknown, Sequential Analysis 29(2). DOI 10.1080/07474941003741078.
    .. [2] Romano, Eckley, Fearnhead and Rigaill, 2023, Fast online changepoint detection via
       functional pruning CUSUM statistics, JMLR 24(81).
    """

    def __init__(
        self,
        run_length: Annotated[float, Ge(100)] = 100_000.0,
        scale: Annotated[float, Ge(0)] = 200.0,
        grace_period: Annotated[int, Ge(1)] = 30,
        direction: Direction = "up",
    ) -> None:
        check_at_least("run_length", run_length, 100)
        check_at_least("scale", scale, 0)
        check_at_least("grace_period", grace_period, 1)
        check_choice("direction", direction, Direction)
        self.run_length = run_length
        self.scale = scale
        self.grace_period = grace_period
        self.direction = direction
        sides = np.zeros(2, dtype=kernel.SIDE)
        sides["sign"] = [1.0, -1.0]
        sides["speaks"] = [direction != "down", direction != "up"]
        sides["n_corners"] = 1  # before the first value
        super().__init__(
            kernel.update_many,
            {
                "state": np.zeros(1, dtype=kernel.STATE),
                "sides": sides,
                "corners": np.zeros((2, _CORNERS_MAX), dtype=kernel.CORNER),
            },
            (evidence(run_length, int(sides["speaks"].sum())), float(scale), grace_period),
            low=0.0,
            high=1.0,
        )

    @property
    def values_since_change(self) -> int:
        """Values since the change that was found last, right after it has been found."""
        return int(self._header["n"][0])


def evidence(run_length: float, n_sides: int) -> float:
    """Return the log likelihood ratio that false alarms reach once in so many values.

    Of two sides either can be wrong, so each has half as many.

    Examples
    --------
    >>> round(evidence(100_000, 1), 2), round(evidence(100_000, 2), 2)
    (9.75, 10.45)
    """
    return 1.16 * math.log(run_length) - 3.6 + math.log(n_sides)
