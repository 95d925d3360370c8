"""When and how a leaf of a regression tree splits [1]_.

The merit of a split is by how much it reduces the variance of what the leaf has to explain: the
target, or where the leaf answers with its linear model, what that model left over. A number
offers the borders of its histogram; a category its codes in the order of their means, cut in two,
which holds the best of all divisions into two sets.

References
----------
.. [1] Ikonomovska, Gama and Dzeroski, 2011, Learning model trees from evolving data streams,
   Data Mining and Knowledge Discovery 23, section 5 (the ratio test).
   DOI 10.1007/s10618-010-0201-y.
.. [2] Fisher, 1958, On grouping for maximum homogeneity, JASA 53 (categories by their means).
   DOI 10.1080/01621459.1958.10501479.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.compiled import njit
from operators.kernels.random import below
from operators.kernels.regression_bins import (
    BINS,
    SUMS,
    best_border,
    gain,
    sum_bins,
    threshold_after,
)
from operators.kernels.regression_forest import (
    HEADER,
    LINEAR_ERROR,
    MEAN,
    MEAN_ERROR,
    MEAN_LEAF,
    MEAN_WEIGHT,
    PER_LEAF,
    PER_TREE,
    PROMISE,
    RESIDUAL_SQUARES,
    RESIDUAL_SUM,
    SEEN,
    SEEN_M2,
    WEIGHT,
    FloatArray,
    Forest,
    IntArray,
    clear_node,
    drop_tree,
    take_leaf,
    take_pair,
)
from operators.kernels.regression_linear import clear_model, inherit_model
from operators.kernels.regression_memory import make_room_for_leaf

TARGETS, RESIDUALS = 1, 2
BRANCH_RECORDS_MIN = 5.0
# A child's model believes its parent's information this much less: it is of other records.
DOUBT = 10.0


@njit(cache=True, nogil=True, error_model="numpy")
def explains(leaf: FloatArray, leaf_prediction: int) -> int:
    """Return which sums a leaf's splits have to divide: of targets or of residuals."""
    if leaf_prediction == MEAN_LEAF or leaf[MEAN_ERROR] < leaf[LINEAR_ERROR]:
        return TARGETS
    return RESIDUALS


@njit(cache=True, nogil=True, error_model="numpy")
def squares_about_mean(leaf: FloatArray, which: int) -> float:
    """Return the sum of squares that a split could at best reduce."""
    if which == TARGETS:
        return leaf[SEEN_M2]  # type: ignore[no-any-return]
    return (  # type: ignore[no-any-return]
        leaf[RESIDUAL_SQUARES] - leaf[RESIDUAL_SUM] * leaf[RESIDUAL_SUM] / leaf[WEIGHT]
    )


@njit(cache=True, nogil=True, error_model="numpy")
def order_codes(forest: Forest, leaf: FloatArray, at: int, codes: int, which: int) -> int:
    """Write to `forest.order` the codes seen, by rising mean; return how many there are."""
    order = forest.order
    n = 0
    for code in range(codes):
        weight = leaf[at + SUMS * code]
        if weight == 0.0:
            continue
        mean = leaf[at + SUMS * code + which] / weight
        i = n
        while i > 0:
            other = at + SUMS * order[i - 1]
            if not leaf[other + which] / leaf[other] > mean:
                break
            order[i] = order[i - 1]
            i -= 1
        order[i] = code
        n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def best_division(
    forest: Forest,
    leaf: FloatArray,
    at: int,
    codes: int,
    which: int,
    weight_min: float,
    chance: float,
) -> tuple[float, int]:
    """Return the greatest gain of cutting the ordered codes, and how many go to the first child.

    (0, -1) if there is none. Ordering k codes by their means makes a gain out of noise, of at
    most k - 2 times `chance` (one record's share of the squares) more than a cut that was given;
    so much is taken off.
    """
    order = forest.order
    seen = order_codes(forest, leaf, at, codes, which)
    n, s = 0.0, 0.0
    for i in range(seen):
        n += leaf[at + SUMS * order[i]]
        s += leaf[at + SUMS * order[i] + which]
    best, best_count = 0.0, -1
    n_left, s_left = 0.0, 0.0
    taken_off = max(seen - 2, 0) * chance
    for i in range(seen - 1):
        n_left += leaf[at + SUMS * order[i]]
        s_left += leaf[at + SUMS * order[i] + which]
        if n_left < weight_min or n - n_left < weight_min:
            continue
        value = gain(n, s, n_left, s_left) - taken_off
        if value > best:
            best, best_count = value, i + 1
    return best, best_count


