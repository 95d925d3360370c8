"""Leveraging bagging."""

from __future__ import annotations

from operators.base import Space
from operators.ensembles.ensemble import TreeEnsemble
from operators.kernels.ensemble import RESET_WORST
from operators.trees.forest import Criterion, LeafPrediction, NominalSplit, TreeParams


class LeveragingBaggingClassifier(TreeEnsemble):
    """Bagged trees on all features, of which the worst are reset when errors rise [1]_.

    Prefer it where every feature matters and memory is short: it has no background trees.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Of record weights.
    trees
        Members. More: better and slower, in proportion.
    rate
        Mean weight of a record in a member (Poisson). Larger: faster growth, more alike members.
    delta_drift
        Significance of the ADWIN that replaces a tree. Smaller: fewer, later replacements.
    grace_period, delta, tie_threshold, leaf_prediction, leaves_max, criterion, nominal_split
        Of each tree; see `operators.trees.hoeffding.HoeffdingTreeClassifier`.
    reluctance
        The same. Larger here: where naive Bayes answers well a vote of whole leaves is the better.

    Notes
    -----
    Only rises of the error count: one that falls is good news. Each alarm resets one tree, the
    one with the largest recent error. The paper's reset is one a record; but members that are much
    alike all see a drift at the same record, and most of them would then stay as they are.

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
        grace_period: int = 200,
        delta: float = 1e-3,
        tie_threshold: float = 0.05,
        reluctance: float = 0.75,
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
                reluctance=reluctance,
            ),
            view_of="forest",
            subspace=0,
            rate=rate,
            delta_drift=delta_drift,
            delta_warning=0.0,
            response=RESET_WORST,
            weighted=False,
        )
