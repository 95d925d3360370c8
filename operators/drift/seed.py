"""SEED: a window of blocks, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from operators.checks import check_not_negative
from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_probability
from operators.kernels import seed as kernel


class SEED(CompiledDetector):
    """Window of blocks that is cut where its parts differ [1]_.

    Like ADWIN it needs no window size and signals any change of a mean, rises and falls alike
    (`Alarm.rise` tells which). Its cuts lie at the edges of blocks which merge by likeness, not by
    age, so old changes stay visible in it; ADWIN's memory is smaller and its bound stricter.

    Values are errors or losses; as in ADWIN, the bound is meant for a range of about 1. River has
    no SEED. Blocks that are not alike never merge of themselves, so their number is bounded: when
    it is reached, the two neighbours whose means are closest are merged.

    Parameters
    ----------
    delta
        Significance of a cut. Smaller: fewer false alarms, longer delay.
    block_length
        Values in a new block; a test is made when one is full. Larger: faster, longer delay.
    likeness
        Neighbours are merged whose means differ by less than this. Larger: fewer edges, faster,
        less exact cuts.
    growth
        By how much of itself `likeness` grows with each edge further into the past.
    compress_every
        Neighbours are compared every this many blocks. Larger: more edges, slower.
    blocks_max
        How many blocks are kept. Larger: more exact cuts, slower, 24 bytes each.

    Notes
    -----
    O(blocks_max / block_length) time a value, O(blocks_max) memory. A drift is signalled when the
    means on both sides of an edge differ by more than sqrt(2 m s2 d) + (2/3) m d, with
    m = 1 / n0 + 1 / n1, s2 the window's variance and d = ln(2 ln n / delta). The cut is made at
    the edge whose difference is the greatest multiple of its bound, and what lies before it is
    forgotten; `Alarm.before` and `Alarm.after` are the means there.

    Examples
    --------
    >>> detector = SEED()
    >>> detector.update_many([0.0] * 1000 + [1.0] * 100)
    [Alarm(index=1023, kind='drift', before=0.0, after=0.75)]

    References
    ----------
    .. [1] Huang, Koh, Dobbie and Pears, 2014, Detecting volatility shift in data streams, ICDM.
       DOI 10.1109/ICDM.2014.50.
    """

    def __init__(
        self,
        delta: Annotated[float, Gt(0), Lt(1)] = 0.05,
        block_length: Annotated[int, Ge(1)] = 32,
        likeness: Annotated[float, Ge(0)] = 0.01,
        growth: Annotated[float, Ge(0)] = 0.8,
        compress_every: Annotated[int, Ge(1)] = 75,
        blocks_max: Annotated[int, Ge(3)] = 128,
    ) -> None:
        check_probability("delta", delta)
        check_at_least("block_length", block_length, 1)
        check_not_negative("likeness", likeness)
        check_not_negative("growth", growth)
        check_at_least("compress_every", compress_every, 1)
        check_at_least("blocks_max", blocks_max, 3)
        self.delta = delta
        self.block_length = block_length
        self.likeness = likeness
        self.growth = growth
        self.compress_every = compress_every
        self.blocks_max = blocks_max
        super().__init__(
            kernel.update_many,
            {
                "state": np.zeros(1, dtype=kernel.STATE),
                "blocks": np.zeros(blocks_max, dtype=kernel.BLOCK),
            },
            (float(delta), block_length, float(likeness), float(growth), compress_every),
        )
