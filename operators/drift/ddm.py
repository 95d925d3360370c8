"""DDM: the drift detection method, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_at_most
from operators.kernels import ddm as kernel


class DDM(CompiledDetector):
    """Drift detection method: an error rate that has left its best level [1]_.

    The classic for abrupt rises of the error, with a warning on the way. Prefer it where changes
    are sudden and not too far apart. After a long quiet time its mean is slow to move; RDDM mends
    that, and ADWIN, HDDMW or FHDDM look at recent values only. Falls of the error are not
    signalled.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1]. Signals at exactly the values where
    `river.drift.binary.DDM` does. MOA's begins to note its minimum one value earlier, at the
    grace period instead of after it.

    Parameters
    ----------
    warning_level
        Warn when p + s is more than this many s_min above p_min. Larger: fewer warnings.
    drift_level
        The same for a drift. Larger: fewer false alarms, longer delay.
    grace_period
        No test is made before there are more values than this.

    Notes
    -----
    O(1) time and memory a value. Symbols: p mean of n values since the last drift,
    s = sqrt(p (1 - p) / n), p_min and s_min those where p + s was least. `Alarm.before` is p_min,
    `Alarm.after` the mean of the values since that minimum.

    Examples
    --------
    >>> detector = DDM()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [(alarm.index, alarm.kind) for alarm in detector.update_many(errors)]
    [(1017, 'warning'), (1036, 'drift')]

    References
    ----------
    .. [1] Gama, Medas, Castillo and Rodrigues, 2004, Learning with drift detection, SBIA.
       DOI 10.1007/978-3-540-28645-5_29.
    """

    def __init__(
        self,
        warning_level: Annotated[float, Ge(1)] = 2.0,
        drift_level: Annotated[float, Ge(1)] = 3.0,
        grace_period: Annotated[int, Ge(1)] = 30,
    ) -> None:
        check_at_least("warning_level", warning_level, 1)
        check_at_least("drift_level", drift_level, 1)
        check_at_most("warning_level", warning_level, drift_level, "drift_level")
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
