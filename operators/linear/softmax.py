"""Softmax regression as a learner."""

from __future__ import annotations

from operators.base import Space
from operators.checks import assert_rows, check_classifier
from operators.kernels.softmax import run_softmax
from operators.linear.weights import Optimizer, Weights
from operators.one import OneByOne
from operators.preprocess.row_encoder import Encode, Impute, RowEncoder
from operators.snapshot import State
from operators.tape import Rows, Tape


class SoftmaxRegression(OneByOne):
    """Logistic regression for two classes, softmax regression for more, on the log loss.

    Prefer it where classes lie on two sides of a plane, where there are very many categories, or
    where microseconds count; a tree where features act together.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Not used, nothing is random; every learner of the catalogue takes one.
    optimizer
        `sgd`: steps of one size, so it follows a drift for ever. `adagrad`: a step size for each
        weight, falling with what it has seen, good for rare categories. `ftrl`: like `adagrad`,
        with an L1 penalty that makes exact zeros.
    learning_rate
        Step size. Larger: follows a change sooner, settles less.
    l1, l2
        Penalties on weights. Larger: more weights at zero; smaller weights.
    encode, hash_size, impute, standardise
        How a row becomes a vector; see `operators.preprocess.row_encoder.RowEncoder`.

    Notes
    -----
    A record costs O(values that are not 0 x classes), no matter how many categories there are.
    The gradient is taken at the weights of the moment at which the label comes, so a late label is
    as good as an early one. With `sgd` a step is shortened to 1 / |x|^2 where it would be longer,
    so that no scale of the inputs makes it diverge.

    Examples
    --------
    >>> from operators.base import Feature, Space
    >>> model = SoftmaxRegression(Space((Feature("load"),), n_classes=2))
    >>> for load in range(200):
    ...     model.learn_one({"load": load % 10}, load % 10 > 4)
    >>> model.predict_one({"load": 2}), model.predict_one({"load": 7})
    (False, True)
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        optimizer: Optimizer = "sgd",
        learning_rate: float = 0.02,
        l1: float = 0.0,
        l2: float = 0.0,
        encode: Encode = "one_hot",
        hash_size: int = 1024,
        impute: Impute = "mean",
        standardise: bool = True,
    ) -> None:
        check_classifier(space)
        self.space = space
        self.seed = seed
        encoder = RowEncoder(
            space, encode=encode, hash_size=hash_size, impute=impute, standardise=standardise
        )
        self._weights = Weights(
            encoder,
            1 if space.n_classes == 2 else space.n_classes,
            optimizer=optimizer,
            learning_rate=learning_rate,
            l1=l1,
            l2=l2,
        )

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        assert_rows(self.space, tape, rows)
        run_softmax(tape.action, tape.row, rows.x, rows.y, rows.output, self._weights.kernel)

    def snapshot(self) -> State:
        """Return the whole state."""
        return self._weights.snapshot()

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        self._weights.restore(state)
