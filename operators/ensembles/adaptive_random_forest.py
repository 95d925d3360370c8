"""Adaptive random forest."""

from __future__ import annotations

from operators.base import Space
from operators.ensembles.ensemble import TreeEnsemble, subspace_size
from operators.kernels.ensemble import REPLACE_DRIFTED
from operators.trees.forest import Criterion, LeafPrediction, NominalSplit, TreeParams


class AdaptiveRandomForestClassifier(TreeEnsemble):
    """Random forest whose trees are replaced as their errors rise [1]_.

    Prefer it as the strong, well-known ensemble; `adaptive_moe` is more accurate for its cost.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Of record weights and of the features that leaves look at.
    trees
        Members. More: better and slower, in proportion.
    features
        Share of the features that each leaf looks at, in (0, 1].
    rate
        Mean weight of a record in a member (Poisson). Larger: faster growth, more alike members.
    delta_drift
        Significance of the ADWIN that replaces a tree. Smaller: fewer, later replacements.
    delta_warning
        Significance of the ADWIN that starts a tree in the background, which takes over at the
        drift; 0 for no background trees.
    grace_period, delta, tie_threshold, leaf_prediction, leaves_max, criterion, nominal_split
        Of each tree; see `operators.trees.hoeffding.HoeffdingTreeClassifier`.

    Notes
    -----
    Each leaf chooses its split among features of its own. Only rises of the error count: one
    that falls is good news. Votes count by the log odds of the tree's accuracy since it began; see
    `operators.ensembles.streaming_random_patches`. Costs
    `trees` times a tree, and up to twice that while trees grow in the background.

    References
    ----------
    .. [1] Gomes et al., 2017, Adaptive random forests for evolving data stream classification,
       Machine Learning 106, algorithms 1-2. DOI 10.1007/s10994-017-5642-8.
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
        grace_period: int = 50,
        delta: float = 0.01,
        tie_threshold: float = 0.05,
        leaf_prediction: LeafPrediction = "naive_bayes_adaptive",
        leaves_max: int = 1000,
        criterion: Criterion = "information_gain",
        nominal_split: NominalSplit = "binary",
    ) -> None:
        super().__init__(
            space,
            seed,
            trees=trees,
            params=TreeParams(
                grace_period,
                delta,
                tie_threshold,
                leaf_prediction,
                leaves_max,
                criterion,
                nominal_split,
            ),
            view_of="leaf",
            subspace=subspace_size(space, features),
            rate=rate,
            delta_drift=delta_drift,
            delta_warning=delta_warning,
            response=REPLACE_DRIFTED,
            weighted=True,
        )
