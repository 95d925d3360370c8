"""Wasserstein's distance of each feature, on counts."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from operators.base import Space
from operators.drift.parameters import check_at_least
from operators.monitors.edges import fine_cells
from operators.monitors.features import FeatureMonitor, compare_by_chi_square
from operators.monitors.schedule import Control, Reference, Schedule
from operators.monitors.trial import Compared
from operators.monitors.two_sample import wasserstein

Floats = NDArray[np.float64]


class Wasserstein(FeatureMonitor):
    """Wasserstein's distance of order 1 of each feature, in standard deviations [1]_.

    Prefer it where the size of a shift matters: 0.5 is half a standard deviation of the reference.
    It also sees what happens to values, not only to their order. Its chance is an upper bound, so
    it is the most careful of the tests.

    Parameters
    ----------
    space
        Its features are watched; see `operators.monitors.predictions` for predictions.
    bins
        Quantiles of the reference at which a numeric feature is looked at. More: finer, slower,
        16 bytes each and feature.
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
    O(log bins) time a value, O(features bins) time a test. Values beyond the 0.5 % and 99.5 %
    quantiles of the reference count as if they lay just there, in the distance and in the standard
    deviation: features without a variance can be watched too. Missing values are a question of
    their own, answered exactly (Fisher's test); so is whether a category is new. Categories are
    compared by Pearson's chi-square.

    Examples
    --------
    >>> from operators.base import Feature
    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(8000, 3))
    >>> rows[5000:, 1] += 0.5  # half a standard deviation
    >>> space = Space(tuple(Feature(name) for name in "abc"), n_classes=0)
    >>> [finding] = Wasserstein(space).watch(rows)
    >>> finding.column, finding.index, round(finding.before, 2), round(finding.now, 2)
    (1, 5499, 0.0, 0.53)

    References
    ----------
    .. [1] del Barrio, Gine and Matran, 1999, Central limit theorems for the Wasserstein distance
       between the empirical and the true distributions, Annals of Probability 27.
       DOI 10.1214/aop/1022677394.
    """

    def __init__(
        self,
        space: Space,
        *,
        bins: Annotated[int, Ge(2)] = 50,
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
            compare=("wasserstein", compare),
            compare_categories=("chi_square", compare_by_chi_square),
            divide=partial(fine_cells, bins=bins),
            edges_max=bins,
            schedule=Schedule(reference_size, window, alpha, reference, control, every),
        )


def compare(old: Floats, now: Floats, gaps: Floats) -> Compared:
    """Test by the distance, which is also the effect."""
    # The grid's cells are the first ones; where categories have more, those have no width.
    found = wasserstein(old, now, gaps)
    nothing = np.full_like(found.statistic, np.nan)
    return Compared(*found, found.statistic, nothing, nothing)
