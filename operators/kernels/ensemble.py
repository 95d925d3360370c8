"""Ensembles of Hoeffding trees that resample by weight, watch their errors and replace trees.

One loop serves adaptive random forests, streaming random patches and leveraging bagging: they
differ in what a tree sees (`Forest.views`), and in what happens when errors rise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.adwin import reset, update_many
from operators.kernels.compiled import njit
from operators.kernels.forest import (
    VIEW_BY_TREE,
    FloatArray,
    Forest,
    IntArray,
    is_complete,
    lacks_room,
)
from operators.kernels.hoeffding import learn_leaf, learn_tree, predict_tree
from operators.kernels.memory import fell, plant
from operators.kernels.random import poisson
from operators.kernels.views import deal_view

REPLACE_DRIFTED, RESET_WORST = range(2)
# Statistics of a member: weighted hits and records since its tree began.
HITS, SEEN = range(2)
# What the vote of a member counts that is no better than chance: if all are, they still answer.
VOTE_MIN = 1e-3
# ADWIN's other parameters, as river and MOA have them.
CLOCK, BUCKETS_MAX, LENGTH_MIN, GRACE = 32, 5, 5, 10


class Detectors(NamedTuple):
    """ADWIN windows of one kind, one for each member, and a place for their alarms.

    Parameters
    ----------
    header, buckets, rings
        (n,), (n, levels, places, 2) and (n, levels, 2): see `operators.kernels.adwin`; mutated.
    alarms, means
        (2,) and (2, 2) working space.
    """

    header: NDArray[np.void]
    buckets: FloatArray
    rings: IntArray
    alarms: IntArray
    means: FloatArray
    delta: float


class Members(NamedTuple):
    """What an ensemble knows of its members.

    Parameters
    ----------
    tree, background
        (n,) int64, tree of the forest that answers, and the one that grows behind it, -1 if none;
        mutated.
    spare
        (n,) int64, the tree that each member has in reserve while it has no background.
    record
        (n, 2) float64, hits and records since the tree began; mutated.
    votes
        (n, n_classes) float64 working space.
    node, majority, bayes, voted
        (n,) int64 working space: where a record fell in each tree, and what was answered there.
    known
        (1,) int64 working space: the row that those are about, -1 if they are out of date.
    errors
        (n, CLOCK) float64, the last errors of each member, which its detectors have not seen;
        mutated.
    waiting
        (n,) int64, how many those are; mutated.
    replaced
        (2,) int64, background trees begun and trees replaced so far; mutated.
    poisson
        Cumulative probabilities of a record's weight.
    response
        What a drift does: `REPLACE_DRIFTED` its tree, or `RESET_WORST` of all trees.
    has_warning
        Whether a warning starts a background tree.
    is_weighted
        Whether votes count by the member's accuracy.
    """

    tree: IntArray
    background: IntArray
    spare: IntArray
    record: FloatArray
    votes: FloatArray
    node: IntArray
    majority: IntArray
    bayes: IntArray
    voted: IntArray
    known: IntArray
    errors: FloatArray
    waiting: IntArray
    replaced: IntArray
    poisson: FloatArray
    response: int
    has_warning: bool
    is_weighted: bool


@njit(cache=True, nogil=True, error_model="numpy")
def watch(detectors: Detectors, k: int, errors: FloatArray) -> bool:
    """Give a member's errors to its detector; tell whether their mean has risen.

    A detector looks for a change once every `CLOCK` values, counted from when it was empty, so
    nothing is lost by giving it that many at once.
    """
    alarms = update_many(
        detectors.header[k : k + 1],
        detectors.buckets[k],
        detectors.rings[k],
        errors,
        BUCKETS_MAX,
        detectors.delta,
        CLOCK,
        LENGTH_MIN,
        GRACE,
        detectors.alarms,
        detectors.means,
    )
    return alarms > 0 and detectors.means[0, 1] > detectors.means[0, 0]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def forget(detectors: Detectors, k: int) -> None:
    """Give a member's detector an empty window."""
    reset(detectors.header[k : k + 1], detectors.rings[k])


@njit(cache=True, nogil=True, error_model="numpy")
def begin(forest: Forest, tree: int) -> None:
    """Start a tree anew, with another view if trees have their own."""
    fell(forest, tree)
    if forest.view_kind == VIEW_BY_TREE:
        deal_view(forest, tree)
    plant(forest, tree, tree if forest.view_kind == VIEW_BY_TREE else 0)


@njit(cache=True, nogil=True, error_model="numpy")
def largest(values: FloatArray) -> int:
    """Return the first of the largest values."""
    best = 0
    for k in range(1, len(values)):
        if values[k] > values[best]:
            best = k
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def ask_members(forest: Forest, members: Members, x: FloatArray, i: int) -> None:
    """Let every tree answer row `i`, unless that has just been done and nothing learnt since."""
    if members.known[0] == i:
        return
    complete = is_complete(x)
    for k in range(len(members.tree)):
        votes = members.votes[k]
        node, majority, bayes = predict_tree(forest, members.tree[k], x, complete, votes)
        members.node[k] = node
        members.majority[k] = majority
        members.bayes[k] = bayes
        members.voted[k] = largest(votes)
    members.known[0] = i


