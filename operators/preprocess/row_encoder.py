"""The encoder of rows: made from a space, snapshot and restored."""

from __future__ import annotations

from typing import Literal

import numpy as np

from operators.base import Space
from operators.checks import check_choice
from operators.kernels.encoder import (
    IMPUTE_LAST,
    IMPUTE_MEAN,
    IMPUTE_ZERO,
    STATISTICS,
    Encoder,
    clear_encoder,
)
from operators.snapshot import State, copied, refill

Encode = Literal["one_hot", "hash"]
Impute = Literal["mean", "zero", "last"]
_IMPUTE = {"mean": IMPUTE_MEAN, "zero": IMPUTE_ZERO, "last": IMPUTE_LAST}
VERSION = 1


class RowEncoder:
    """Turns rows of numbers, codes and gaps into vectors for linear models.

    Parameters
    ----------
    space
        The features.
    encode
        `one_hot`: a column for each code of each category. `hash`: codes share `hash_size` columns,
        each with a pseudo-random sign; for categories with more codes than there is memory for.
    hash_size
        Columns of `hash`. Larger: fewer codes that cannot be told apart.
    impute
        What a missing number counts as: the `mean` of those learnt, `zero`, or the `last` one
        learnt. A missing category counts as none, with `last` as the last one learnt.
    standardise
        Give numbers mean 0 and variance 1, as far as they have been learnt, and none more than
        ten standard deviations.

    Attributes
    ----------
    kernel
        What kernels take.
    n_columns
        Length of a vector: the intercept, the numbers, the codes.
    """

    def __init__(
        self, space: Space, *, encode: Encode, hash_size: int, impute: Impute, standardise: bool
    ) -> None:
        check_choice("encode", encode, Encode)
        check_choice("impute", impute, Impute)
        if hash_size < 1:
            raise ValueError(f"hash_size: must be >= 1; got {hash_size!r}.")
        capacity = np.array([feature.capacity for feature in space.features], dtype=np.int64)
        is_hashed = encode == "hash"
        width = np.where(capacity == 0, 1, 0 if is_hashed else capacity)
        start = 1 + np.cumsum(width) - width
        self.n_columns = 1 + int(width.sum())
        if is_hashed and capacity.any():
            start[capacity > 0] = self.n_columns
            self.n_columns += hash_size
        n_features = len(capacity)
        self.kernel = Encoder(
            statistics=np.zeros((n_features, STATISTICS)),
            capacity=capacity,
            start=start,
            column=np.zeros(1 + n_features, dtype=np.int64),
            value=np.zeros(1 + n_features),
            is_standardised=standardise,
            impute=_IMPUTE[impute],
            hash_size=hash_size if is_hashed else 0,
        )
        clear_encoder(self.kernel)

    def snapshot(self) -> State:
        """Return what has been learnt of the features."""
        return copied(VERSION, {"statistics": self.kernel.statistics})

    def restore(self, state: State) -> None:
        """Take over a snapshot of an encoder with equal parameters."""
        refill("encoder", VERSION, {"statistics": self.kernel.statistics}, state)
