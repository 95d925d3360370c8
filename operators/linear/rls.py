"""Recursive least squares as a learner."""

from __future__ import annotations

import numpy as np

from operators.base import Space
from operators.checks import assert_rows, check_forgetting, check_positive, check_regressor
from operators.kernels.rls import RLS, run_rls
from operators.one import ValueOneByOne
from operators.preprocess.row_encoder import Encode, Impute, RowEncoder
from operators.snapshot import State, copied, nest, part, refill
from operators.tape import Rows, Tape

VERSION = 1
COLUMNS_MAX = 2048  # a factor of 32 MiB, some milliseconds a record
_STATE = ("weights", "factor", "variance")
# An intercept is not held back by the ridge: targets may be far from 0.
_INTERCEPT_VARIANCE = 1e6


class RecursiveLeastSquares(ValueOneByOne):
    """Linear regression that is the weighted least squares solution after each record.

    Prefer it to `operators.linear.regression.LinearRegression` up to some hundred columns: it needs
    the fewest records, minds no correlation between features, and has no step size.

    Parameters
    ----------
    space
        Features, and a numeric target.
    seed
        Not used, nothing is random; every learner of the catalogue takes one.
    forgetting
        What a record counts after one more is learnt, in (0, 1]. 1: all count alike for ever.
        Smaller: follows a change sooner; about 1 / (1 - forgetting) records count.
    ridge
        Weight of the prior belief that all coefficients are 0, in records of a column with
        variance 1. Larger: steadier as long as little has been seen.
    encode, hash_size, impute, standardise
        How a row becomes a vector; see `operators.preprocess.row_encoder.RowEncoder`.

    Raises
    ------
    ValueError
        Also when a vector would have more than 2,048 columns: memory is in proportion to their
        square.

    Notes
    -----
    A record costs O(columns^2) to learn, O(values that are not 0) to predict. See
    `operators.kernels.rls` for how it is kept stable.
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        forgetting: float = 0.999,
        ridge: float = 1.0,
        encode: Encode = "one_hot",
        hash_size: int = 64,
        impute: Impute = "mean",
        standardise: bool = True,
    ) -> None:
        check_regressor(space)
        check_forgetting("forgetting", forgetting)
        check_positive("ridge", ridge)
        self.space = space
        self.seed = seed
        self._encoder = RowEncoder(
            space, encode=encode, hash_size=hash_size, impute=impute, standardise=standardise
        )
        n = self._encoder.n_columns
        if n > COLUMNS_MAX:
            raise ValueError(
                f"encode: must give at most {COLUMNS_MAX} columns; got {n}. Choose `hash` with a "
                "smaller hash_size, or linear_regression."
            )
        variance = np.full(n, 1.0 / ridge)
        variance[0] *= _INTERCEPT_VARIANCE
        self.kernel = RLS(
            encoder=self._encoder.kernel,
            weights=np.zeros(n),
            factor=np.zeros((n, n)),
            variance=variance.copy(),
            variance_max=variance,
            projection=np.zeros(n),
            gain=np.zeros(n),
            forgetting=float(forgetting),
        )
        self._arrays = {name: getattr(self.kernel, name) for name in _STATE}

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        assert_rows(self.space, tape, rows)
        run_rls(tape.action, tape.row, rows.x, rows.y, rows.output, self.kernel)

    def snapshot(self) -> State:
        """Return the whole state."""
        return {**copied(VERSION, self._arrays), **nest("encoder", self._encoder.snapshot())}

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        refill("recursive_least_squares", VERSION, self._arrays, state)
        self._encoder.restore(part("encoder", state))
