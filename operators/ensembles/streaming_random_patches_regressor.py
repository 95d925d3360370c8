"""Streaming random patches for a numeric target."""

from __future__ import annotations

from operators.base import Space
from operators.ensembles.ensemble import subspace_size
from operators.ensembles.ensemble_regressor import Aggregation, TreeEnsembleRegressor
from operators.kernels.ensemble import REPLACE_DRIFTED
from operators.kernels.regression_forest import PER_TREE
from operators.trees.regression_pools import RegressionLeaf, TreeSettings


class StreamingRandomPatchesRegressor(TreeEnsembleRegressor):
    """Model trees on random records and random features, replaced as their errors rise [1]_.

    Prefer it where many features are irrelevant or redundant: each tree splits on a fixed part of
    them only.

    Parameters
    ----------
    space
        Features; `n_classes` 0.
    seed
        Of record weights and of the features that trees look at.
    trees
        Members. More: better and slower, in proportion.
    features
        Share of the features that each tree may split on, in (0, 1].
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
    A tree that begins draws features anew; its linear models take all numbers. Errors and drift
    are as in `operators.ensembles.adaptive_random_forest_regressor`.

    References
    ----------
    .. [1] Gomes, Read and Bifet, 2019, Streaming random patches for evolving data stream
       classification, ICDM, section III. DOI 10.1109/ICDM.2019.00034.
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
            subspace=PER_TREE,
            subspace_size=subspace_size(space, features),
            rate=rate,
            delta_drift=delta_drift,
            delta_warning=delta_warning,
            response=REPLACE_DRIFTED,
            aggregation=aggregation,
        )
