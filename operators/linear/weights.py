"""Weights of a linear model with their encoder and optimizer: made, snapshot and restored."""

from __future__ import annotations

from typing import Literal

import numpy as np

from operators.checks import check_choice, check_not_negative, check_positive
from operators.kernels.linear import ADAGRAD, FTRL, SGD, Linear
from operators.preprocess.row_encoder import RowEncoder
from operators.snapshot import State, copied, nest, part, refill

Optimizer = Literal["sgd", "adagrad", "ftrl"]
_OPTIMIZER = {"sgd": SGD, "adagrad": ADAGRAD, "ftrl": FTRL}
VERSION = 1


class Weights:
    """State of a linear model.

    Parameters
    ----------
    encoder
        Of its records.
    n_scores
        Number of scores.
    optimizer, learning_rate, l1, l2
        See `operators.linear.softmax.SoftmaxRegression`.

    Attributes
    ----------
    kernel
        What kernels take.
    """

    def __init__(
        self,
        encoder: RowEncoder,
        n_scores: int,
        *,
        optimizer: Optimizer,
        learning_rate: float,
        l1: float,
        l2: float,
    ) -> None:
        check_choice("optimizer", optimizer, Optimizer)
        check_positive("learning_rate", learning_rate)
        check_not_negative("l1", l1)
        check_not_negative("l2", l2)
        self._encoder = encoder
        shape = encoder.n_columns, n_scores
        nothing = 0, n_scores
        self.kernel = Linear(
            encoder=encoder.kernel,
            weights=np.zeros(shape),
            squares=np.zeros(nothing if optimizer == "sgd" else shape),
            sums=np.zeros(shape if optimizer == "ftrl" else nothing),
            scores=np.zeros(n_scores),
            errors=np.zeros(n_scores),
            optimizer=_OPTIMIZER[optimizer],
            learning_rate=float(learning_rate),
            l1=float(l1),
            l2=float(l2),
        )
        self._arrays = {name: getattr(self.kernel, name) for name in ("weights", "squares", "sums")}

    def snapshot(self) -> State:
        """Return weights, the optimizer's memory and what is known of the features."""
        return {**copied(VERSION, self._arrays), **nest("encoder", self._encoder.snapshot())}

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        refill("linear", VERSION, self._arrays, state)
        self._encoder.restore(part("encoder", state))
