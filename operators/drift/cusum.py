"""CUSUM chart, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from operators.checks import check_not_negative, check_positive
from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import Direction, check_at_least, signs_of
from operators.kernels import cusum as kernel


class CUSUM(CompiledDetector):
    """Cumulative sum chart: deviations from the mean that add up, from 0 each time [1]_.

    The oldest chart for a lasting shift of a mean. Prefer it to PageHinkley where nothing is to be
    forgotten: that one fades its sum, this one only lets it start again at 0.

    Values are errors or losses, of any size. River has no CUSUM. Signals at exactly the values
    where MOA's does, which watches rises only.

    Parameters
    ----------
    threshold
        How far the sum has to rise, in the unit of the values. Larger: fewer false alarms, longer
        delay.
    tolerance
        Change of the mean that is let pass. Larger: slow and small changes are not signalled.
    grace_period
        No test is made before there are this many values.
    direction
        `up` signals rises, `down` falls, `both` either.

    Notes
    -----
    O(1) time and memory a value. S <- max(0, S + x - mean - tolerance), mean being that of all
    values since the last drift; a drift is signalled when S exceeds the threshold. `Alarm.before`
    is the mean of the values up to where S was last 0, `Alarm.after` the mean of those since; where
    S has wandered above 0 for long before the change, these begin with values from before it.

    Examples
    --------
    >>> detector = CUSUM(threshold=5.0)
    >>> [alarm.index for alarm in detector.update_many([0.0] * 100 + [1.0] * 20)]
    [105]

    References
    ----------
    .. [1] Page, 1954, Continuous inspection schemes, Biometrika 41(1/2).
       DOI 10.1093/biomet/41.1-2.100.
    """

    def __init__(
        self,
        threshold: Annotated[float, Gt(0)] = 50.0,
        tolerance: Annotated[float, Ge(0)] = 0.005,
        grace_period: Annotated[int, Ge(1)] = 30,
        direction: Direction = "up",
    ) -> None:
        check_positive("threshold", threshold)
        check_not_negative("tolerance", tolerance)
        check_at_least("grace_period", grace_period, 1)
        signs = signs_of(direction)
        self.threshold = threshold
        self.tolerance = tolerance
        self.grace_period = grace_period
        self.direction = direction
        sides = np.zeros(len(signs), dtype=kernel.SIDE)
        sides["sign"] = signs
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE), "sides": sides},
            (float(threshold), float(tolerance), grace_period),
        )