@njit(cache=True, nogil=True, error_model="numpy")
def attempt_split(forest: Forest, tree: int, node: int) -> None:
    """Split a leaf if its best feature beats the second best beyond doubt, or none matters.

    With a and b the reductions of the best and the second best feature, b / a lies in [0, 1] and
    the Hoeffding bound holds for it. That test alone would split on noise where there is but one
    feature; so the reduction also has to be more than chance makes of nothing: for n records and
    a share q of the squares reduced, n q is about chi-squared with one degree of freedom.
    """
    leaf = forest.leaves[forest.nodes[node]["child"]]
    which = explains(leaf, forest.leaf_prediction)
    squares = squares_about_mean(leaf, which)
    weight_min = BRANCH_RECORDS_MIN * leaf[WEIGHT] / leaf[SEEN]
    best, second, best_slot, best_place = 0.0, 0.0, -1, 0
    for k in range(len(forest.slots)):
        codes = forest.capacities[np.int64(leaf[HEADER + k])]
        if codes == 0:
            value, place = best_border(leaf, forest.slots[k], which, weight_min)
        else:
            value, place = best_division(
                forest, leaf, forest.slots[k], codes, which, weight_min, squares / leaf[SEEN]
            )
        if value > best:
            best, second, best_slot, best_place = value, best, k, place
        elif value > second:
            second = value
    if best_slot < 0:
        return
    doubt = math.log(1.0 / forest.delta)
    if not leaf[SEEN] * best > 2.0 * doubt * squares:
        return
    bound = math.sqrt(doubt / (2.0 * leaf[SEEN]))
    is_sure = second < best * (1.0 - bound) or bound < forest.tie_threshold
    if is_sure and make_room_for_leaf(forest, tree, node):
        split(forest, tree, node, best_slot, best_place, which, max(1.0 - best / squares, 0.0))


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def split(
    forest: Forest, tree: int, node: int, slot: int, place: int, which: int, left_over: float
) -> None:
    """Turn a leaf into a split with two leaves, which share the promise that is left over."""
    row = np.int64(forest.nodes[node]["child"])
    leaf = forest.leaves[row]
    at = forest.slots[slot]
    feature = np.int64(leaf[HEADER + slot])
    codes = forest.capacities[feature]
    sums = forest.sums  # of the left branch, then of both
    if codes == 0:
        sum_bins(leaf, at, place + 1, sums[0])
        sum_bins(leaf, at, BINS + 2, sums[1])
        forest.nodes[node]["threshold"] = threshold_after(leaf, at, place)
    else:
        divide_codes(forest, node, leaf, at, codes, which, place)
        forest.nodes[node]["is_nominal"] = 1
    sums[1] -= sums[0]
    heavy = 0 if sums[0, 0] >= sums[1, 0] else 1
    pair = take_pair(forest)
    other = take_leaf(forest)
    forest.nodes[node]["feature"] = feature
    forest.nodes[node]["child"] = pair
    forest.nodes[node]["heavy"] = heavy
    forest.leaf_counts[tree] += 1
    forest.nodes[pair]["child"] = row
    forest.nodes[pair + 1]["child"] = other
    left_over *= leaf[PROMISE] / (sums[0, 0] + sums[1, 0])
    plant_child(forest, tree, other, leaf, sums[1], left_over)
    plant_child(forest, tree, row, leaf, sums[0], left_over)


