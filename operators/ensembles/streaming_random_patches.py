"""Streaming random patches."""

from __future__ import annotations

from operators.base import Space
from operators.ensembles.ensemble import TreeEnsemble, subspace_size
from operators.kernels.ensemble import REPLACE_DRIFTED
from operators.trees.forest import Criterion, LeafPrediction, NominalSplit, TreeParams


class StreamingRandomPatchesClassifier(TreeEnsemble):
    """Trees on random records and random features, replaced as their errors rise [1]_.

    Prefer it where many features are irrelevant or redundant: each tree sees a fixed part of them.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Of record weights and of the features that trees look at.
    trees
        Members. More: better and slower, in proportion.
    features
        Share of the features that each tree looks at, in (0, 1].
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
    A tree that begins gets features anew: at least two, and those that fewest trees look at. Drawn
    freely, as in the paper, three features of which two decide would leave most of ten trees blind
    now and then. Only rises of the error count: one that falls is good news. Votes count by the
    log odds of the tree's accuracy since it began, against chance [2]_; by the accuracy itself, as
    in the paper, trees that miss what matters outvote the few that see it.

    References
    ----------
    .. [1] Gomes, Read and Bifet, 2019, Streaming random patches for evolving data stream
       classification, ICDM, section III. DOI 10.1109/ICDM.2019.00034.
    .. [2] Kuncheva and Rodriguez, 2014, A weighted voting framework for classifiers ensembles,
       Knowledge and Information Systems 38. DOI 10.1007/s10115-012-0586-6.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        trees: int = 10,
        features: float = 0.6,
        rate: float = 6.0,
        delta_drift: float = 1e-5,
        delta_warning: float = 1e-4,
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
            view_of="tree",
            subspace=patch_size(space, features),
            rate=rate,
            delta_drift=delta_drift,
            delta_warning=delta_warning,
            response=REPLACE_DRIFTED,
            weighted=True,
        )


def patch_size(space: Space, share: float) -> int:
    """Return how many features a tree looks at: at least two, where there are two.

    With one feature for all its life a tree learns nothing of how they act together.

    Examples
    --------
    >>> from operators.base import Feature
    >>> patch_size(Space((Feature("x"), Feature("y")), n_classes=2), 0.6)
    2
    """
    return min(len(space.features), max(2, subspace_size(space, share)))
