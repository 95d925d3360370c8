"""Wald's sequential test as a drift detector, compiled."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_probability
from operators.kernels import wald as kernel


class SPRT(CompiledDetector):
    """Wald's sequential probability ratio test, begun anew at both bounds [1]_.

    Prefer it when it is known what rise of the error matters, and how sure an alarm has to be: no
    test that is as sure needs fewer values on average. It weighs the usual error rate against the
    one after a rise, and the current test's beginning tells since when the error has been higher.

    Values are errors, or losses in [0, 1]: a loss counts as so much of an error, with which the
    test errs no more often. River and MOA have no SPRT.

    Parameters
    ----------
    normal_rate
        Error rate that is normal, below 1. 0: the mean of the values since the last drift, up to
        where the current test began.
    rise
        Share of right answers that has to turn wrong, in (0, 1). Larger: fewer false alarms, and
        smaller changes are not signalled.
    alpha
        Chance that a test signals although the rate is normal. Smaller: fewer false alarms, longer
        delay.
    beta
        Chance that a test misses a rise. The next test begins at once, so a miss costs only time.
    grace_period
        No test is made before there are this many values.

    Notes
    -----
    O(1) time and memory a value. With rates p0 (normal) and p1 = p0 + rise (1 - p0), the log
    likelihood ratio grows by ln(p1 / p0) an error and falls by ln((1 - p0) / (1 - p1)) a right
    answer; a drift is signalled at ln((1 - beta) / alpha), and the test begins anew there and at
    ln(beta / (1 - alpha)). Chances are those of one test. `Alarm.before` is the mean before the
    current test, `Alarm.after` that since its beginning.

    Examples
    --------
    >>> detector = SPRT()
    >>> errors = [0.0, 0.0, 0.0, 0.0, 1.0] * 400 + [1.0, 0.0] * 100
    >>> [alarm.index for alarm in detector.update_many(errors)]
    [2048]

    References
    ----------
    .. [1] Wald, 1945, Sequential tests of statistical hypotheses, Annals of Mathematical Statistics
       16(2), sections 3 and 5. DOI 10.1214/aoms/1177731118.
    """

    def __init__(
        self,
        normal_rate: Annotated[float, Ge(0), Lt(1)] = 0.0,
        rise: Annotated[float, Gt(0), Lt(1)] = 0.2,
        alpha: Annotated[float, Gt(0), Lt(1)] = 1e-4,
        beta: Annotated[float, Gt(0), Lt(1)] = 0.05,
        grace_period: Annotated[int, Ge(0)] = 100,
    ) -> None:
        if normal_rate != 0.0:
            check_probability("normal_rate", normal_rate)
        check_probability("rise", rise)
        check_probability("alpha", alpha)
        check_probability("beta", beta)
        check_at_least("grace_period", grace_period, 0)
        self.normal_rate = normal_rate
        self.rise = rise
        self.alpha = alpha
        self.beta = beta
        self.grace_period = grace_period
        low, high = bounds_of(alpha, beta)
        least, most = (normal_rate, normal_rate) if normal_rate else (0.0, 1.0)
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE)},
            (float(least), float(most), float(rise), low, high, grace_period),
            low=0.0,
            high=1.0,
        )


def bounds_of(alpha: float, beta: float) -> tuple[float, float]:
    """Return the log likelihood ratios at which a test ends.

    Examples
    --------
    >>> low, high = bounds_of(alpha=0.05, beta=0.005)
    >>> round(low, 3), round(high, 3)
    (-5.247, 2.991)
    """
    if alpha + beta >= 1.0:
        raise ValueError(f"beta: must be < 1 - alpha = {1.0 - alpha:g}; got {beta!r}.")
    return math.log(beta / (1.0 - alpha)), math.log((1.0 - beta) / alpha)
