"""Jensen and Shannon's distance of each feature, with its null distribution."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from operators.base import Space
from operators.drift.parameters import check_at_least
from operators.monitors.edges import quantile_cells
from operators.monitors.features import EXPECTED_MIN, FeatureMonitor
from operators.monitors.schedule import Control, Reference, Schedule
from operators.monitors.trial import Compared
from operators.monitors.two_sample import jensen_shannon, merge_sparse

Floats = NDArray[np.float64]


class JensenShannon(FeatureMonitor):
    """Jensen and Shannon's distance of each feature, to base 2 [1]_.

    Prefer it where a bounded measure is wanted: 0 for equal, 1 for distributions that have nothing
    in common. It finds what PSI finds.

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
    own, answered exactly (Fisher's test); so is whether a category is new. Eight times the
    divergence in nats, divided by (1/n + 1/m), is chi-square with cells - 1 degrees of freedom.
    Sparse cells are merged.

    Examples
    --------
    >>> from operators.base import Feature
    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(8000, 3))
    >>> rows[5000:, 1] += 0.5  # half a standard deviation
    >>> space = Space(tuple(Feature(name) for name in "abc"), n_classes=0)
    >>> [finding] = JensenShannon(space).watch(rows)
    >>> finding.column, finding.index, round(finding.before, 2), round(finding.now, 2)
    (1, 5499, 0.0, 0.53)

    References
    ----------
    .. [1] Lin, 1991, Divergence measures based on the Shannon entropy, IEEE Transactions on
       Information Theory 37. DOI 10.1109/18.61115.
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
            compare=("jensen_shannon", compare),
            compare_categories=("jensen_shannon", compare),
            divide=partial(quantile_cells, bins=bins),
            edges_max=bins - 1,
            schedule=Schedule(reference_size, window, alpha, reference, control, every),
        )


def compare(old: Floats, now: Floats, gaps: Floats) -> Compared:
    """Test by the distance, which is also the effect."""
    found = jensen_shannon(*merge_sparse(old, now, EXPECTED_MIN))
    nothing = np.full_like(found.statistic, np.nan)
    return Compared(*found, found.statistic, nothing, nothing)
