"""Change of the mean or the spread of numbers, by Bayes factors, compiled."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Ge

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least
from operators.kernels import normal_change as kernel


class NormalChange(CompiledDetector):
    """The split of all numbers that speaks most for another mean or another spread [1]_ [2]_.

    Prefer it for losses of a regressor, and for any number that is roughly normal: it needs no
    unit, no range and no window, and it sees a spread that grows or shrinks while the mean stays.
    One value that lies far out among normal ones counts for much; where such values are usual, and
    for errors of 0 and 1, it is not made.

    Values are numbers of any size. Not in river, nor in MOA.

    Parameters
    ----------
    run_length
        Mean number of values between two false alarms on normal numbers that do not change, or
        more. Larger: fewer false alarms, longer delay, which grows with its logarithm only.
    grace_period
        Values that have to be there before a change.
    recent
        Least number of values after a change. Larger: a few values that lie far out are no change.

    Notes
    -----
    O(log n) memory, O(1) time a value in the mean: some tens of edges of an exponential histogram
    are tried, those that move slowly seldom. A change is signalled when its Bayes factor exceeds
    run_length: were the values before known without error, the sum of the factors of all splits,
    which is more, would have just that mean time to a false alarm. After a change the values since
    it are kept. `Alarm.before` and `Alarm.after` are the means on both sides of the split.

    Examples
    --------
    >>> detector = NormalChange()
    >>> wide, narrow = [-3.0, 3.0] * 100, [-1.0, 1.0] * 20
    >>> [alarm.index for alarm in detector.update_many(wide + narrow)]
    [231]

    References
    ----------
    .. [1] Adams and MacKay, 2007, Bayesian online changepoint detection, arXiv 0710.3742.
    .. [2] Shin, Ramdas and Rinaldo, 2024, E-detectors: a nonparametric framework for sequential
       change detection, NEJSDS 2(2). DOI 10.51387/23-NEJSDS51.
    """

    def __init__(
        self,
        run_length: Annotated[float, Ge(100)] = 100_000.0,
        grace_period: Annotated[int, Ge(3)] = 30,
        recent: Annotated[int, Ge(1)] = 5,
    ) -> None:
        check_at_least("run_length", run_length, 100)
        check_at_least("grace_period", grace_period, 3)
        check_at_least("recent", recent, 1)
        self.run_length = run_length
        self.grace_period = grace_period
        self.recent = recent
        super().__init__(
            kernel.update_many,
            {
                "state": np.zeros(1, dtype=kernel.STATE),
                "buckets": np.zeros(kernel.BUCKETS_MAX, dtype=kernel.BUCKET),
                "right": np.zeros(1, dtype=kernel.BUCKET),
            },
            (math.log(run_length), grace_period, recent),
        )

    @property
    def values_since_change(self) -> int:
        """Values since the change that was found last, right after it has been found."""
        return int(self._header["n"][0])
