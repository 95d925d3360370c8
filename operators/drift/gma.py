"""GMA chart, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from operators.checks import check_positive
from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import Direction, check_at_least, check_probability, signs_of
from operators.kernels import gma as kernel


class GMA(CompiledDetector):
    """Geometric moving average chart: recent deviations from the mean, averaged [1]_.

    Prefer it for a quick, simple watch on a loss of known spread: one number to compare, and the
    threshold is the change that matters.

    Values are errors or losses, of any size. River has no GMA. MOA's default threshold is 1, which
    an average of deviations of errors 0 and 1 can never exceed; 0.15 is four to five standard
    deviations of that average.

    Parameters
    ----------
    threshold
        Averaged deviation that is a drift, in the unit of the values. Larger: fewer false alarms,
        longer delay.
    fading_factor
        What the average keeps from value to value, in (0, 1): it spans about
        1 / (1 - fading_factor) values. Larger: sees smaller changes, longer delay.
    grace_period
        No test is made before there are this many values.
    direction
        `up` signals rises, `down` falls, `both` either.

    Notes
    -----
    O(1) time and memory a value. S <- fading_factor S + (1 - fading_factor) (x - mean), mean being
    that of all values since the last drift. Under no change S has about the standard deviation of
    the values times sqrt((1 - fading_factor) / (1 + fading_factor)). `Alarm.before` is the mean,
    `Alarm.after` the mean plus S.

    Examples
    --------
    >>> detector = GMA()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [alarm.index for alarm in detector.update_many(errors)]
    [1021]

    References
    ----------
    .. [1] Roberts, 1959, Control chart tests based on geometric moving averages, Technometrics
       1(3). DOI 10.1080/00401706.1959.10489860.
    """

    def __init__(
        self,
        threshold: Annotated[float, Gt(0)] = 0.15,
        fading_factor: Annotated[float, Gt(0), Lt(1)] = 0.99,
        grace_period: Annotated[int, Ge(1)] = 30,
        direction: Direction = "up",
    ) -> None:
        check_positive("threshold", threshold)
        check_probability("fading_factor", fading_factor)
        check_at_least("grace_period", grace_period, 1)
        signs = signs_of(direction)
        self.threshold = threshold
        self.fading_factor = fading_factor
        self.grace_period = grace_period
        self.direction = direction
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE), "signs": signs},
            (float(threshold), float(fading_factor), grace_period),
        )
