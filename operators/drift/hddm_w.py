"""HDDM-W: drift by McDiarmid's bound on weighted averages, compiled."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import Direction, check_at_most, check_probability, signs_of
from operators.kernels import hddm_w as kernel


class HDDMW(CompiledDetector):
    """A weighted mean that has risen above its best, by McDiarmid's inequality [1]_.

    Prefer it for gradual changes: recent values weigh most, so it follows a slow rise that a
    plain mean, as in HDDMA, drowns. It assumes nothing of the values but their range.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1]. Signals at exactly the values where
    `river.drift.binary.HDDMW` does.

    Parameters
    ----------
    delta_drift
        Significance of a drift. Smaller: fewer false alarms, longer delay.
    delta_warning
        Significance of a warning.
    weight
        What the newest value counts in the mean. Larger: quicker for large changes, blind to
        small ones.
    direction
        `up` signals rises of the error, `down` falls, `both` either.

    Notes
    -----
    O(1) time and memory a value. The cut is where the weighted mean plus its bound was least; the
    values since then have a weighted mean of their own, and a drift is signalled when it exceeds
    that of the cut by sqrt(ln(1 / delta) (S_1 + S_2) / 2), S being the sums of squared weights of
    the two. `Alarm.before` and `Alarm.after` are these two means.

    Examples
    --------
    >>> detector = HDDMW()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [(alarm.index, alarm.kind) for alarm in detector.update_many(errors)]
    [(1011, 'warning'), (1014, 'drift')]

    References
    ----------
    .. [1] Frias-Blanco et al., 2015, Online and non-parametric drift detection methods based on
       Hoeffding's bounds, IEEE TKDE 27(3). DOI 10.1109/TKDE.2014.2345382.
    """

    def __init__(
        self,
        delta_drift: Annotated[float, Gt(0), Lt(1)] = 0.001,
        delta_warning: Annotated[float, Gt(0), Lt(1)] = 0.005,
        weight: Annotated[float, Gt(0), Lt(1)] = 0.05,
        direction: Direction = "up",
    ) -> None:
        check_probability("delta_drift", delta_drift)
        check_probability("delta_warning", delta_warning)
        check_at_most("delta_drift", delta_drift, delta_warning, "delta_warning")
        check_probability("weight", weight)
        signs = signs_of(direction)
        self.delta_drift = delta_drift
        self.delta_warning = delta_warning
        self.weight = weight
        self.direction = direction
        sides = np.zeros(len(signs), dtype=kernel.SIDE)
        sides["sign"] = signs
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE), "sides": sides},
            (float(weight), math.log(1.0 / delta_drift), math.log(1.0 / delta_warning)),
            low=0.0,
            high=1.0,
        )
