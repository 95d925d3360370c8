"""Target encoding: what the labels of a key have been so far."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import Scalar, State
from operators.tape import PREDICT, Tape


class TargetMean:
    """Mean of the labels of a key that were learnt before, drawn towards the mean of all [1]_.

    (sum + smooth * prior) / (n + smooth); the prior is the mean over all keys. The value of a row
    is what was known when it was predicted, whatever its label is and whenever that comes.

    Parameters
    ----------
    width
        Numbers that a label has (one a class of interest, or one value).
    smooth
        Labels that the prior counts as.
    fading_factor
        Weight of a label relative to the next one of its key, and of all in the prior.
    keys_max
        Keys kept; beyond it the one whose last label was learnt the longest ago is evicted.

    Notes
    -----
    O(width) a step of the tape. Without any label the value is NaN.

    Examples
    --------
    >>> from operators.tape import test_then_train
    >>> mean = TargetMean(1, smooth=1.0, fading_factor=1.0, keys_max=8)
    >>> keys, y = np.array([7.0, 7.0, 8.0, 7.0]), np.array([[1.0], [0.0], [1.0], [1.0]])
    >>> mean.run(test_then_train(4), keys, y)[:, 0].round(3).tolist()
    [nan, 1.0, 0.5, 0.556]

    References
    ----------
    .. [1] Micci-Barreca, 2001, A preprocessing scheme for high-cardinality categorical attributes,
       SIGKDD Explorations 3(1), DOI 10.1145/507533.507538.
    """

    def __init__(self, width: int, *, smooth: float, fading_factor: float, keys_max: int) -> None:
        self._width = width
        self._smooth = smooth
        self._fading_factor = fading_factor
        self._keys_max = keys_max
        self._all = [0.0] * (1 + width)
        self._of_key: OrderedDict[float, list[float]] = OrderedDict()

    def run(
        self, tape: Tape, keys: NDArray[np.float64], y: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Run a tape: rows are answered at PREDICT, and their labels taken at LEARN.

        Parameters
        ----------
        keys
            (n_rows,) of the rows, those included that were predicted on an earlier tape; NaN for
            a row without one.
        y
            (n_rows, width) numbers of the labels; read only at LEARN.

        Returns
        -------
        NDArray
            (n_rows, width); NaN for rows that the tape does not predict.
        """
        out = np.full((len(keys), self._width), np.nan)
        names = keys.tolist()
        for action, row in zip(tape.action.tolist(), tape.row.tolist(), strict=True):
            key = names[row]
            if key != key:
                continue
            if action == PREDICT:
                out[row] = self._answer(key)
            else:
                self._learn(key, y[row].tolist())
        return out

    def _answer(self, key: float) -> list[float]:
        total, smooth = self._all[0], self._smooth
        if total == 0.0:
            return [math.nan] * self._width
        own = self._of_key.get(key) or [0.0] * (1 + self._width)
        weight = own[0] + smooth
        if weight == 0.0:
            return [math.nan] * self._width
        return [
            _finite((mine + smooth * (all_ / total)) / weight)
            for mine, all_ in zip(own[1:], self._all[1:], strict=True)
        ]

    def _learn(self, key: float, label: list[float]) -> None:
        own = self._of_key.get(key)
        if own is None:
            if len(self._of_key) == self._keys_max:
                self._of_key.popitem(last=False)
            own = self._of_key[key] = [0.0] * (1 + self._width)
        self._of_key.move_to_end(key)
        factor = self._fading_factor
        for sums in (own, self._all):
            for i, number in enumerate((1.0, *label)):
                sums[i] = factor * sums[i] + number

    def snapshot(self) -> State:
        """Return the sums key by key, the one whose last label is oldest first."""
        sums = np.array(list(self._of_key.values()), dtype=np.float64)
        return {
            "keys": np.array(list(self._of_key), dtype=np.float64),
            "sums": sums.reshape(len(self._of_key), 1 + self._width),
            "all": np.array(self._all),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Take over a snapshot of one with equal parameters."""
        self._all = np.asarray(state["all"], dtype=np.float64).tolist()
        keys, sums = np.asarray(state["keys"]).tolist(), np.asarray(state["sums"]).tolist()
        self._of_key = OrderedDict(zip(keys, sums, strict=True))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan
