"""Softmax regression by Newton's steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import assert_rows, check_classifier
from operators.ensembles.ensemble import detectors_state, make_detectors, restore_detectors
from operators.kernels.dense import make_dense
from operators.kernels.newton import make_linear, run_newton
from operators.kernels.waves import make_waves
from operators.one import OneByOne
from operators.snapshot import State, copied, nest, part, refill
from operators.tape import Rows, Tape

VERSION = 2
WIDTH_MAX = 64


class NewtonRegression(OneByOne):
    """Softmax regression by Newton's steps, open to change after a drift [1]_.

    Prefer it to `logistic_regression` where features move together, which makes plain gradients
    creep, and where records have up to 63 entries: it finds a straight boundary after tens of
    records, and finds it again after a drift.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Of the waves.
    decay
        What earlier records count when one more is learnt, in (0, 1); or 0 for plain gradient
        steps. Smaller: follows changes sooner, and is less sure in between.
    rate
        Size of gradient steps: used where `decay` is 0 and where records have more than 64
        entries, since Newton's steps cost the square of their number.
    delta_drift
        Significance of the ADWIN that notices rising errors.
    width
        Records of fewer entries than this, the constant one among them, are filled up with random
        waves of pairs of entries, so that boundaries may curve; see `operators.kernels.waves`.
        Larger: finer curves, and slower by its square.

    Notes
    -----
    After a drift the weights stay, but count as little known. One curvature serves all classes;
    that is exact for two.

    References
    ----------
    .. [1] West, Harrison and Migon, 1985, Dynamic generalized linear models and Bayesian
       forecasting, JASA 80, sections 2-3. DOI 10.1080/01621459.1985.10477131.
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        decay: float = 0.9999,
        rate: float = 0.01,
        delta_drift: float = 0.05,
        width: int = 0,
    ) -> None:
        check_classifier(space)
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay: must be in [0, 1); got {decay!r}.")
        if not rate > 0.0:
            raise ValueError(f"rate: must be > 0; got {rate!r}.")
        if not 0.0 < delta_drift < 1.0:
            raise ValueError(f"delta_drift: must be in (0, 1); got {delta_drift!r}.")
        if not 0 <= width <= WIDTH_MAX:
            raise ValueError(f"width: must be in [0, {WIDTH_MAX}]; got {width!r}.")
        self.space = space
        self.seed = seed
        self._dense = make_dense(space, memory=1000.0)
        entries = len(self._dense.vector) - 1
        width = max(width, entries + 1)
        self._dense = self._dense._replace(vector=np.zeros(width))
        self._waves = make_waves(width - 1 - entries, entries, seed)
        self._kernel = make_linear(
            space.n_classes, width, rate=rate, decay=decay if width <= WIDTH_MAX else 0.0
        )
        self._drift = make_detectors(1, delta_drift)
        self._arrays = {
            "statistics": self._dense.statistics,
            **self._waves._asdict(),
            **{
                name: getattr(self._kernel, name)
                for name in ("weights", "curvature", "errors", "waiting")
            },
        }

    def run(self, tape: Tape, rows: Rows, weight: NDArray[np.float64] | None = None) -> None:
        """Run the steps in order; each row may count its own weight where it is learnt."""
        assert_rows(self.space, tape, rows)
        weight = np.ones(len(rows)) if weight is None else weight
        run_newton(
            tape.action,
            tape.row,
            rows.x,
            rows.y,
            weight,
            rows.output,
            self._dense,
            self._waves,
            self._kernel,
            self._drift,
        )

    def snapshot(self) -> State:
        """Return the whole state."""
        return {**copied(VERSION, self._arrays), **nest("drift", detectors_state(self._drift))}

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        refill("newton_regression", VERSION, self._arrays, state)
        restore_detectors(self._drift, part("drift", state))