@njit(cache=True, nogil=True, error_model="numpy")
def vote_weight(members: Members, k: int) -> float:
    """Return the log odds of a member's being right, against chance; next to nothing if below it.

    The counts begin as if it had guessed each class once: a new member starts out at chance.
    """
    right = members.record[k, HITS] + 1.0
    wrong = members.record[k, SEEN] - members.record[k, HITS] + members.votes.shape[1] - 1.0
    odds = right * (members.votes.shape[1] - 1.0) / wrong if wrong > 0.0 else 1.0
    return max(math.log(odds), VOTE_MIN)


@njit(cache=True, nogil=True, error_model="numpy")
def predict_ensemble(
    forest: Forest, members: Members, x: FloatArray, i: int, output: FloatArray
) -> None:
    """Write the mean of the members' probabilities, weighted by their accuracy if asked to."""
    ask_members(forest, members, x, i)
    output[:] = 0.0
    total = 0.0
    for k in range(len(members.tree)):
        weight = vote_weight(members, k) if members.is_weighted else 1.0
        total += weight
        for c in range(len(output)):
            output[c] += weight * members.votes[k, c]
    for c in range(len(output)):
        output[c] /= total


@njit(cache=True, nogil=True, error_model="numpy")
def replace(forest: Forest, members: Members, warning: Detectors, drift: Detectors, k: int) -> None:
    """Put a member's background tree in the place of its tree, or an empty one if it has none."""
    if members.background[k] >= 0:
        members.spare[k] = members.tree[k]
        members.tree[k] = members.background[k]
        members.background[k] = -1
        fell(forest, members.spare[k])
        plant_again(forest, members.spare[k])
    else:
        begin(forest, members.tree[k])
    members.record[k, :] = 0.0
    members.waiting[k] = 0
    members.replaced[1] += 1
    forget(drift, k)
    if members.has_warning:
        forget(warning, k)


@njit(cache=True, nogil=True, error_model="numpy")
def plant_again(forest: Forest, tree: int) -> None:
    """Leave a felled tree as an empty leaf, with the view it had."""
    plant(forest, tree, tree if forest.view_kind == VIEW_BY_TREE else 0)


@njit(cache=True, nogil=True, error_model="numpy")
def reset_worst(forest: Forest, members: Members, warning: Detectors, drift: Detectors) -> None:
    """Replace the member whose detector sees the largest mean error."""
    worst, error_max = 0, -1.0
    for k in range(len(members.tree)):
        width = drift.header[k]["width"]
        error = drift.header[k]["total"] / width if width > 0 else 0.0
        if error > error_max:
            worst, error_max = k, error
    replace(forest, members, warning, drift, worst)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_ensemble(
    forest: Forest,
    members: Members,
    warning: Detectors,
    drift: Detectors,
    x: FloatArray,
    y: int,
    i: int,
    importance: float,
) -> None:
    """Learn row `i` in every member, a random number of times, and answer rising errors.

    Parameters
    ----------
    importance
        What the random number is multiplied by.
    """
    ask_members(forest, members, x, i)
    members.known[0] = -1
    complete = is_complete(x)
    n_drifted = 0
    for k in range(len(members.tree)):
        error = 0.0 if members.voted[k] == y else 1.0
        members.record[k, HITS] += 1.0 - error
        members.record[k, SEEN] += 1.0
        weight = importance * poisson(forest.random, members.poisson)
        if weight > 0.0:
            answer = (members.node[k], members.majority[k], members.bayes[k])
            learn_leaf(forest, members.tree[k], answer, x, y, weight)
            if members.background[k] >= 0:
                behind = members.background[k]
                learn_tree(forest, behind, x, complete, y, weight)
        members.errors[k, members.waiting[k]] = error
        members.waiting[k] += 1
        if members.waiting[k] < CLOCK:
            continue
        members.waiting[k] = 0
        if members.has_warning and watch(warning, k, members.errors[k]):
            members.background[k] = members.spare[k]
            begin(forest, members.spare[k])
            members.replaced[0] += 1
        if watch(drift, k, members.errors[k]):
            if members.response == REPLACE_DRIFTED:
                replace(forest, members, warning, drift, k)
            else:
                n_drifted += 1
    # One tree for each alarm: members that are much alike all see a drift at the same record.
    for _ in range(n_drifted):
        reset_worst(forest, members, warning, drift)


@njit(cache=True, nogil=True, error_model="numpy")
def run_ensemble(
    action: NDArray[np.uint8],
    row: IntArray,
    start: int,
    x: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    output: FloatArray,
    forest: Forest,
    members: Members,
    warning: Detectors,
    drift: Detectors,
) -> int:
    """Run the steps from `start`.

    Returns the step at which the pools have to grow before it can be run, or the tape's length.
    """
    members.known[0] = -1
    splits = 2 * len(members.tree)
    for step in range(start, len(row)):
        i = row[step]
        if action[step] == 0:
            predict_ensemble(forest, members, x[i], i, output[i])
            continue
        if lacks_room(forest, splits):
            return step
        code = np.int64(y[i])
        assert 0 <= code < forest.n_classes
        learn_ensemble(forest, members, warning, drift, x[i], code, i, weight[i])
    return len(row)
