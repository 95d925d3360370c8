"""Ensembles of regression trees that resample by weight, watch their errors and replace trees.

One loop serves adaptive random forests, streaming random patches and leveraging bagging: they
differ in what a tree sees (`Forest.subspace`), and in what happens when errors rise.

Member k answers with tree k; its background tree, where it has one, is tree n + k.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.ensemble import REPLACE_DRIFTED, Detectors, forget, watch
from operators.kernels.random import poisson
from operators.kernels.regression_forest import (
    COUNT,
    OFFSET,
    TARGET_M2,
    FloatArray,
    Forest,
    IntArray,
    bounded,
    clear_node,
    drop_tree,
    lacks_room,
)
from operators.kernels.regression_split import plant_tree
from operators.kernels.regression_tree import (
    ANSWER,
    TRACE,
    learn_tree,
    learn_trend,
    predict_tree,
    predict_trend,
)

# Detectors see errors as a share of this many standard deviations of the target, cut off at 1.
DEVIATIONS_OF_ERROR = 4.0
# How fast the squared errors fade that weigh members.
MEMBER_FADING = 0.99


class Members(NamedTuple):
    """What an ensemble knows of its members.

    Parameters
    ----------
    has_background
        (n,) uint8, 1 where a tree grows behind the one that answers; mutated.
    squares
        (n,) float64, faded squared error of each tree's answers, NaN before the first; mutated.
    replaced
        (2,) int64, background trees begun and trees replaced so far; mutated.
    poisson
        Cumulative probabilities of a record's weight.
    untraced, error
        (TRACE,) and (1,) float64 working space.
    response
        What a drift does: `REPLACE_DRIFTED` its tree, or `RESET_WORST` of all trees.
    has_warning
        Whether a warning starts a background tree.
    is_weighted
        Whether answers count by the inverse of the members' squared errors.
    """

    has_background: NDArray[np.uint8]
    squares: FloatArray
    replaced: IntArray
    poisson: FloatArray
    untraced: FloatArray
    error: FloatArray
    response: int
    has_warning: bool
    is_weighted: bool


@njit(cache=True, nogil=True, error_model="numpy")
def predict_members(forest: Forest, members: Members, x: FloatArray, trace: FloatArray) -> float:
    """Return the mean of the members' answers, and note all of them in the trace."""
    n = len(members.squares)
    trend = predict_trend(forest, x)
    trace[TRACE * n] = trend
    total, weights = 0.0, 0.0
    for k in range(n):
        answer = predict_tree(forest, k, x, trend, trace[TRACE * k : TRACE * (k + 1)])
        weight = member_weight(forest, members, k)
        total += weight * answer
        weights += weight
    return forest.target[OFFSET] + total / weights  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def member_weight(forest: Forest, members: Members, k: int) -> float:
    """Return what a member's answer counts, the same for all that have not been scored yet."""
    variance = forest.target[TARGET_M2] / max(forest.target[COUNT], 1.0)
    if not members.is_weighted or not variance > 0.0:
        return 1.0
    squares = members.squares[k] if members.squares[k] >= 0.0 else variance
    # A member that has been perfect so far is not all there is.
    return 1.0 / (squares / variance + 1e-6)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def replace(forest: Forest, members: Members, warning: Detectors, drift: Detectors, k: int) -> None:
    """Put a member's background tree in the place of its tree, or an empty one if it has none."""
    behind = len(members.squares) + k
    if members.has_background[k] == 1:
        drop_tree(forest, k)
        forest.nodes[k] = forest.nodes[behind]
        forest.sets[k] = forest.sets[behind]
        forest.leaf_counts[k] = forest.leaf_counts[behind]
        forest.stump_counts[k] = forest.stump_counts[behind]
        if len(forest.subspaces):
            forest.subspaces[k] = forest.subspaces[behind]
        # What hung from the other root hangs from this one now.
        clear_node(forest, behind)
        forest.leaf_counts[behind] = forest.stump_counts[behind] = 0
        members.has_background[k] = 0
    else:
        plant_tree(forest, k)
    members.squares[k] = np.nan
    members.replaced[1] += 1
    forget(drift, k)
    if members.has_warning:
        forget(warning, k)


@njit(cache=True, nogil=True, error_model="numpy")
def replace_worst(forest: Forest, members: Members, warning: Detectors, drift: Detectors) -> None:
    """Replace the member whose detector sees the largest mean error."""
    worst, error_max = 0, -1.0
    for k in range(len(members.squares)):
        width = drift.header[k]["width"]
        error = drift.header[k]["total"] / width if width > 0 else 0.0
        if error > error_max:
            worst, error_max = k, error
    replace(forest, members, warning, drift, worst)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_members(
    forest: Forest,
    members: Members,
    warning: Detectors,
    drift: Detectors,
    x: FloatArray,
    y: float,
    trace: FloatArray,
) -> None:
    """Learn a record in every member, a random number of times, and answer rising errors."""
    n = len(members.squares)
    learn_trend(forest, x, y)
    y -= forest.target[OFFSET]
    scale = DEVIATIONS_OF_ERROR * math.sqrt(forest.target[TARGET_M2] / forest.target[COUNT])
    trend = trace[TRACE * n]
    alarms = 0
    for k in range(n):
        noted = trace[TRACE * k : TRACE * (k + 1)]
        gap = y - noted[ANSWER]
        score_member(members, k, gap)
        weight = float(poisson(forest.random, members.poisson))
        if weight > 0.0:
            learn_tree(forest, k, x, y, weight, trend, noted)
            if members.has_background[k] == 1:
                # It has answered nothing yet: what it would say now stands for that.
                predict_tree(forest, n + k, x, trend, members.untraced)
                learn_tree(forest, n + k, x, y, weight, trend, members.untraced)
        members.error[0] = min(abs(gap) / scale, 1.0) if scale > 0.0 else 0.0
        if members.has_warning and watch(warning, k, members.error):
            plant_tree(forest, n + k)
            members.has_background[k] = 1
            members.replaced[0] += 1
        if watch(drift, k, members.error):
            if members.response == REPLACE_DRIFTED:
                replace(forest, members, warning, drift, k)
            else:
                alarms += 1
    for _ in range(alarms):
        replace_worst(forest, members, warning, drift)


@njit(cache=True, nogil=True, error_model="numpy")
def score_member(members: Members, k: int, gap: float) -> None:
    """Take an answer's error into the faded squares of its member."""
    if members.squares[k] >= 0.0:
        members.squares[k] += (1.0 - MEMBER_FADING) * (gap * gap - members.squares[k])
    else:
        members.squares[k] = gap * gap


@njit(cache=True, nogil=True, error_model="numpy")
def run_members(
    action: NDArray[np.uint8],
    row: IntArray,
    start: int,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    trace: FloatArray,
    forest: Forest,
    members: Members,
    warning: Detectors,
    drift: Detectors,
) -> int:
    """Run the steps from `start`.

    Returns the step at which the pools have to grow before it can be run, or the tape's length.
    """
    # A member and its background may split, and a new background or tree may begin.
    splits = 4 * len(members.squares)
    for step in range(start, len(row)):
        i = row[step]
        if action[step] == 0:
            output[i, 0] = predict_members(forest, members, x[i], trace[i])
        else:
            if lacks_room(forest, splits):
                return step
            learn_members(forest, members, warning, drift, x[i], bounded(y[i]), trace[i])
    return len(row)
