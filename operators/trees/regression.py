"""The regression tree as a learner."""

from __future__ import annotations

from operators.base import Space
from operators.kernels.regression_tree import TRACE, run_tree
from operators.one import ValueOneByOne
from operators.snapshot import State
from operators.tape import Rows, Tape
from operators.trees.regression_pools import RegressionLeaf, RegressionPools, TreeSettings


class HoeffdingTreeRegressor(ValueOneByOne):
    """Model tree that grows from a stream, splitting a leaf once it is sure enough [1]_.

    Prefer it as a fast baseline; leaves follow slow changes, but splits are never taken back, so
    after an abrupt drift an ensemble recovers sooner.

    Parameters
    ----------
    space
        Features; `n_classes` 0.
    seed
        Not used, the tree is deterministic; every learner of the catalogue takes one.
    grace_period
        Records a leaf sees between attempts to split. Larger: less work, slower growth.
    delta
        Probability of choosing a split other than the best. Smaller: later, surer splits.
    tie_threshold
        Split all the same once the Hoeffding bound is below it. Larger: more splits between
        features that are about as good.
    leaf_prediction
        `mean` of the leaf's targets, its `linear` model, or `adaptive`: whichever of the two has
        lately had the smaller squared error in the leaf.
    fading_factor
        What a record of a leaf weighs once the next one is learnt, in its mean and linear model.
        Smaller: follows changes sooner, answers vary more.
    leaves_max
        Bound of the tree. A split that would pass it puts the leaves of least promise to sleep:
        they go on answering and learning but try no splits, until they promise more than some
        leaf that is awake. With three sleeping for each one awake the tree stops growing.

    Notes
    -----
    After FIMT-DD, with differences. Numbers are observed in histograms of fixed size instead of
    search trees of unbounded size; categories are cut in two by their means, which finds the
    best of all divisions into two sets. Linear models are trained by recursive least squares on
    standardised numbers (categories divide, but are no inputs), a child begins with its parent's.
    Where the linear model answers, splits are chosen to explain what it leaves over rather than
    the target. A split must reduce the variance by more than chance does. A missing value takes
    the branch that had most weight, and counts as the mean in a linear model. With more than 63
    numbers a linear model keeps only the diagonal of its matrix.

    The target's unit does not matter: answers scale with it. They stay within the range of the
    targets seen, widened by a quarter on either side.

    Examples
    --------
    >>> from operators.base import Feature, Space
    >>> tree = HoeffdingTreeRegressor(Space((Feature("load"),), n_classes=0), grace_period=50)
    >>> for load in range(1000):
    ...     tree.learn_one({"load": load % 10}, abs(load % 10 - 5))
    >>> [round(tree.predict_one({"load": load})) for load in (2, 5, 7)]
    [3, 0, 2]

    References
    ----------
    .. [1] Ikonomovska, Gama and Dzeroski, 2011, Learning model trees from evolving data streams,
       Data Mining and Knowledge Discovery 23. DOI 10.1007/s10618-010-0201-y.
    """

    trace_width = TRACE + 1

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        grace_period: int = 200,
        delta: float = 1e-3,
        tie_threshold: float = 0.05,
        leaf_prediction: RegressionLeaf = "adaptive",
        fading_factor: float = 0.999,
        leaves_max: int = 1000,
    ) -> None:
        self.space = space
        self.seed = seed
        self._pools = RegressionPools(
            space,
            1,
            TreeSettings(
                grace_period, delta, tie_threshold, leaf_prediction, fading_factor, leaves_max
            ),
        )

    @property
    def leaf_count(self) -> int:
        """Number of leaves that are awake."""
        return int(self._pools.forest.leaf_counts[0])

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        self._pools.check(tape, rows)
        step = 0
        while True:
            step = run_tree(
                tape.action,
                tape.row,
                step,
                rows.x,
                rows.y,
                rows.output,
                rows.trace,
                self._pools.forest,
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
