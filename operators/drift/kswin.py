"""KSWIN: Kolmogorov and Smirnov's test on a sliding window, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_at_most, check_probability
from operators.kernels import kswin as kernel
from operators.kernels.random import state_of

_STATISTIC_MIN = 0.1
"""A smaller distance is no drift however sure it is: with thousands of recent values any is."""


class KSWIN(CompiledDetector):
    """Kolmogorov-Smirnov test of the last values against a sample of older ones [1]_.

    Prefer it where the distribution may change and its mean need not: losses, features, scores.
    It tests at every value, so on steady streams it signals too: at the default about once in 600
    values that are all different. Ties make it careful: of errors that are 0 or 1, once in 4,000
    at a rate of 0.5, and hardly ever at low rates.

    Values are errors or losses, of any size, and rises and falls are signalled alike;
    `Alarm.rise` tells which. The rule is that of `river.drift.KSWIN`: exact probability at most
    `delta` and statistic above 0.1. The sample is drawn by a generator of our own, whose state is
    part of the snapshot, so signals cannot fall on the same values. After a drift the recent
    values stay; river means to keep them too, but its next update empties the window and starts
    the generator anew.

    Parameters
    ----------
    delta
        Significance of each test. Smaller: fewer false alarms, longer delay.
    window
        How many values are remembered. Larger: compares with a longer past, slower.
    recent
        How many of them are the newest, and how many older ones are drawn; at most half of
        `window`. Larger: sees smaller changes, longer delay.
    seed
        Of the sample.

    Notes
    -----
    O(window) time a value, 24 bytes for each value of the window. The values are kept sorted, so a
    test is one walk through them. `Alarm.before` is the mean of all older values, `Alarm.after`
    that of the recent ones.

    Examples
    --------
    >>> detector = KSWIN(delta=1e-6)
    >>> [alarm.index for alarm in detector.update_many([0.0] * 100 + [1.0] * 50)]
    [120]

    References
    ----------
    .. [1] Raab, Heusinger and Schleif, 2020, Reactive soft prototype computing for concept drift
       streams, Neurocomputing 416. DOI 10.1016/j.neucom.2019.11.111.
    """

    def __init__(
        self,
        delta: Annotated[float, Gt(0), Lt(1)] = 0.005,
        window: Annotated[int, Ge(2)] = 100,
        recent: Annotated[int, Ge(1)] = 30,
        seed: int = 1,
    ) -> None:
        check_probability("delta", delta)
        check_at_least("window", window, 2)
        check_at_least("recent", recent, 1)
        check_at_most("recent", recent, window // 2, "window // 2")
        critical = kernel.critical_steps(recent, delta)
        if critical > recent:
            raise ValueError(
                f"delta: must be one that {recent} recent values can reach; got {delta!r}. "
                "Take a larger delta or more recent values."
            )
        self.delta = delta
        self.window = window
        self.recent = recent
        self.seed = seed
        super().__init__(
            kernel.update_many,
            {
                "state": np.zeros(1, dtype=kernel.STATE),
                "ranked": np.zeros(window, dtype=kernel.RANKED),
                "rank": np.zeros(window, dtype=np.int64),
                "random": state_of(seed),
            },
            (recent, max(critical, int(_STATISTIC_MIN * recent) + 1)),
        )
