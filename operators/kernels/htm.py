"""HTM and SPRT: how surprising a series has become, and since when [1]_.

A value becomes bits, then columns; the temporal memory tells which of these it expected. Its
surprise, the share of columns that it did not expect, is held against what is usual; a value that
is more surprising than a share `theta` is a one, and Wald's test tells when ones have become more
frequent.

References
----------
.. [1] HTM and SPRT for drift detection, arXiv 2504.18599.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels import wald
from operators.kernels.alarms import DRIFT, Floats, State, layout, speak
from operators.kernels.anomaly_likelihood import Scores, likelihood
from operators.kernels.compiled import njit
from operators.kernels.scalar_encoder import (
    Ints,
    Scale,
    begin_scale,
    bucket_of,
    encode_bucket,
    learn_scale,
)
from operators.kernels.spatial_pooler import Permanences, fittest, learn_winners, overlaps
from operators.kernels.temporal_memory import Memory, step

STATE = layout(
    *wald.TEST,
    ("value_sum", np.float64),  # of the blocks that `n` and `n_test` count
    ("value_sum_test", np.float64),
    ("block_n", np.int64),  # values of the block that is being filled
    ("block_sum", np.float64),
    ("blocks", np.int64),  # that the column has learnt
    ("surprise", np.float64),  # of the last one
    ("anomaly", np.float64),
)
_TINY = 1e-10  # a likelihood of 1 less this is an anomaly of 1


class Column(NamedTuple):
    """An HTM column: encoder, pooler, memory and usual surprise; everything is mutated.

    Parameters
    ----------
    scale
        (1,) SCALE of the encoder.
    pool
        (columns, size) int16, permanences of the spatial pooler.
    memory
        The temporal memory.
    scores
        (1,) SCORES of the anomaly likelihood.
    bits
        (width,) int64 working space.
    seen
        (size,) bool working space.
    overlap
        (columns,) int64 working space.
    winners
        (active columns,) int64 working space.
    fits
        (width + 1,) int64 working space.
    """

    scale: Scale
    pool: Permanences
    memory: Memory
    scores: Scores
    bits: Ints
    seen: NDArray[np.bool_]
    overlap: Ints
    winners: Ints
    fits: Ints


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def surprise_of(column: Column, x: float) -> float:
    """Let an HTM column learn a value; return the share of its columns that were not expected."""
    bits, winners = column.bits, column.winners
    n = encode_bucket(bucket_of(column.scale, x), len(bits), len(column.seen), bits, column.seen)
    overlaps(column.pool, bits, n, column.overlap)
    fittest(column.overlap, winners, column.fits)
    learn_winners(column.pool, bits, n, winners)
    return 1.0 - step(column.memory, winners) / len(winners)  # type: ignore[no-any-return]


class Watch(NamedTuple):
    """How the surprises of a column are watched.

    Parameters
    ----------
    block
        Values that are averaged before they are looked at.
    grace
        Blocks that the resolution is taken from, and that the test needs to know what is usual.
    warm_up
        Blocks that the column learns before it is asked.
    period
        Blocks over which the usual surprise is averaged.
    theta
        Likelihood of a surprise from which on it is a one.
    rise, low, high
        Of the sequential test.
    """

    block: int
    grace: int
    warm_up: int
    period: float
    theta: float
    rise: float
    low: float
    high: float


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _judge(state: State, x: float, one: float, watch: Watch) -> int:
    """Give the test a block's bit; keep the sums of the values beside it."""
    s = state[0]
    s["value_sum_test"] += x
    # Where surprises are rare they come in bursts: no rate below that of chance is usual.
    decision = wald.weigh(
        state, one, 1.0 - watch.theta, 1.0, watch.rise, watch.low, watch.high, watch.grace
    )
    if decision == wald.NO_RISE:
        s["value_sum"] += s["value_sum_test"]
        s["value_sum_test"] = 0.0
    return decision  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _drifts(state: State, column: Column, x: float, watch: Watch) -> bool:
    """Take in a block's mean; return whether there is a drift."""
    s = state[0]
    if not learn_scale(column.scale, x, watch.grace):
        return False
    surprise = surprise_of(column, x)
    chance = likelihood(column.scores, surprise, watch.period)
    s["blocks"] += 1
    s["surprise"] = surprise
    if s["blocks"] <= watch.warm_up:
        return False
    s["anomaly"] = math.log(1.0 + _TINY - chance) / math.log(_TINY)
    one = 1.0 if chance > watch.theta else 0.0
    return _judge(state, x, one, watch) == wald.RISE  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def update_many(
    values: Floats, log: State, anomalies: Floats, state: State, column: Column, watch: Watch
) -> int:
    """Feed values; write each one's anomaly, that of the last whole block; return the alarms."""
    n_alarms = 0
    s = state[0]
    for i in range(len(values)):
        if s["zone"] == DRIFT:
            wald.restart(state)
            s["value_sum"] = 0.0
            s["value_sum_test"] = 0.0
            begin_scale(column.scale)
        s["block_n"] += 1
        s["block_sum"] += values[i]
        if s["block_n"] == watch.block:
            x = s["block_sum"] / watch.block
            s["block_n"] = 0
            s["block_sum"] = 0.0
            if _drifts(state, column, x, watch):
                before = s["value_sum"] / s["n"] if s["n"] > 0 else x
                after = s["value_sum_test"] / s["n_test"]
                n_alarms = speak(state, DRIFT, log, n_alarms, i, before, after)
                s["zone"] = DRIFT
        anomalies[i] = s["anomaly"]
    return n_alarms
