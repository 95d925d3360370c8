"""Models that might do better after a change than the one that is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.model import Make, Model
from operators.base import Space
from operators.snapshot import State

WEIGHT = 3
"""What records since a change count, to a model that has to forget."""
RECORDS_MIN = 30
"""Without so many on both sides of a change nothing can be said of a feature's scale."""


class Challengers:
    """Makes them.

    Parameters
    ----------
    space
        Features and target.
    make
        Makes a learner in its first state.
    """

    def __init__(self, space: Space, make: Make) -> None:
        self._space = space
        self._make = make

    def fresh(self) -> Model:
        """Return a model that has learnt nothing."""
        return Model(self._space, self._make())

    def put_aside(self, state: State) -> Model:
        """Return a model in a state that one was in."""
        model = self.fresh()
        model.restore(state)
        return model

    def copy(self, model: Model) -> Model:
        """Return a model's equal that goes its own way.

        Raises
        ------
        SnapshotUnavailableError
            When the learner cannot be copied.
        """
        return self.put_aside(model.snapshot())

    def forgetful(self, model: Model, x: NDArray[np.float64], y: NDArray[np.float64]) -> Model:
        """Return a copy that has learnt records over again, as if each had come three times."""
        copy = self.copy(model)
        copy.learn_heavily(x, y, WEIGHT)
        return copy

    def standardised(
        self, model: Model, before: NDArray[np.float64], since: NDArray[np.float64]
    ) -> Model | None:
        """Let a model see numbers as if they had the mean and spread of before, and return it.

        Parameters
        ----------
        model
            One that has seen nothing since the change, if there is such a one.
        before, since
            (n, n_features) records on both sides of the change. None where they are too few.
        """
        if min(len(before), len(since)) < RECORDS_MIN:
            return None
        scale, shift = np.ones(before.shape[1]), np.zeros(before.shape[1])
        for j, feature in enumerate(self._space.features):
            if feature.capacity == 0:
                scale[j], shift[j] = _map(_known(since[:, j]), _known(before[:, j]))
        model.look_through(scale, shift)
        return model


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _map(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float]:
    """Return scale and shift that give one sample the mean and deviation of another.

    Examples
    --------
    >>> _map(np.array([0.0, 1.0] * 20), np.array([10.0, 30.0] * 20))
    (20.0, 10.0)
    """
    if min(len(source), len(target)) < RECORDS_MIN:
        return 1.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        deviation, wanted = float(np.std(source)), float(np.std(target))
        scale = wanted / deviation if deviation > 0.0 and wanted > 0.0 else 1.0
        shift = float(np.mean(target) - scale * np.mean(source))
    return (scale, shift) if np.isfinite([scale, shift]).all() else (1.0, 0.0)
