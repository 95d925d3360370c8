"""Who does the work in a mixture: faded means of its experts' parts in the answers.

Only metrics look at them, so they are no part of any checkpoint: after a restart they begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


class ExpertLoad:
    """Faded means over the answers of one partition.

    Parameters
    ----------
    fading_factor
        Weight of an answer relative to the one after it; 1 / (1 - fading_factor) answers count.

    Examples
    --------
    >>> load = ExpertLoad(0.999)
    >>> load.observe({"old": np.array([1.0, 1.0, 0.5]), "young": np.array([0.0, 0.0, 0.5])})
    >>> {name: round(share, 3) for name, share in load.shares.items()}
    {'old': 0.833, 'young': 0.167}
    >>> round(load.entropy_bits, 3), round(load.utilisation, 3)
    (0.334, 0.785)
    """

    def __init__(self, fading_factor: float) -> None:
        self._fading_factor = fading_factor
        self._names: tuple[str, ...] = ()
        self._sums: NDArray[np.float64] = np.zeros(0)
        self._entropy_sum = 0.0
        self._weight = 0.0

    def observe(self, shares: Mapping[str, NDArray[np.float64]]) -> None:
        """Take in a batch: for each expert its part in each answer, in their order."""
        self._names = tuple(shares)
        parts = np.array(list(shares.values()))
        count = parts.shape[1] if len(parts) else 0
        if not count:
            return
        weights = self._fading_factor ** np.arange(count - 1, -1, -1.0)
        kept = self._fading_factor**count
        self._sums = kept * (self._sums if len(self._sums) else 0.0) + parts @ weights
        self._entropy_sum = kept * self._entropy_sum + float(_entropy_bits(parts) @ weights)
        self._weight = kept * self._weight + float(weights.sum())

    @property
    def shares(self) -> dict[str, float]:
        """Mean part of each expert; they sum to 1."""
        if not self._weight:
            return {}
        return dict(zip(self._names, (self._sums / self._weight).tolist(), strict=True))

    @property
    def entropy_bits(self) -> float:
        """How far the router spreads one answer, in the mean: 0 when one expert makes it alone."""
        return self._entropy_sum / self._weight if self._weight else float("nan")

    @property
    def utilisation(self) -> float:
        """How evenly work is spread over all answers, in (0, 1].

        The number of experts that an even spread of this entropy would keep busy, relative to
        the number there are: 1 when all do as much, 1 / n when one of n does everything.
        """
        if not self._weight:
            return float("nan")
        means = self._sums / self._weight
        return float(2.0 ** _entropy_bits(means[:, None])[0] / len(means))


def _entropy_bits(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of each column of (n_experts, n) parts."""
    logs = np.log2(parts, out=np.zeros_like(parts), where=parts > 0.0)
    return np.asarray(-(parts * logs).sum(axis=0))
