"""ECDD: a control chart of the error, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_probability
from operators.kernels import ecdd as kernel


class ECDD(CompiledDetector):
    """Exponentially weighted moving average chart for concept drift detection [1]_.

    Prefer it where a steady rate of false alarms is wanted: about one in 400 values, which suits
    models that are cheap to replace and is much for a chart that people watch. Measured, it is one
    in 210 to 430 at error rates from 0.02 to 0.4. Above that the control limit, a polynomial
    fitted to lower rates, goes out of reach: at 0.5 nothing is signalled any more. Falls of the
    error are not signalled.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1], for which it is conservative. River
    has no ECDD. Signals at exactly the values where MOA's does, whose control limit has a remark
    that it stands for one false alarm in 100 values; it is the paper's for 400.

    Parameters
    ----------
    weight
        What the newest value counts in z. The control limit was computed for 0.2; larger: quicker,
        more false alarms.
    warning_share
        Warn at this share of the control limit. Larger: fewer warnings.
    grace_period
        No test is made before there are more values than this.

    Notes
    -----
    O(1) time and memory a value. Symbols: z <- z + w (x - z), p the mean of all n values since the
    last drift; a drift is signalled when z exceeds p by
    L(p) sqrt(p (1 - p) w (1 - (1 - w)^(2 n)) / (2 - w)), with
    L(p) = 3.97 - 6.56 p + 48.73 p^3 - 330.13 p^5 + 848.18 p^7. `Alarm.before` is p, `Alarm.after`
    is z.

    Examples
    --------
    >>> detector = ECDD()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [(alarm.index, alarm.kind) for alarm in detector.update_many(errors)]
    [(1000, 'warning'), (1002, 'drift')]

    References
    ----------
    .. [1] Ross, Adams, Tasoulis and Hand, 2012, Exponentially weighted moving average charts for
       detecting concept drift, Pattern Recognition Letters 33(2).
       DOI 10.1016/j.patrec.2011.08.019.
    """

    def __init__(
        self,
        weight: Annotated[float, Gt(0), Lt(1)] = 0.2,
        warning_share: Annotated[float, Gt(0), Lt(1)] = 0.5,
        grace_period: Annotated[int, Ge(1)] = 30,
    ) -> None:
        check_probability("weight", weight)
        check_probability("warning_share", warning_share)
        check_at_least("grace_period", grace_period, 1)
        self.weight = weight
        self.warning_share = warning_share
        self.grace_period = grace_period
        state = np.zeros(1, dtype=kernel.STATE)
        state["fade"] = 1.0
        super().__init__(
            kernel.update_many,
            {"state": state},
            (float(weight), float(warning_share), grace_period),
            low=0.0,
            high=1.0,
        )
