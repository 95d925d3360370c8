"""Leveraging bagging for a numeric target."""

from __future__ import annotations

from operators.base import Space
from operators.ensembles.ensemble_regressor import Aggregation, TreeEnsembleRegressor
from operators.kernels.ensemble import RESET_WORST
from operators.kernels.regression_forest import ALL
from operators.trees.regression_pools import RegressionLeaf, TreeSettings


class LeveragingBaggingRegressor(TreeEnsembleRegressor):
    """Bagged model trees on all features, of which the worst is reset when one's error rises [1]_.

    Prefer it where every feature matters and memory is short: it has no background trees.

    Parameters
    ----------
    space
        Features; `n_classes` 0.
    seed
        Of record weights.
    trees
        Members. More: better and slower, in proportion.
    rate
        Mean weight of a record in a member (Poisson). Larger: more alike members, surer leaves.
    delta_drift
        Significance of the ADWIN that replaces a tree. Smaller: fewer, later replacements.
    aggregation
        `mean` of the members' answers, or `weighted` by the inverse of their faded squared
        errors.
    grace_period, delta, tie_threshold, leaf_prediction, fading_factor, leaves_max
        Of each tree; see `operators.trees.regression.HoeffdingTreeRegressor`.

    Notes
    -----
    Errors and drift are as in `operators.ensembles.adaptive_random_forest_regressor`.

    References
    ----------
    .. [1] Bifet, Holmes and Pfahringer, 2010, Leveraging bagging for evolving data streams, ECML
       PKDD, section 2. DOI 10.1007/978-3-642-15880-3_15.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        trees: int = 10,
        rate: float = 6.0,
        delta_drift: float = 0.002,
        aggregation: Aggregation = "weighted",
        grace_period: int = 100,
        delta: float = 0.01,
        tie_threshold: float = 0.05,
        leaf_prediction: RegressionLeaf = "adaptive",
        fading_factor: float = 0.999,
        leaves_max: int = 1000,
    ) -> None:
        super().__init__(
            space,
            seed,
            trees=trees,
            settings=TreeSettings(
                grace_period, delta, tie_threshold, leaf_prediction, fading_factor, leaves_max
            ),
            subspace=ALL,
            subspace_size=len(space.features),
            rate=rate,
            delta_drift=delta_drift,
            delta_warning=0.0,
            response=RESET_WORST,
            aggregation=aggregation,
        )
