"""Adaptive random forest for a numeric target."""

from __future__ import annotations

from operators.base import Space
from operators.ensembles.ensemble import subspace_size
from operators.ensembles.ensemble_regressor import Aggregation, TreeEnsembleRegressor
from operators.kernels.ensemble import REPLACE_DRIFTED
from operators.kernels.regression_forest import PER_LEAF
from operators.trees.regression_pools import RegressionLeaf, TreeSettings


class AdaptiveRandomForestRegressor(TreeEnsembleRegressor):
    """Random forest of model trees that are replaced as their errors rise [1]_.

    Prefer it to a single `hoeffding_tree_regressor` where accuracy is worth its cost, and where
    the stream drifts.

    Parameters
    ----------
    space
        Features; `n_classes` 0.
    seed
        Of record weights and of the features that leaves look at.
    trees
        Members. More: better and slower, in proportion.
    features
        Share of the features that each leaf looks at, in (0, 1].
    rate
        Mean weight of a record in a member (Poisson). Larger: more alike members, surer leaves.
    delta_drift
        Significance of the ADWIN that replaces a tree. Smaller: fewer, later replacements.
    delta_warning
        Significance of the ADWIN that starts a tree in the background, which takes over at the
        drift; 0 for no background trees.
    aggregation
        `mean` of the members' answers, or `weighted` by the inverse of their faded squared
        errors.
    grace_period, delta, tie_threshold, leaf_prediction, fading_factor, leaves_max
        Of each tree; see `operators.trees.regression.HoeffdingTreeRegressor`.

    Notes
    -----
    Each leaf chooses its split among features of its own; its linear model takes all numbers.
    Detectors see absolute errors as a share of four standard deviations of the target; only
    rises count. The members' answers wait in the trace for the label, so errors are those of the
    moment of prediction however late it comes. Costs `trees` times a tree, and up to twice that
    while trees grow in the background.

    References
    ----------
    .. [1] Gomes et al., 2018, Adaptive random forests for data stream regression, ESANN.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        trees: int = 10,
        features: float = 0.6,
        rate: float = 6.0,
        delta_drift: float = 1e-3,
        delta_warning: float = 1e-2,
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
            subspace=PER_LEAF,
            subspace_size=subspace_size(space, features),
            rate=rate,
            delta_drift=delta_drift,
            delta_warning=delta_warning,
            response=REPLACE_DRIFTED,
            aggregation=aggregation,
        )
