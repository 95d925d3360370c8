"""A model: a learner, and what it sees of the inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.errors import errors_of
from operators.base import Learner, Space
from operators.snapshot import State, nest, part
from operators.tape import PREDICT, Rows, Tape, test_then_train

Make = Callable[[], Learner]
"""Makes a learner in its first state: always the same one."""


class Model:
    """A learner that sees numbers scaled and shifted, or as they are.

    Parameters
    ----------
    space
        Features and target.
    learner
        Belongs to the model from now on.

    Attributes
    ----------
    scale, shift
        (n_features,), what the learner sees is `x * scale + shift`; or None, then it sees x.
    """

    def __init__(self, space: Space, learner: Learner) -> None:
        self._space = space
        self.learner = learner
        self.trace_width = learner.trace_width
        self.scale: NDArray[np.float64] | None = None
        self.shift: NDArray[np.float64] | None = None

    def run(self, tape: Tape, rows: Rows) -> None:
        """See `operators.base.Learner`."""
        self.learner.run(tape, self._seen(rows))

    def learn_again(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict and then learn each record; return (n,) errors."""
        rows = self._rows(x, y)
        self.run(test_then_train(len(y)), rows)
        return errors_of(rows.output, y, self._space.n_classes)

    def learn_heavily(self, x: NDArray[np.float64], y: NDArray[np.float64], weight: int) -> None:
        """Learn records as if each had come `weight` times."""
        rows, tape = self._rows(x, y), test_then_train(len(y))
        if "weight" in inspect.signature(self.learner.run).parameters:
            heavy = np.full(len(y), float(weight))
            self.learner.run(tape, self._seen(rows), weight=heavy)  # type: ignore[call-arg]
            return
        for _ in range(weight):
            self.run(tape, rows)

    def errors(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict records without learning them; return (n,) errors."""
        rows = self._rows(x, y)
        predict = Tape(np.full(len(y), PREDICT, dtype=np.uint8), np.arange(len(y)))
        self.run(predict, rows)
        return errors_of(rows.output, y, self._space.n_classes)

    def look_through(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> None:
        """Let the learner see `x * scale + shift` where it now sees x."""
        if self.scale is not None and self.shift is not None:
            scale, shift = scale * self.scale, shift * self.scale + self.shift
        self.scale, self.shift = scale, shift

    def snapshot(self) -> State:
        """Return the whole state."""
        state = nest("learner", self.learner.snapshot())
        if self.scale is not None and self.shift is not None:
            state |= {"scale": self.scale.copy(), "shift": self.shift.copy()}
        return state

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with an equal learner."""
        self.learner.restore(part("learner", state))
        self.scale = self.shift = None
        if "scale" in state:
            self.scale = np.array(state["scale"], dtype=np.float64)
            self.shift = np.array(state["shift"], dtype=np.float64)

    def _seen(self, rows: Rows) -> Rows:
        if self.scale is None or self.shift is None:
            return rows
        # Beyond the range of floats nothing is seen: infinity would stay in a learner's means.
        with np.errstate(over="ignore", invalid="ignore"):
            x = rows.x * self.scale + self.shift
        x[~np.isfinite(x)] = np.nan
        return Rows(x, rows.y, rows.output, rows.trace)

    def _rows(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Rows:
        output = np.full((len(y), self._space.n_outputs), np.nan)
        return Rows(x, y, output, np.full((len(y), self.trace_width), np.nan))
