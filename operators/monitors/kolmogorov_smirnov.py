"""Kolmogorov and Smirnov's test of each feature, on counts."""

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
from operators.monitors.two_sample import kolmogorov_smirnov

Floats = NDArray[np.float64]


class KolmogorovSmirnov(FeatureMonitor):
    """Kolmogorov and Smirnov's test of each feature, on a fine grid of its reference [1]_.

    Prefer it for shifts of numeric features: it looks at the order of values, which tests on cells
    do not. It is blind in the tails.

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
    O(log bins) time a value, whatever the size of reference and window: instead of values that are
    kept sorted [2]_ there are counts between quantiles of the reference, at which the distance is
    exact. Missing values are a question of their own, answered exactly (Fisher's test); so is
    whether a category is new. Categories are compared by Pearson's chi-square.

    Examples
    --------
    >>> from operators.base import Feature
    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(8000, 3))
    >>> rows[5000:, 1] += 0.5  # half a standard deviation
    >>> space = Space(tuple(Feature(name) for name in "abc"), n_classes=0)
    >>> [finding] = KolmogorovSmirnov(space).watch(rows)
    >>> finding.column, finding.index, round(finding.before, 2), round(finding.now, 2)
    (1, 5499, 0.0, 0.53)

    References
    ----------
    .. [1] Smirnov, 1948, Table for estimating the goodness of fit of empirical distributions,
       Annals of Mathematical Statistics 19. DOI 10.1214/aoms/1177730256.
    .. [2] dos Reis et al., 2016, Fast unsupervised online drift detection using incremental
       Kolmogorov-Smirnov test, KDD. DOI 10.1145/2939672.2939836.
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
            compare=("ks", compare),
            compare_categories=("chi_square", compare_by_chi_square),
            divide=partial(fine_cells, bins=bins),
            edges_max=bins,
            schedule=Schedule(reference_size, window, alpha, reference, control, every),
        )


def compare(old: Floats, now: Floats, gaps: Floats) -> Compared:
    """Test by the greatest distance, which is also the effect."""
    found = kolmogorov_smirnov(old, now)
    nothing = np.full_like(found.statistic, np.nan)
    return Compared(*found, found.statistic, nothing, nothing)
