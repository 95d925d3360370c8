"""HDDM-A: drift by Hoeffding's bound on averages, compiled."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import (
    Direction,
    check_at_most,
    check_probability,
    signs_of,
)
from operators.kernels import hddm_a as kernel


class HDDMA(CompiledDetector):
    """A mean that has risen above its best part, by Hoeffding's inequality [1]_.

    Prefer it for abrupt changes: it assumes nothing of the values but their range, its false
    alarm rate is bounded, and it has no window to choose. HDDMW is quicker for gradual changes.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1]. Signals at exactly the values where
    `river.drift.binary.HDDMA` does; like it and MOA's, it takes ln(2 / delta) for the test but
    ln(1 / delta) for the cut. After the error has fallen, a rise to less than it once was is seen
    late, for the mean holds the worse past too. With `both`, a fall is a drift after which the mean
    starts anew, so the rise is seen soon; MOA's starts anew too, but says nothing of the fall.

    Parameters
    ----------
    delta_drift
        Significance of a drift. Smaller: fewer false alarms, longer delay.
    delta_warning
        Significance of a warning.
    direction
        `up` signals rises of the error, `down` falls, `both` either.

    Notes
    -----
    O(1) time and memory a value. The cut is the first part of the series since the last drift
    whose mean plus bound is least; a drift is signalled when the mean of all exceeds that of the
    cut by sqrt((n - n_c) / (2 n n_c) ln(2 / delta)), n and n_c being their lengths.
    `Alarm.before` is the mean of the cut, `Alarm.after` the mean of what came after it.

    Examples
    --------
    >>> detector = HDDMA()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [(alarm.index, alarm.kind) for alarm in detector.update_many(errors)]
    [(1004, 'warning'), (1005, 'drift')]

    References
    ----------
    .. [1] Frias-Blanco et al., 2015, Online and non-parametric drift detection methods based on
       Hoeffding's bounds, IEEE TKDE 27(3). DOI 10.1109/TKDE.2014.2345382.
    """

    def __init__(
        self,
        delta_drift: Annotated[float, Gt(0), Lt(1)] = 0.001,
        delta_warning: Annotated[float, Gt(0), Lt(1)] = 0.005,
        direction: Direction = "up",
    ) -> None:
        check_probability("delta_drift", delta_drift)
        check_probability("delta_warning", delta_warning)
        check_at_most("delta_drift", delta_drift, delta_warning, "delta_warning")
        signs = signs_of(direction)
        self.delta_drift = delta_drift
        self.delta_warning = delta_warning
        self.direction = direction
        cuts = np.zeros(len(signs), dtype=kernel.CUT)
        cuts["sign"] = signs
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE), "cuts": cuts},
            (
                math.log(1.0 / delta_drift),
                math.log(2.0 / delta_drift),
                math.log(2.0 / delta_warning),
            ),
            low=0.0,
            high=1.0,
        )
