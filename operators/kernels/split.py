"""When and how a leaf splits: information gain or Gini's under the Hoeffding bound.

A numeric feature offers the edges of its histogram's bins, or, where each class is taken for a
bell, ten thresholds spread evenly between the least and the greatest value seen; the weight of a
class on either side then comes from its Gaussian, cut off at the class's own least and greatest
value. A nominal feature offers one branch a code, or each code against the others. A split of
which fewer than two branches have more than 1 % of the weight has no merit, and "do not split" has
merit 0.

What a leaf inherits from the split that made it counts in its answers and in the Hoeffding bound,
but not in what a split would gain: that is the impurity of the records that the leaf itself has
learnt, less that of its branches, which hold the same records. A leaf that is due for a tie but
has nothing to gain begins anew with what it has learnt (`renew`): after a drift its inheritance
and its oldest records are what keeps it wrong.

Splitting takes a leaf's Gaussians from it, and its branches have to learn them again from fewer
records. Where naive Bayes errs much less than the branches would, that is what a split costs; such
a leaf has to be surer (`answers_better`). Not so by `Forest.reluctance` 0.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.compiled import njit
from operators.kernels.forest import (
    BAYES_RIGHT,
    BY_CODE,
    BY_NUMBER,
    COLUMN,
    COLUMNS,
    COUNT,
    FIRST,
    FREE_LEAF,
    GINI,
    HEADER,
    HIGH,
    INVERSE,
    LEAVES_USED,
    LOW,
    M2,
    MEAN,
    N_CODES,
    N_NOMINAL,
    N_NUMERIC,
    NOMINAL_FIELDS,
    ONE_CODE,
    TOTAL,
    VIEW,
    FloatArray,
    Forest,
    class_at,
    counts_at,
    take_nodes,
    take_row,
    totals_at,
)
from operators.kernels.histogram import BINS, branch_bins, edge_at, edge_value
from operators.kernels.memory import make_room_for_leaves
from operators.kernels.naive_bayes import add_weight, clear_leaf
from operators.kernels.views import view_of_new_leaf

THRESHOLDS = 10
# The normal distribution at z = -8 .. 8 in steps of 1/128: read off between two entries it is
# right to 2e-6, in a tenth of the time of erfc. Of two thresholds as good as equal it may choose
# the other one.
Z_MAX, Z_STEPS = 8.0, 128.0
NORMAL = np.array([0.5 * math.erfc((8.0 - k / 128.0) / math.sqrt(2)) for k in range(2050)])
BRANCH_FRACTION_MIN = 0.01
# What a leaf that answers better than a split would has to meet: MOA's confidence, and a smaller
# share of the bound at which others split between equals.
STRICT_DELTA, STRICT_TIE = 1e-7, 0.4
ROOT_TWO = math.sqrt(2.0)
# weight * log2(weight) of the whole numbers that most class weights are: to the bit what is
# computed otherwise.
WEIGHTED_BITS = np.array([0.0] + [weight * math.log2(weight) for weight in range(1, 4096)])


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def weighted_bits(weight: float) -> float:
    """Return weight * log2(weight), from a table where it can be."""
    if weight < len(WEIGHTED_BITS):
        whole = np.int64(weight)
        if whole == weight:
            return WEIGHTED_BITS[whole]  # type: ignore[no-any-return]
    return weight * math.log2(weight)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def entropy(weights: FloatArray, total: float) -> float:
    """Return the entropy of a class distribution, in bits, times its weight.

    Exactly 0 if one class has it all, so that thresholds which part the classes equally well have
    equal merit and the first of them is taken, not the one that rounding prefers.
    """
    bits = 0.0
    for weight in weights:
        if weight == total:
            return 0.0
        if weight > 0.0:
            bits -= weighted_bits(weight)
    return bits + weighted_bits(total)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def gini(weights: FloatArray, total: float) -> float:
    """Return Gini's impurity of a class distribution times its weight."""
    squares = 0.0
    for weight in weights:
        if weight == total:
            return 0.0  # exactly, as in `entropy`
        squares += weight * weight
    return total - squares / total


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def impurity(criterion: int, weights: FloatArray, total: float) -> float:
    """Return the impurity that a forest's trees go by, times the weight."""
    if criterion == GINI:
        return gini(weights, total)  # type: ignore[no-any-return]
    return entropy(weights, total)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def branch_numeric(forest: Forest, leaf: FloatArray, j: int, threshold: float) -> None:
    """Write to `forest.branches` how a threshold on numeric feature `j` divides each class."""
    n = forest.slots
    for c in range(forest.n_classes):
        at = class_at(forest, c) + j
        count = leaf[at + COUNT * n]
        if threshold < leaf[at + LOW * n]:
            below = 0.0
        elif threshold >= leaf[at + HIGH * n]:
            below = count
        else:
            # LOW < HIGH here, so there are two values and the variance is positive.
            deviation = math.sqrt(leaf[at + M2 * n] / (count - 1.0))
            z = (threshold - leaf[at + MEAN * n]) / deviation
            below = count * 0.5 * math.erfc(-z / ROOT_TWO)
        forest.branches[0, c] = below
        forest.branches[1, c] = count - below


