"""SeqDrift2: a sample of the past against the latest block, compiled."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_probability
from operators.kernels import seq_drift2 as kernel
from operators.kernels.random import state_of


class SeqDrift2(CompiledDetector):
    """A sample of the past against the latest block, by Bernstein's inequality [1]_.

    Prefer it where false alarms are dear: it tests once a block, and its bound takes the variance
    into account without assuming a distribution. Its delay is at least the rest of a block. Rises
    and falls are signalled alike; `Alarm.rise` tells which.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1]. River has no SeqDrift2. The allowed
    difference is split between the two samples so that each may stray with half of `delta`: exact,
    where a split by their sizes would give the longer one too little room.

    Parameters
    ----------
    delta
        Significance of each test. Smaller: fewer false alarms, longer delay.
    block
        Values in a block; a test is made when one is full. Larger: sees smaller changes, longer
        delay.
    reservoir
        Size of the sample of the past, at least `block`. Larger: sees smaller changes.
    seed
        Of the sample.

    Notes
    -----
    O(1) time a value, 8 bytes for each value of reservoir and block. A drift is signalled when the
    means differ by more than e(n_left) + e(n_right), with
    e(n) = (q + sqrt(q^2 + 18 s2 n q)) / (3 n), q = ln(4 / delta), s2 the pooled variance.
    `Alarm.before` is the mean of the reservoir, `Alarm.after` that of the block.

    Examples
    --------
    >>> detector = SeqDrift2()
    >>> detector.update_many([0.0] * 1000 + [1.0] * 200)
    [Alarm(index=1199, kind='drift', before=0.0, after=1.0)]

    References
    ----------
    .. [1] Pears, Sakthithasan and Koh, 2014, Detecting concept change in dynamic data streams,
       Machine Learning 97(3). DOI 10.1007/s10994-013-5433-9.
    """

    def __init__(
        self,
        delta: Annotated[float, Gt(0), Lt(1)] = 0.01,
        block: Annotated[int, Ge(2)] = 200,
        reservoir: Annotated[int, Ge(2)] = 2_000,
        seed: int = 1,
    ) -> None:
        check_probability("delta", delta)
        check_at_least("block", block, 2)
        check_at_least("reservoir", reservoir, block)
        self.delta = delta
        self.block = block
        self.reservoir = reservoir
        self.seed = seed
        super().__init__(
            kernel.update_many,
            {
                "state": np.zeros(1, dtype=kernel.STATE),
                "left": np.zeros(reservoir),
                "right": np.zeros(block),
                "random": state_of(seed),
            },
            (math.log(4.0 / delta),),
            low=0.0,
            high=1.0,
        )
