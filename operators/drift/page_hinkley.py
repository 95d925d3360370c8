"""Page-Hinkley test, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from operators.checks import check_forgetting, check_not_negative, check_positive
from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import Direction, check_at_least, signs_of
from operators.kernels import page_hinkley as kernel


class PageHinkley(CompiledDetector):
    """Page-Hinkley test: deviations from the mean that add up [1]_.

    Prefer it for any loss whose unit and spread are known, squared errors of a regressor for
    instance: it takes any number, and `threshold` is in their unit. ADWIN needs no such knowledge.

    Values are errors or losses, of any size. Signals at exactly the values where
    `river.drift.PageHinkley` does (whose parameters are `min_instances`, `delta`, `threshold`,
    `alpha`, `mode`). MOA's signals when the sum itself exceeds the threshold, not its distance
    from its least, so after a long quiet time it may never signal.

    Parameters
    ----------
    threshold
        How far the sum has to rise, in the unit of the values. Larger: fewer false alarms, longer
        delay.
    tolerance
        Change of the mean that is let pass. Larger: slow and small changes are not signalled.
    fading_factor
        What the sum keeps from value to value, in (0, 1]. Smaller: old deviations count less.
    grace_period
        No test is made before there are this many values.
    direction
        `up` signals rises, `down` falls, `both` either; `Alarm.rise` tells which.

    Notes
    -----
    O(1) time and memory a value. U <- fading_factor U + (x - mean - tolerance); a drift is
    signalled when U - min U exceeds the threshold. `Alarm.before` is the mean of the values up to
    that minimum, `Alarm.after` the mean of those since; where the sum has wandered for long before
    the change, these begin with values from before it.

    Examples
    --------
    >>> detector = PageHinkley(threshold=5.0)
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
        fading_factor: Annotated[float, Gt(0), Le(1)] = 0.9999,
        grace_period: Annotated[int, Ge(1)] = 30,
        direction: Direction = "both",
    ) -> None:
        check_positive("threshold", threshold)
        check_not_negative("tolerance", tolerance)
        check_forgetting("fading_factor", fading_factor)
        check_at_least("grace_period", grace_period, 1)
        signs = signs_of(direction)
        self.threshold = threshold
        self.tolerance = tolerance
        self.fading_factor = fading_factor
        self.grace_period = grace_period
        self.direction = direction
        sides = np.zeros(len(signs), dtype=kernel.SIDE)
        sides["sign"] = signs
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE), "sides": sides},
            (float(threshold), float(tolerance), float(fading_factor), grace_period),
        )