@njit(cache=True, nogil=True, error_model="numpy")
def branch_nominal(forest: Forest, leaf: FloatArray, j: int) -> None:
    """Write to `forest.branches` how the codes of nominal feature `j` divide each class."""
    view = np.int64(leaf[VIEW])
    branches = forest.branches
    at = COLUMNS + forest.slots + NOMINAL_FIELDS * j
    codes, first = forest.views[view, at + N_CODES], forest.views[view, at + FIRST]
    for c in range(forest.n_classes):
        start = counts_at(forest, c) + first
        counts = leaf[start : start + codes]
        for code in range(codes):
            branches[code, c] = counts[code]


@njit(cache=True, nogil=True, error_model="numpy")
def branch_code(forest: Forest, leaf: FloatArray, j: int, code: int) -> None:
    """Write to `forest.branches` how a code against the others divides each class."""
    view = np.int64(leaf[VIEW])
    at = COLUMNS + forest.slots + NOMINAL_FIELDS * j
    first = forest.views[view, at + FIRST]
    for c in range(forest.n_classes):
        taken = leaf[counts_at(forest, c) + first + code]
        forest.branches[0, c] = taken
        forest.branches[1, c] = leaf[totals_at(forest, c) + j] - taken


@njit(cache=True, nogil=True, error_model="numpy")
def merit(forest: Forest, before: float, arity: int) -> float:
    """Return what the branches gain, -inf if fewer than two carry weight."""
    branches = forest.branches
    total = 0.0
    for b in range(arity):
        for c in range(forest.n_classes):
            total += branches[b, c]
    filled, after = 0, 0.0
    for b in range(arity):
        weight = 0.0
        for c in range(forest.n_classes):
            weight += branches[b, c]
        if weight > BRANCH_FRACTION_MIN * total:
            filled += 1
        if weight > 0.0:
            after += impurity(forest.criterion, branches[b], weight)
    return before - after / total if filled >= 2 else -np.inf


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def normal(z: float) -> float:
    """Return the probability that a standard normal value is at most z, to 2e-6."""
    place = (min(max(z, -Z_MAX), Z_MAX) + Z_MAX) * Z_STEPS
    k = np.int64(place)
    return NORMAL[k] + (place - k) * (NORMAL[k + 1] - NORMAL[k])  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def weigh_numeric(forest: Forest, leaf: FloatArray, j: int, threshold: float) -> None:
    """Write to `forest.branches` about what `branch_numeric` would."""
    n = forest.slots
    below, above = forest.branches[0], forest.branches[1]
    for c in range(forest.n_classes):
        at = class_at(forest, c) + j
        count = leaf[at + COUNT * n]
        if threshold < leaf[at + LOW * n]:
            share = 0.0
        elif threshold >= leaf[at + HIGH * n]:
            share = 1.0
        else:
            # 1 / deviation, from what the densities are made of.
            share = normal(
                (threshold - leaf[at + MEAN * n]) * math.sqrt(2.0 * leaf[at + INVERSE * n])
            )
        below[c] = count * share
        above[c] = count - below[c]


@njit(cache=True, nogil=True, error_model="numpy")
def best_threshold(forest: Forest, leaf: FloatArray, before: float, j: int) -> tuple[float, float]:
    """Return the best merit of numeric feature `j` and its threshold."""
    n = forest.slots
    low, high = np.inf, -np.inf
    for c in range(forest.n_classes):
        at = class_at(forest, c) + j
        low = min(low, leaf[at + LOW * n])
        high = max(high, leaf[at + HIGH * n])
    best, best_at = -np.inf, 0.0
    if not low < high:
        return best, best_at
    for i in range(1, THRESHOLDS + 1):
        threshold = low + (high - low) / (THRESHOLDS + 1) * i
        if not low < threshold < high:
            continue
        weigh_numeric(forest, leaf, j, threshold)
        gain = merit(forest, before, 2)
        if gain > best:
            best, best_at = gain, threshold
    return best, best_at


@njit(cache=True, nogil=True, error_model="numpy")
def best_edge(forest: Forest, leaf: FloatArray, before: float, j: int) -> tuple[float, float]:
    """Return the best merit of numeric feature `j` by its histograms, and its threshold."""
    best, best_at = -np.inf, 0.0
    for edge in range(BINS - 1):
        branch_bins(forest, leaf, j, edge)
        gain = merit(forest, before, 2)
        if gain > best:
            best, best_at = gain, edge_value(forest, leaf, j, edge)
    return best, best_at


