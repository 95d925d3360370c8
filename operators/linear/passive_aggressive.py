"""Passive-aggressive learners, for classes and for numbers."""

from __future__ import annotations

from typing import Literal

import numpy as np

from operators.base import Space
from operators.checks import (
    assert_rows,
    check_choice,
    check_classifier,
    check_not_negative,
    check_positive,
    check_regressor,
)
from operators.kernels.passive_aggressive import (
    PA_I,
    PA_II,
    PassiveAggressive,
    run_classes,
    run_values,
)
from operators.kernels.target import new_target
from operators.one import OneByOne, ValueOneByOne
from operators.preprocess.row_encoder import Encode, Impute, RowEncoder
from operators.snapshot import State, copied, nest, part, refill
from operators.tape import Rows, Tape

Variant = Literal["pa1", "pa2"]
_VARIANT = {"pa1": PA_I, "pa2": PA_II}
VERSION = 1


class Margins:
    """State of a passive-aggressive model: its weights, target and encoder.

    Parameters
    ----------
    encoder
        Of its records.
    n_scores
        A score for each class, or one for a number.
    variant, aggressiveness
        See `PassiveAggressiveClassifier`.
    insensitivity
        See `PassiveAggressiveRegressor`.

    Attributes
    ----------
    kernel
        What kernels take.
    """

    def __init__(
        self,
        encoder: RowEncoder,
        n_scores: int,
        variant: Variant,
        aggressiveness: float,
        insensitivity: float,
    ) -> None:
        check_choice("variant", variant, Variant)
        check_positive("aggressiveness", aggressiveness)
        self._encoder = encoder
        self.kernel = PassiveAggressive(
            encoder=encoder.kernel,
            weights=np.zeros((encoder.n_columns, n_scores)),
            target=new_target(),
            scores=np.zeros(n_scores),
            variant=_VARIANT[variant],
            aggressiveness=float(aggressiveness),
            insensitivity=float(insensitivity),
        )
        self._arrays = {"weights": self.kernel.weights, "target": self.kernel.target}

    def snapshot(self) -> State:
        """Return weights, and what is known of the target and of the features."""
        return {**copied(VERSION, self._arrays), **nest("encoder", self._encoder.snapshot())}

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        refill("passive_aggressive", VERSION, self._arrays, state)
        self._encoder.restore(part("encoder", state))


class PassiveAggressiveClassifier(OneByOne):
    """Passive-aggressive classifier: changes as little as it takes to be right by a margin [1]_.

    Prefer it where classes change often and can be told apart well; where labels are noisy,
    `operators.linear.softmax.SoftmaxRegression` is steadier.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Not used, nothing is random; every learner of the catalogue takes one.
    variant
        `pa1`: no step longer than the aggressiveness. `pa2`: all steps shorter, the more so the
        less aggressive.
    aggressiveness
        The paper's C. Larger: learns more from one record, and from one wrong label.
    encode, hash_size, impute, standardise
        How a row becomes a vector; see `operators.preprocess.row_encoder.RowEncoder`.

    Notes
    -----
    Outputs are the softmax of the margins: they rank classes, and are no calibrated
    probabilities. A record costs O(values that are not 0 x classes). With two classes it is the
    paper's binary algorithm with twice its C.

    References
    ----------
    .. [1] Crammer et al., 2006, Online passive-aggressive algorithms, JMLR 7.
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        variant: Variant = "pa1",
        aggressiveness: float = 0.01,
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
        self._margins = Margins(encoder, space.n_classes, variant, aggressiveness, 0.0)

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        assert_rows(self.space, tape, rows)
        run_classes(tape.action, tape.row, rows.x, rows.y, rows.output, self._margins.kernel)

    def snapshot(self) -> State:
        """Return the whole state."""
        return self._margins.snapshot()

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        self._margins.restore(state)


class PassiveAggressiveRegressor(ValueOneByOne):
    """Passive-aggressive regressor: changes as little as it takes to be close enough [1]_.

    Prefer it where the relation changes often and errors beyond a tolerance all matter alike.

    Parameters
    ----------
    space
        Features, and a numeric target.
    seed
        Not used, nothing is random; every learner of the catalogue takes one.
    variant, aggressiveness
        See `PassiveAggressiveClassifier`.
    insensitivity
        Error that is no error, in standard deviations of the target (in its own unit without
        `standardise`). Larger: fewer, surer changes.
    encode, hash_size, impute, standardise
        How a row becomes a vector; see `operators.preprocess.row_encoder.RowEncoder`. With
        `standardise` the target is learnt in standard deviations from its mean too.

    References
    ----------
    .. [1] Crammer et al., 2006, Online passive-aggressive algorithms, JMLR 7, section 5.
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        variant: Variant = "pa1",
        aggressiveness: float = 0.01,
        insensitivity: float = 0.1,
        encode: Encode = "one_hot",
        hash_size: int = 1024,
        impute: Impute = "mean",
        standardise: bool = True,
    ) -> None:
        check_regressor(space)
        check_not_negative("insensitivity", insensitivity)
        self.space = space
        self.seed = seed
        encoder = RowEncoder(
            space, encode=encode, hash_size=hash_size, impute=impute, standardise=standardise
        )
        self._margins = Margins(encoder, 1, variant, aggressiveness, insensitivity)

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        assert_rows(self.space, tape, rows)
        run_values(tape.action, tape.row, rows.x, rows.y, rows.output, self._margins.kernel)

    def snapshot(self) -> State:
        """Return the whole state."""
        return self._margins.snapshot()

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        self._margins.restore(state)
