"""The Hoeffding tree as a learner."""

from __future__ import annotations

from operators.base import Space
from operators.kernels.hoeffding import run_tree
from operators.one import OneByOne
from operators.snapshot import State
from operators.tape import Rows, Tape
from operators.trees.forest import (
    Criterion,
    LeafPrediction,
    NominalSplit,
    NumericObserver,
    TreeParams,
    TreePools,
)


class HoeffdingTreeClassifier(OneByOne):
    """Decision tree that grows from a stream, splitting a leaf once it is sure enough [1]_.

    Prefer it as a fast baseline and as the expert of an ensemble; alone it forgets slowly,
    leaf by leaf, so after a drift its old branches keep answering for long.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Not used, the tree is deterministic; every learner of the catalogue takes one.
    grace_period
        Records a leaf sees between attempts to split. Larger: less work, slower growth.
    grace_first
        Records a new leaf sees before its first attempt; after each it waits half as long again, up
        to `grace_period`. 0: `grace_period` from the start. Smaller: what is clear is split on
        sooner, as after a drift.
    delta
        Probability of choosing a split other than the best. Smaller: later, surer splits.
    tie_threshold
        Split all the same once the Hoeffding bound is below it. Larger: more splits between
        features that are about as good.
    reluctance
        A leaf whose naive Bayes errs less than this share of the times that the split's branches
        would, each by its majority, needs to be surer: it splits by a `delta` of at most 1e-7, and
        between equals only once the bound is below 0.4 `tie_threshold`. 0: all leaves alike.
        Larger: fewer splits where naive Bayes already answers well.
    leaf_prediction
        `majority`, `naive_bayes`, or whichever of the two has been right more often in the leaf.
    leaves_max
        Leaves that observe features. Beyond it those that promise least only count classes; with
        three times as many of these the tree stops growing.
    criterion
        What a split is to gain: information or Gini's purity.
    numeric_observer
        `gaussian`: each class is a bell, and ten thresholds are tried. `histogram`: 32 bins, whose
        edges are tried; better where classes are no bells, at about five times the memory.
    nominal_split
        On a category: one branch for each code (`multiway`), or one code against the others
        (`binary`), which does not scatter a leaf's records over as many leaves as there are codes.

    Notes
    -----
    By default it follows MOA's HoeffdingTree (information gain, Gaussian observers with ten
    thresholds), with seven differences. `delta` is liberal, and MOA's only where `reluctance` asks
    for it. Nominal splits are binary. "Do not split" has merit 0, so that a single or a useless
    feature is never split on. What a split would gain is reckoned from the records that the leaf
    has learnt, not from what it inherited; one that has nothing to gain though it is due for a tie
    begins anew with those records' class distribution, where MOA splits on a useless feature to the
    same effect. A missing value takes the branch that had most weight. A branch that nothing has
    taken starts with its parent's class distribution at weight one. Where naive Bayes rules out
    every class, class weights answer. Predicting costs O(features x classes), learning O(features)
    and every `grace_period` records O(features x classes x thresholds).

    Examples
    --------
    >>> from operators.base import Feature, Space
    >>> tree = HoeffdingTreeClassifier(Space((Feature("load"),), n_classes=2), grace_period=20)
    >>> for load in range(100):
    ...     tree.learn_one({"load": load % 10}, load % 10 > 4)
    >>> tree.predict_one({"load": 2}), tree.predict_one({"load": 7}), tree.leaf_count
    (False, True, 2)

    References
    ----------
    .. [1] Domingos and Hulten, 2000, Mining high-speed data streams, KDD, algorithm VFDT.
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        grace_period: int = 200,
        grace_first: int = 0,
        delta: float = 1e-3,
        tie_threshold: float = 0.05,
        reluctance: float = 0.6,
        leaf_prediction: LeafPrediction = "naive_bayes_adaptive",
        leaves_max: int = 1000,
        criterion: Criterion = "information_gain",
        nominal_split: NominalSplit = "binary",
        numeric_observer: NumericObserver = "gaussian",
    ) -> None:
        self.space = space
        self.seed = seed
        self._pools = TreePools(
            space,
            1,
            TreeParams(
                grace_period=grace_period,
                grace_first=grace_first,
                delta=delta,
                tie_threshold=tie_threshold,
                reluctance=reluctance,
                leaf_prediction=leaf_prediction,
                leaves_max=leaves_max,
                criterion=criterion,
                nominal_split=nominal_split,
                numeric_observer=numeric_observer,
            ),
        )

    @property
    def leaf_count(self) -> int:
        """Number of leaves."""
        return int(self._pools.forest.trees["leaf_count"][0])

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        self._pools.check(tape, rows)
        step = 0
        while True:
            step = run_tree(
                tape.action, tape.row, step, rows.x, rows.y, rows.output, self._pools.forest
            )
            if step == len(tape):
                return
            self._pools.grow()

    def snapshot(self) -> State:
        """Return the whole state."""
        return self._pools.snapshot()

    def restore(self, state: State) -> None:
        """Take over a snapshot of a tree with equal parameters."""
        self._pools.restore(state)