@njit(cache=True, nogil=True, error_model="numpy")
def best_code(forest: Forest, leaf: FloatArray, before: float, j: int) -> tuple[float, float]:
    """Return the best merit of nominal feature `j` split in two, and the code taken apart."""
    view = np.int64(leaf[VIEW])
    codes = forest.views[view, COLUMNS + forest.slots + NOMINAL_FIELDS * j + N_CODES]
    best, best_at = -np.inf, 0.0
    for code in range(codes):
        branch_code(forest, leaf, j, code)
        gain = merit(forest, before, 2)
        if gain > best:
            best, best_at = gain, float(code)
    return best, best_at


@njit(cache=True, nogil=True, error_model="numpy")
def offer(forest: Forest, leaf: FloatArray, before: float, j: int) -> tuple[float, float]:
    """Return the best merit of a view's feature `j`, numeric ones first, and its threshold."""
    view = np.int64(leaf[VIEW])
    n_numeric = forest.views[view, N_NUMERIC]
    if j < n_numeric and forest.has_histograms:
        return best_edge(forest, leaf, before, j)  # type: ignore[no-any-return]
    if j < n_numeric:
        return best_threshold(forest, leaf, before, j)  # type: ignore[no-any-return]
    if forest.nominal_split == ONE_CODE:
        return best_code(forest, leaf, before, j - n_numeric)  # type: ignore[no-any-return]
    branch_nominal(forest, leaf, j - n_numeric)
    at = COLUMNS + forest.slots + NOMINAL_FIELDS * (j - n_numeric)
    return merit(forest, before, forest.views[view, at + N_CODES]), 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def grow(forest: Forest, tree: int, node: int, arity: int) -> None:
    """Turn a leaf into a split whose children start with the rows of `forest.branches`.

    The first child takes over the row of the pool that its parent had. A branch that no record
    has taken yet starts with its parent's class distribution at a total weight of one, an
    opinion that the first records overturn.
    """
    row = np.int64(forest.nodes[node]["child"])
    parent = forest.leaves[row]
    view = np.int64(parent[VIEW])
    for c in range(forest.n_classes):
        weight = parent[HEADER + c]
        forest.scores[c] = weight / parent[TOTAL]
    child = take_nodes(forest, arity)
    forest.trees[tree]["leaf_count"] += arity - 1
    forest.nodes[node]["child"] = child
    heavy, heaviest = 0, -1.0
    for b in range(arity):
        if b > 0:
            row = take_row(forest.leaves, forest.used, LEAVES_USED, FREE_LEAF)
        forest.nodes[child + b]["threshold"] = 0.0
        forest.nodes[child + b]["feature"] = -1
        forest.nodes[child + b]["child"] = row
        forest.nodes[child + b]["heavy"] = 0
        forest.nodes[child + b]["arity"] = 0
        leaf = forest.leaves[row]
        clear_leaf(forest, leaf, view_of_new_leaf(forest, row, view))
        total = forest.branches[b].sum()
        if total > heaviest:
            heavy, heaviest = b, total
        for c in range(forest.n_classes):
            weight = forest.branches[b, c] if total > 0.0 else forest.scores[c]
            if weight > 0.0:
                add_weight(forest, leaf, c, weight)
    forest.nodes[node]["heavy"] = heavy


@njit(cache=True, nogil=True, error_model="numpy")
def divide(forest: Forest, leaf: FloatArray, j: int, threshold: float) -> tuple[int, int]:
    """Write to `forest.branches` how a view's feature `j` divides each class.

    Returns what the node's `arity` says of such a split, and the number of branches.
    """
    view = np.int64(leaf[VIEW])
    k = j - forest.views[view, N_NUMERIC]
    if k < 0:
        if forest.has_histograms:
            branch_bins(forest, leaf, j, edge_at(forest, leaf, j, threshold))
        else:
            branch_numeric(forest, leaf, j, threshold)
        return BY_NUMBER, 2
    if forest.nominal_split == ONE_CODE:
        branch_code(forest, leaf, k, np.int64(threshold))
        return BY_CODE, 2
    branch_nominal(forest, leaf, k)
    arity = forest.views[view, COLUMNS + forest.slots + NOMINAL_FIELDS * k + N_CODES]
    return arity, arity


@njit(cache=True, nogil=True, error_model="numpy")
def split(
    forest: Forest, tree: int, node: int, j: int, threshold: float, shape: tuple[int, int]
) -> None:
    """Split a leaf into `forest.branches`, if the tree may have that many more leaves."""
    kind, arity = shape
    view = np.int64(forest.leaves[np.int64(forest.nodes[node]["child"]), VIEW])
    k = j - forest.views[view, N_NUMERIC]
    at = COLUMNS + forest.slots + NOMINAL_FIELDS * k
    if not make_room_for_leaves(forest, tree, node, arity - 1):
        return
    forest.nodes[node]["feature"] = forest.views[view, COLUMNS + j if k < 0 else at + COLUMN]
    forest.nodes[node]["threshold"] = threshold
    forest.nodes[node]["arity"] = kind
    grow(forest, tree, node, arity)


