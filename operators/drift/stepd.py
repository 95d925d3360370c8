"""STEPD: the statistical test of equal proportions, compiled."""

from __future__ import annotations

from statistics import NormalDist
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import (
    Direction,
    check_at_least,
    check_at_most,
    check_probability,
    signs_of,
)
from operators.kernels import stepd as kernel


class STEPD(CompiledDetector):
    """Test of equal proportions: the last errors against all those before [1]_.

    Prefer it for large, abrupt changes that have to be seen within a few dozen values. It tests at
    every value, so its false alarms are more than `delta_drift` suggests.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1], for which the test is conservative.
    River has no STEPD. The test is two-sided; `Alarm.rise` tells which side, and
    `direction` can leave one out. Signals where MOA's does, except that MOA's divides 0 by 0, and
    signals again and again, where there are no errors at all.

    Parameters
    ----------
    window
        How many values are recent. Larger: sees smaller changes, longer delay.
    delta_drift
        Significance of a drift. Smaller: fewer false alarms, longer delay.
    delta_warning
        Significance of a warning.
    direction
        `up` signals rises of the error, `down` falls, `both` either.

    Notes
    -----
    O(1) time a value, 8 bytes for each recent value. The statistic is the difference of the two
    proportions, less the continuity correction, over its standard deviation under equal
    proportions; it is compared with a quantile of the normal distribution. `Alarm.before` is the
    mean of the old values since the last drift, `Alarm.after` that of the recent ones.

    Examples
    --------
    >>> detector = STEPD()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [(alarm.index, alarm.kind) for alarm in detector.update_many(errors)]
    [(1006, 'warning'), (1010, 'drift')]

    References
    ----------
    .. [1] Nishida and Yamauchi, 2007, Detecting concept drift using statistical testing,
       Discovery Science. DOI 10.1007/978-3-540-75488-6_27.
    """

    def __init__(
        self,
        window: Annotated[int, Ge(1)] = 30,
        delta_drift: Annotated[float, Gt(0), Lt(1)] = 0.003,
        delta_warning: Annotated[float, Gt(0), Lt(1)] = 0.05,
        direction: Direction = "both",
    ) -> None:
        check_at_least("window", window, 1)
        check_probability("delta_drift", delta_drift)
        check_probability("delta_warning", delta_warning)
        check_at_most("delta_drift", delta_drift, delta_warning, "delta_warning")
        signs = signs_of(direction)
        self.window = window
        self.delta_drift = delta_drift
        self.delta_warning = delta_warning
        self.direction = direction
        # The chance of an error is shared by the sides.
        z_warning, z_drift = (
            NormalDist().inv_cdf(1.0 - delta / len(signs)) for delta in (delta_warning, delta_drift)
        )
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE), "ring": np.zeros(window), "signs": signs},
            (z_warning, z_drift),
            low=0.0,
            high=1.0,
        )
