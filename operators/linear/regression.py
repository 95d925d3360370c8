"""Linear regression as a learner."""

from __future__ import annotations

from typing import Literal

from operators.base import Space
from operators.checks import assert_rows, check_choice, check_positive, check_regressor
from operators.kernels.linear_regression import ABSOLUTE, HUBER, SQUARED, run_linear
from operators.kernels.target import new_target
from operators.linear.weights import Optimizer, Weights
from operators.one import ValueOneByOne
from operators.preprocess.row_encoder import Encode, Impute, RowEncoder
from operators.snapshot import State, copied, nest, part, refill
from operators.tape import Rows, Tape

Loss = Literal["squared", "absolute", "huber"]
_LOSS = {"squared": SQUARED, "absolute": ABSOLUTE, "huber": HUBER}
VERSION = 1


class LinearRegression(ValueOneByOne):
    """Linear regression by stochastic descent on squared, absolute or Huber's loss.

    Prefer it with very many columns; with some dozens of them
    `operators.linear.rls.RecursiveLeastSquares` needs fewer records and no step size.

    Parameters
    ----------
    space
        Features, and a numeric target.
    seed
        Not used, nothing is random; every learner of the catalogue takes one.
    optimizer, learning_rate, l1, l2
        See `operators.linear.softmax.SoftmaxRegression`.
    loss
        `squared` aims at the mean, `absolute` at the median, `huber` at the mean without the pull
        of outliers.
    huber_delta
        Error at which `huber` goes over from squared to absolute, in standard deviations of the
        target (in its own unit without `standardise`). Smaller: less pull.
    encode, hash_size, impute, standardise
        How a row becomes a vector; see `operators.preprocess.row_encoder.RowEncoder`. With
        `standardise` the target is learnt in standard deviations from its mean too, so that one
        step size suits targets of any unit.

    Notes
    -----
    A record costs O(values that are not 0), no matter how many categories there are. The
    gradient is taken at the weights of the moment at which the label comes.
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        optimizer: Optimizer = "sgd",
        learning_rate: float = 0.01,
        l1: float = 0.0,
        l2: float = 0.0,
        loss: Loss = "squared",
        huber_delta: float = 1.0,
        encode: Encode = "one_hot",
        hash_size: int = 1024,
        impute: Impute = "mean",
        standardise: bool = True,
    ) -> None:
        check_regressor(space)
        check_choice("loss", loss, Loss)
        check_positive("huber_delta", huber_delta)
        self.space = space
        self.seed = seed
        encoder = RowEncoder(
            space, encode=encode, hash_size=hash_size, impute=impute, standardise=standardise
        )
        self._weights = Weights(
            encoder, 1, optimizer=optimizer, learning_rate=learning_rate, l1=l1, l2=l2
        )
        self._target = new_target()
        self._loss = _LOSS[loss]
        self._corner = float(huber_delta)

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        assert_rows(self.space, tape, rows)
        run_linear(
            tape.action,
            tape.row,
            rows.x,
            rows.y,
            rows.output,
            self._weights.kernel,
            self._target,
            self._loss,
            self._corner,
        )

    def snapshot(self) -> State:
        """Return the whole state."""
        return {
            **copied(VERSION, {"target": self._target}),
            **nest("weights", self._weights.snapshot()),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        refill("linear_regression", VERSION, {"target": self._target}, state)
        self._weights.restore(part("weights", state))