@njit(cache=True, nogil=True, error_model="numpy")
def divide_codes(
    forest: Forest, node: int, leaf: FloatArray, at: int, codes: int, which: int, count: int
) -> None:
    """Put the first codes by their means into a node's set, and write the sums of both sides.

    A code that the leaf has never seen goes where most of the weight goes.
    """
    sums, order = forest.sums, forest.order
    seen = order_codes(forest, leaf, at, codes, which)
    sums[:] = 0.0
    for i in range(seen):
        for s in range(SUMS):
            value = leaf[at + SUMS * order[i] + s]
            sums[1, s] += value
            if i < count:
                sums[0, s] += value
    unseen_go_left = 2.0 * sums[0, 0] >= sums[1, 0]
    for code in range(codes):
        if unseen_go_left and leaf[at + SUMS * code] == 0.0:
            forest.sets[node, code >> 6] |= np.uint64(1) << np.uint64(code & 63)
    for i in range(count):
        code = order[i]
        forest.sets[node, code >> 6] |= np.uint64(1) << np.uint64(code & 63)


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def plant_child(
    forest: Forest, tree: int, row: int, parent: FloatArray, sums: FloatArray, promise: float
) -> None:
    """Write a leaf that begins with a branch's mean and its parent's model.

    `row` may be the parent's own; `promise` is for each record's weight.
    """
    leaf = forest.leaves[row]
    weight, mean = parent[MEAN_WEIGHT], parent[MEAN]
    if sums[0] > 0.0:
        weight, mean = min(sums[0], weight), sums[1] / sums[0]
    leaf[:MEAN_ERROR] = 0.0  # the errors stay
    leaf[MEAN_ERROR:HEADER] = parent[MEAN_ERROR:HEADER]
    leaf[MEAN_WEIGHT], leaf[MEAN], leaf[PROMISE] = weight, mean, promise * sums[0]
    if len(forest.z):
        inherit_model(leaf, forest.model_at, len(forest.z), forest.is_dense, parent, DOUBT)
    leaf[forest.slots[0] :] = 0.0
    choose_features(forest, tree, leaf)


@njit(cache=True, nogil=True, error_model="numpy")
def plant_tree(forest: Forest, tree: int) -> None:
    """Put a new tree, an empty leaf, in the place of what was there."""
    drop_tree(forest, tree)
    clear_node(forest, tree)
    row = take_leaf(forest)
    forest.nodes[tree]["child"] = row
    forest.leaf_counts[tree] = 1
    if forest.subspace == PER_TREE:
        draw(forest, forest.subspaces[tree])
    leaf = forest.leaves[row]
    if len(forest.z):
        clear_model(leaf, forest.model_at, len(forest.z), forest.is_dense)
    choose_features(forest, tree, leaf)


@njit(cache=True, nogil=True, error_model="numpy")
def choose_features(forest: Forest, tree: int, leaf: FloatArray) -> None:
    """Write which features a leaf looks at."""
    if forest.subspace == PER_LEAF:
        draw(forest, forest.order)
    for k in range(len(forest.slots)):
        if forest.subspace == PER_LEAF:
            leaf[HEADER + k] = forest.order[k]
        elif forest.subspace == PER_TREE:
            leaf[HEADER + k] = forest.subspaces[tree, k]
        else:
            leaf[HEADER + k] = k


@njit(cache=True, nogil=True, error_model="numpy")
def draw(forest: Forest, chosen: IntArray) -> None:
    """Write as many different features as a leaf has slots, all choices equally likely."""
    shuffled = forest.shuffled
    n = len(shuffled)
    for k in range(n):
        shuffled[k] = k
    for k in range(len(forest.slots)):
        other = k + below(forest.random, n - k)
        shuffled[k], shuffled[other] = shuffled[other], shuffled[k]
        chosen[k] = shuffled[k]
