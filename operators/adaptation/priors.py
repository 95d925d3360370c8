"""Answers reweighted while classes are more or less frequent than the model knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.priors import run_priors
from operators.tape import Rows, Tape

RATE = 0.02
"""Of the ratio's steps: about 1 / rate labels of a class are needed to follow it."""
DOUBT = 10.0
"""Labels that the earlier frequencies count as, among those since the change."""
NEGLIGIBLE = 0.1
"""A log ratio that changes no answer worth mentioning."""


class Priors:
    """The ratio of how frequent classes are to how frequent the model takes them to be [1]_.

    Parameters
    ----------
    n_classes
        Of the space; without classes there is nothing to weigh.

    Attributes
    ----------
    arrays
        Its state: the logarithm of the ratio; since how many labels it is used, -1 if it is not;
        the episode.

    References
    ----------
    .. [1] Saerens, Latinne and Decaestecker, 2002, Adjusting the outputs of a classifier to new a
       priori probabilities, Neural Computation 14(1), equation 2.4.
       DOI 10.1162/089976602753284446.
    """

    def __init__(self, n_classes: int) -> None:
        self._log_ratio = np.zeros(n_classes)
        self._since = np.full(2, -1, dtype=np.int64)
        self.arrays = {"log_ratio": self._log_ratio, "since": self._since}

    @property
    def since(self) -> int:
        """Labels there had been when it came into use; -1 while it is not used."""
        return int(self._since[0])

    @property
    def episode(self) -> int:
        """The episode that it came into use for."""
        return int(self._since[1])

    @property
    def is_used(self) -> bool:
        """Whether answers are reweighted."""
        return self.since >= 0

    @property
    def is_negligible(self) -> bool:
        """Whether the model has caught up."""
        return float(np.abs(self._log_ratio).max()) < NEGLIGIBLE

    @property
    def ratio(self) -> NDArray[np.float64]:
        """(n_classes,), what probabilities are multiplied by."""
        return np.exp(self._log_ratio)

    def start(
        self, old: NDArray[np.float64], new: NDArray[np.float64], episode: int, learnt: int
    ) -> None:
        """Use it from now on.

        Parameters
        ----------
        old, new
            Labels before and since the change.
        """
        before = self._frequency(old, np.ones(len(self._log_ratio)))
        since = self._frequency(new, DOUBT * before)
        self._log_ratio[:] = np.log(since / before)
        self._since[:] = learnt, episode

    def stop(self) -> None:
        """Use it no more."""
        self._log_ratio[:] = 0.0
        self._since[:] = -1

    def run(self, tape: Tape, rows: Rows, said: NDArray[np.float64]) -> None:
        """Turn what the model said at PREDICT into answers, and learn from labels."""
        run_priors(
            tape.action,
            tape.row,
            rows.y,
            np.ascontiguousarray(said),
            rows.output,
            self._log_ratio,
            RATE,
        )

    def _frequency(
        self, labels: NDArray[np.float64], prior: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        counts = np.bincount(labels.astype(np.int64), minlength=len(self._log_ratio)) + prior
        return np.asarray(counts / counts.sum())
