"""Pearson's chi-square of each feature."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from operators.base import Space
from operators.drift.parameters import check_at_least
from operators.monitors.edges import quantile_cells
from operators.monitors.features import FeatureMonitor, compare_by_chi_square
from operators.monitors.schedule import Control, Reference, Schedule


class ChiSquare(FeatureMonitor):
    """Pearson's chi-square of each feature, the expected counts from both samples [1]_.

    Prefer it for categories, and where counts are small: of the tests on cells its chances are
    the most exact.

    Parameters
    ----------
    space
        Its features are watched; see `operators.monitors.predictions` for predictions.
    bins
        Cells that a numeric feature without ties gets, with equal shares of the reference.
        More: sees finer changes, and mere shifts less well.
    reference_size
        Rows that the reference is taken from, a multiple of `window` / 2. Larger: sees smaller
        changes, starts later; 8 bytes a row and feature.
    window
        Rows that are compared with it, a multiple of 4; a test is made every `window` / 2 rows.
        Larger: sees smaller changes, longer delay.
    alpha
        False alarms that may be expected in 100,000 rows, or at all; see `control`.
    reference
        `fixed`: the first rows, until `renew`. `rolling`: those before the window; after a finding
        of a feature it begins anew.
    control
        `rate`: `alpha` false alarms in 100,000 rows, for ever. `spending`: `alpha` in all, the
        k-th test having 6 / (pi k)^2 of it: better in the first thousands of rows, ever blinder
        later.
    every
        Only each `every`-th row is looked at, and counted in `reference_size` and `window`. Choose
        it so large that such rows hang together no more: the tests take them for independent.

    Notes
    -----
    O(log bins) time a value, O(features bins) time a test. Missing values are a question of their
    own, answered exactly (Fisher's test); so is whether a category is new. Sparse cells are
    merged. The effect is Cramer's V.

    Examples
    --------
    >>> import numpy as np
    >>> from operators.base import Feature
    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(8000, 3))
    >>> rows[5000:, 1] += 0.5  # half a standard deviation
    >>> space = Space(tuple(Feature(name) for name in "abc"), n_classes=0)
    >>> [finding] = ChiSquare(space).watch(rows)
    >>> finding.column, finding.index, round(finding.before, 2), round(finding.now, 2)
    (1, 5499, 0.0, 0.53)

    References
    ----------
    .. [1] Pearson, 1911, On the probability that two independent distributions of frequency are
       really samples from the same population, Biometrika 8. DOI 10.1093/biomet/8.1-2.250.
    """

    def __init__(
        self,
        space: Space,
        *,
        bins: Annotated[int, Ge(2)] = 10,
        reference_size: Annotated[int, Ge(20)] = 2_000,
        window: Annotated[int, Ge(20)] = 500,
        alpha: Annotated[float, Gt(0), Lt(1)] = 0.05,
        reference: Reference = "fixed",
        control: Control = "rate",
        every: Annotated[int, Ge(1)] = 1,
    ) -> None:
        check_at_least("bins", bins, 2)
        self.bins = bins
        super().__init__(
            space,
            compare=("chi_square", compare_by_chi_square),
            compare_categories=("chi_square", compare_by_chi_square),
            divide=partial(quantile_cells, bins=bins),
            edges_max=bins - 1,
            schedule=Schedule(reference_size, window, alpha, reference, control, every),
        )
