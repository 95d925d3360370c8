"""HTM and SPRT: surprise of a sequence memory, weighed by a sequential test; compiled."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import ArrayLike, NDArray

from operators.checks import check_positive
from operators.drift.base import Alarm
from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_probability
from operators.drift.sprt import bounds_of
from operators.kernels import anomaly_likelihood, scalar_encoder, spatial_pooler, temporal_memory
from operators.kernels import htm as kernel

# Segments learn from and are matched against ACTIVE cells: see `temporal_memory`.
COLUMNS, ACTIVE = 256, 10
BITS, BITS_SET = 256, 11
SEGMENTS, SYNAPSES = 1024, 16


class HTMSPRT(CompiledDetector):
    """Hierarchical temporal memory and a sequential test: sequences that come unexpected [1]_.

    Prefer it for series with a pattern in time: it learns which values follow which, so that a
    daily wave is no drift, and the same values in another order are one. It learns on, so it falls
    silent once the new pattern is known, and what changes slowly is never a drift to it. Where
    values come in no order, others see a change of the mean as soon, a thousand times as fast.

    Values are of any size: the resolution is that of their spread in the first `grace_period`
    blocks, and is taken anew after a drift if it would be another by a factor of three. Errors of 0
    and 1 have no order worth learning, so `block` of them are averaged first; for a metric that
    comes at even times, 1 is right.

    Which output of the memory the test should look at, [1]_ leaves open. Here it is the anomaly
    likelihood [2]_: how unusual the share of columns is that were not expected. A block is a one
    when that is above `theta`, and Wald's test weighs the usual share of ones, at least
    1 - `theta`, against that after a `rise`. It begins anew at both bounds.

    Parameters
    ----------
    block
        Values that are averaged before they are looked at. Larger: less noise, longer delay.
    theta
        Likelihood from which on a block counts as surprising, in (0, 1).
    rise
        Share of unsurprising blocks that has to become surprising, in (0, 1). Larger: fewer false
        alarms, and only changes that surprise all the time are signalled.
    alpha
        Chance that a test signals although nothing has changed. Smaller: fewer false alarms, longer
        delay. Surprises come in bursts, for which it is no exact chance.
    beta
        Chance that a test misses a rise. The next test begins at once.
    grace_period
        Blocks that the resolution is taken from; after a drift, blocks before the next test.
    warm_up
        Blocks that the memory learns before anything is tested.
    period
        Blocks over which the usual surprise fades.
    seed
        Of the spatial pooler's connections.

    Notes
    -----
    One HTM column of 256 minicolumns with 8 cells, of which 10 become active; 1,024 segments of 16
    synapses, the useless ones of which make room for new ones: a state of 250 KB, whatever comes.
    Time a block does not grow either; 20,000 to 100,000 blocks/s, slowest on noise. `Alarm.before`
    is the mean of the values before the current test, `Alarm.after` that since its beginning.

    Examples
    --------
    >>> import numpy as np
    >>> detector = HTMSPRT(block=1)
    >>> usual, other = np.array([1, 2, 3, 4, 5, 6, 7, 8]), np.array([8, 3, 6, 1, 4, 7, 2, 5])
    >>> values = np.concatenate([np.tile(usual, 300), np.tile(other, 20)])  # no mean changes
    >>> [alarm.index for alarm in detector.update_many(values)]
    [2410]

    References
    ----------
    .. [1] HTM and SPRT for drift detection, 2025, IJMEMS 10(3), arXiv 2504.18599.
    .. [2] Ahmad, Lavin, Purdy and Agha, 2017, Unsupervised real-time anomaly detection for
       streaming data, Neurocomputing 262. DOI 10.1016/j.neucom.2017.04.070.
    """

    def __init__(
        self,
        block: Annotated[int, Ge(1)] = 5,
        theta: Annotated[float, Gt(0), Lt(1)] = 0.8,
        rise: Annotated[float, Gt(0), Lt(1)] = 0.6,
        alpha: Annotated[float, Gt(0), Lt(1)] = 1e-5,
        beta: Annotated[float, Gt(0), Lt(1)] = 0.05,
        grace_period: Annotated[int, Ge(10)] = 50,
        warm_up: Annotated[int, Ge(0)] = 100,
        period: Annotated[float, Gt(0)] = 100.0,
        seed: int = 1,
    ) -> None:
        check_at_least("block", block, 1)
        check_probability("theta", theta)
        check_probability("rise", rise)
        check_probability("alpha", alpha)
        check_probability("beta", beta)
        check_at_least("grace_period", grace_period, 10)
        check_at_least("warm_up", warm_up, 0)
        check_positive("period", period)
        self.block = block
        self.theta = theta
        self.rise = rise
        self.alpha = alpha
        self.beta = beta
        self.grace_period = grace_period
        self.warm_up = warm_up
        self.period = period
        self.seed = seed
        state = np.zeros(1, dtype=kernel.STATE)
        column = new_column(seed)
        watch = kernel.Watch(
            block,
            grace_period,
            warm_up,
            float(period),
            float(theta),
            float(rise),
            *bounds_of(alpha, beta),
        )
        self._anomalies = np.zeros(0)

        def update_many(values: NDArray[np.float64], log: NDArray[Any], *_: Any) -> int:
            self._anomalies = np.empty(len(values))
            return int(kernel.update_many(values, log, self._anomalies, state, column, watch))

        super().__init__(update_many, {"state": state, **_arrays_of(column)}, ())

    @property
    def anomaly(self) -> float:
        """How unlikely the last block's surprise is: see `watch_many`."""
        return float(self._header["anomaly"][0])

    def watch_many(self, values: ArrayLike) -> tuple[list[Alarm], NDArray[np.float64]]:
        """Take in values as `update_many` does; return their anomalies as well, (n,) in [0, 1].

        Each value has that of the last whole block, log(1 - likelihood) / log(1e-10): 0.1 is one in
        10, 0.3 one in 1,000. It is 0 before the memory has warmed up.
        """
        alarms = self.update_many(values)
        return alarms, self._anomalies


def new_column(seed: int) -> kernel.Column:
    """Return an HTM column that has learnt nothing."""
    return kernel.Column(
        scale=np.zeros(1, dtype=scalar_encoder.SCALE),
        pool=spatial_pooler.new_pool(COLUMNS, BITS, seed),
        memory=temporal_memory.new_memory(COLUMNS, SEGMENTS, SYNAPSES),
        scores=anomaly_likelihood.new_scores(),
        bits=np.zeros(BITS_SET, dtype=np.int64),
        seen=np.zeros(BITS, dtype=np.bool_),
        overlap=np.zeros(COLUMNS, dtype=np.int64),
        winners=np.zeros(ACTIVE, dtype=np.int64),
        fits=np.zeros(BITS_SET + 1, dtype=np.int64),
    )


def _arrays_of(column: kernel.Column) -> dict[str, NDArray[Any]]:
    """Return what a snapshot has to hold: all but the working space."""
    memory = column.memory._asdict()
    kept = ("counts", "owner", "used", "connected", "potential", "load", "active", "winner")
    return {
        "scale": column.scale,
        "pool": column.pool,
        "scores": column.scores,
        **{name: memory[name] for name in (*kept, "best", "expected")},
        **column.memory.synapses._asdict(),
    }
