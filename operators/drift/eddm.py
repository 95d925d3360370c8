"""EDDM: the early drift detection method, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_at_most, check_probability
from operators.kernels import eddm as kernel


class EDDM(CompiledDetector):
    """Early drift detection method: errors that come closer together than they once did [1]_.

    Made for slow, gradual changes at low error rates, where the distance between errors says more
    than their rate. It is quick to signal, and often wrong: at its default levels some steady
    streams get a false alarm every few hundred values. Lower the levels where that hurts. Falls of
    the error are not signalled.

    Values are errors: 1 wrong, 0 right; of a loss in [0, 1], 0.5 and more counts as wrong.
    Signals drifts at exactly the values where `river.drift.binary.EDDM` does. A warning ends at a
    new peak, where river's goes on to the next error. MOA's divides the variance by the number of
    distances, not by one less.

    Parameters
    ----------
    warning_level
        Warn when (m + 2 s) / peak is below this. Larger: more warnings.
    drift_level
        The same for a drift. Larger: more false alarms, shorter delay.
    grace_period
        No test is made before there are more values, and more errors, than this.

    Notes
    -----
    O(1) time and memory a value. Symbols: m and s are mean and standard deviation of the distance
    between errors since the last drift, peak the greatest m + 2 s. `Alarm.before` is the error
    rate up to the peak, `Alarm.after` the rate since.

    Examples
    --------
    >>> detector = EDDM(warning_level=0.9, drift_level=0.8)
    >>> rng = np.random.default_rng(1)
    >>> errors = rng.random(2000) < np.repeat([0.1, 0.3], 1000)
    >>> alarms = detector.update_many(errors)
    >>> [alarm.index for alarm in alarms if alarm.kind == "drift"]
    [298, 1022, 1147, 1570]

    References
    ----------
    .. [1] Baena-Garcia et al., 2006, Early drift detection method, ECML PKDD workshop on
       knowledge discovery from data streams.
    """

    def __init__(
        self,
        warning_level: Annotated[float, Gt(0), Lt(1)] = 0.95,
        drift_level: Annotated[float, Gt(0), Lt(1)] = 0.9,
        grace_period: Annotated[int, Ge(1)] = 30,
    ) -> None:
        check_probability("warning_level", warning_level)
        check_probability("drift_level", drift_level)
        check_at_most("drift_level", drift_level, warning_level, "warning_level")
        check_at_least("grace_period", grace_period, 1)
        self.warning_level = warning_level
        self.drift_level = drift_level
        self.grace_period = grace_period
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE)},
            (float(warning_level), float(drift_level), grace_period),
            low=0.0,
            high=1.0,
        )