@njit(cache=True, nogil=True, error_model="numpy")
def answers_better(forest: Forest, leaf: FloatArray, learnt: float, arity: int) -> bool:
    """Tell whether naive Bayes errs less than `reluctance` times as often as the branches would.

    Naive Bayes is judged on each record before it was learnt, the branches by their majority.
    """
    total, hits = 0.0, 0.0
    for b in range(arity):
        top = 0.0
        for c in range(forest.n_classes):
            total += forest.branches[b, c]
            top = max(top, forest.branches[b, c])
        hits += top
    # A record that misses values may be among the right answers and not among what was learnt.
    missed = max(learnt - leaf[BAYES_RIGHT], 0.0)
    return missed < forest.reluctance * learnt * (1.0 - hits / total)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def is_sure(lead: float, bound: float, tie_threshold: float) -> bool:
    """Tell whether a lead is beyond doubt, or would not matter."""
    return lead > bound or bound < tie_threshold


@njit(cache=True, nogil=True, error_model="numpy")
def is_pure(leaf: FloatArray, n_classes: int) -> bool:
    """Tell whether a leaf's weight is all of one class."""
    classes = 0
    for c in range(n_classes):
        classes += leaf[HEADER + c] > 0.0
    return classes < 2


@njit(cache=True, nogil=True, error_model="numpy")
def weigh_learnt(forest: Forest, leaf: FloatArray) -> float:
    """Write to `forest.scores` what a leaf has itself learnt of each class; return the sum.

    A record that misses the value of one feature is counted by another.
    """
    views, n = forest.views, forest.slots
    view = np.int64(leaf[VIEW])
    total = 0.0
    for c in range(forest.n_classes):
        counts, totals = class_at(forest, c) + COUNT * n, totals_at(forest, c)
        weight = 0.0
        for j in range(views[view, N_NUMERIC]):
            weight = max(weight, leaf[counts + j])
        for j in range(views[view, N_NOMINAL]):
            weight = max(weight, leaf[totals + j])
        forest.scores[c] = weight
        total += weight
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def renew(forest: Forest, row: int) -> None:
    """Let a leaf begin anew, with the class weights that it has itself learnt."""
    leaf = forest.leaves[row]
    weigh_learnt(forest, leaf)
    clear_leaf(forest, leaf, view_of_new_leaf(forest, row, np.int64(leaf[VIEW])))
    for c in range(forest.n_classes):
        if forest.scores[c] > 0.0:
            add_weight(forest, leaf, c, forest.scores[c])


@njit(cache=True, nogil=True, error_model="numpy")
def attempt_split(forest: Forest, tree: int, node: int) -> None:
    """Split a leaf if its best feature beats the second best beyond doubt, or none matters.

    The gain's range is log2 of the number of classes that the tree has learnt, or 1 for Gini's.
    """
    row = np.int64(forest.nodes[node]["child"])
    leaf = forest.leaves[row]
    if is_pure(leaf, forest.n_classes):
        return
    learnt = weigh_learnt(forest, leaf)
    if learnt == 0.0:
        return
    before = impurity(forest.criterion, forest.scores, learnt) / learnt
    spread = 1.0
    if forest.criterion != GINI:
        spread = math.log2(max(forest.trees[tree]["class_count"], 2))
    bound = math.sqrt(spread * spread * math.log(1.0 / forest.delta) / (2.0 * leaf[TOTAL]))
    # No split gains more than there is.
    if before <= bound and bound >= forest.tie_threshold:
        return
    view = np.int64(leaf[VIEW])
    best, second, best_j, threshold = 0.0, 0.0, -1, 0.0
    for j in range(forest.views[view, N_NUMERIC] + forest.views[view, N_NOMINAL]):
        gain, at = offer(forest, leaf, before, j)
        if gain > best:
            best, second, best_j, threshold = gain, best, j, at
        elif gain > second:
            second = gain
    if best_j < 0:
        if bound < forest.tie_threshold:
            renew(forest, row)
        return
    lead = best - second
    if not is_sure(lead, bound, forest.tie_threshold):
        return
    shape = divide(forest, leaf, best_j, threshold)
    if answers_better(forest, leaf, learnt, shape[1]):
        bound *= math.sqrt(math.log(min(STRICT_DELTA, forest.delta)) / math.log(forest.delta))
        if not is_sure(lead, bound, STRICT_TIE * forest.tie_threshold):
            return
    split(forest, tree, node, best_j, threshold, shape)
