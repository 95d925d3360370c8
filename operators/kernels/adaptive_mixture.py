"""AdaptiveMoE's loop: ask the experts, gate their answers, learn, and answer drift.

Experts, in this order: bagged trees that are replaced on drift; naive Bayes with a short and with a
long memory; softmax regression that is quick and one that is sure; the nearest of the last records;
and the last label known. The trace of a record is what its gates need (`operators.kernels.gates`),
then the last label that was known, the gate believed, and each expert's share in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from operators.kernels.dense import Dense, encode, learn_dense
from operators.kernels.ensemble import (
    CLOCK,
    Detectors,
    Members,
    learn_ensemble,
    predict_ensemble,
    watch,
)
from operators.kernels.forest import FloatArray, Forest, IntArray, lacks_room
from operators.kernels.gates import Gates, answer_gates, learn_gates, note
from operators.kernels.gaussian_bayes import Bayes, learn_bayes, predict_bayes
from operators.kernels.mlp import Network, Training, forward, learn_batch
from operators.kernels.neighbours import Neighbours, learn_neighbours, predict_neighbours
from operators.kernels.newton import AGAIN, Linear, learn_linear, predict_linear, start_again

Float32Array = NDArray[np.float32]

EXPERTS = (
    "forest",
    "bayes_fast",
    "bayes_slow",
    "linear_fast",
    "linear_slow",
    "neighbours",
    "last_label",
)
FOREST, BAYES_FAST, BAYES_SLOW, LINEAR_FAST, LINEAR_SLOW, NEIGHBOURS, LAST_LABEL = range(7)
AFTER_GATES = 2  # the last label and the gate believed, before the shares
FOLLOW_MEMORY = 0.999
IMPORTANCE_MAX = 20.0


class Followers(NamedTuple):
    """What label comes after which, the detector of the sure linear model, and class counts.

    Parameters
    ----------
    follows
        (n_classes, n_classes) float64, recent number of labels by the last one known before;
        mutated.
    last
        (1,) int64, last label learnt, -1 before any; mutated.
    errors, waiting
        (CLOCK,) float64 and (1,) int64: errors that the detector has not seen; mutated.
    counts
        (n_classes,) float64, recent number of labels of each class; mutated.
    balance
        0: each record counts alike; 1: each class does.
    """

    follows: FloatArray
    last: IntArray
    errors: FloatArray
    waiting: IntArray
    counts: FloatArray
    balance: float


class Batch(NamedTuple):
    """Records that wait for the router's next step.

    Parameters
    ----------
    inputs, masks
        (batch, width - 1) and (batch, K) float32; mutated.
    filled
        (1,) int64; mutated.
    input
        (width - 1,) float32 working space.
    """

    inputs: Float32Array
    masks: Float32Array
    filled: IntArray
    input: Float32Array


class Experts(NamedTuple):
    """Everything that the loop works on."""

    forest: Forest
    members: Members
    warning: Detectors
    drift: Detectors
    dense: Dense
    bayes_fast: Bayes
    bayes_slow: Bayes
    linear_fast: Linear
    linear_slow: Linear
    linear_drift: Detectors
    neighbours: Neighbours
    followers: Followers
    network: Network
    training: Training
    batch: Batch
    gates: Gates


@njit(cache=True, nogil=True, error_model="numpy")
def ask_experts(experts: Experts, x: FloatArray, i: int) -> None:
    """Write what each expert and the router say of row `i`."""
    said = experts.gates.probabilities
    vector = experts.dense.vector
    predict_ensemble(experts.forest, experts.members, x, i, said[FOREST])
    predict_bayes(experts.bayes_fast, x, said[BAYES_FAST])
    predict_bayes(experts.bayes_slow, x, said[BAYES_SLOW])
    encode(experts.dense, x)
    predict_linear(experts.linear_fast, vector, said[LINEAR_FAST])
    predict_linear(experts.linear_slow, vector, said[LINEAR_SLOW])
    predict_neighbours(experts.neighbours, vector, said[NEIGHBOURS])
    follow(experts.followers, said[LAST_LABEL])
    take_input(experts.batch, vector)
    forward(experts.network, experts.batch.input, experts.gates.logits)


@njit(cache=True, nogil=True, error_model="numpy")
def take_input(batch: Batch, vector: FloatArray) -> None:
    """Write the router's view of a record."""
    for j in range(len(batch.input)):
        batch.input[j] = np.float32(vector[j + 1])


@njit(cache=True, nogil=True, error_model="numpy")
def follow(followers: Followers, out: FloatArray) -> None:
    """Write how often each label has come after the last one known."""
    last = followers.last[0]
    total = 1.0
    for c in range(len(out)):
        out[c] = 1.0 / len(out)
        if last >= 0:
            out[c] += followers.follows[last, c]
            total += followers.follows[last, c]
    for c in range(len(out)):
        out[c] /= total


@njit(cache=True, nogil=True, error_model="numpy")
def learn_follower(followers: Followers, last: int, y: int) -> None:
    """Learn which label came after the one that was known at prediction."""
    if last >= 0:
        for c in range(len(followers.counts)):
            followers.follows[last, c] *= FOLLOW_MEMORY
        followers.follows[last, y] += 1.0
    followers.last[0] = y


@njit(cache=True, nogil=True, error_model="numpy")
def importance(followers: Followers, y: int) -> float:
    """Return what a record of a class counts: more for a rare class, if classes are balanced."""
    counts = followers.counts
    total, known = 0.0, 0
    for c in range(len(counts)):
        counts[c] *= FOLLOW_MEMORY
        if c == y:
            counts[c] += 1.0
        total += counts[c]
        known += counts[c] > 0.0
    if followers.balance == 0.0:
        return 1.0
    weight = (total / (known * counts[y])) ** followers.balance
    return min(max(weight, 1.0 / IMPORTANCE_MAX), IMPORTANCE_MAX)


@njit(cache=True, nogil=True, error_model="numpy")
def watch_linear(experts: Experts, error: float) -> None:
    """Make the sure linear model open to change once its errors rise."""
    followers = experts.followers
    followers.errors[followers.waiting[0]] = error
    followers.waiting[0] += 1
    if followers.waiting[0] == CLOCK:
        followers.waiting[0] = 0
        if watch(experts.linear_drift, 0, followers.errors):
            start_again(experts.linear_slow, AGAIN)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_router(experts: Experts, trace: FloatArray, y: int) -> None:
    """Add to the router's batch which experts were right; train it when the batch is full.

    Where none was, the one that gave the true class most probability counts as right.
    """
    batch = experts.batch
    n_experts, n_classes = experts.gates.logs.shape
    singles = n_experts * n_classes + len(experts.gates.score) - n_experts
    row, best, right = batch.filled[0], 0, 0
    for k in range(n_experts):
        is_right = trace[singles + k] == y
        batch.masks[row, k] = np.float32(1.0) if is_right else np.float32(0.0)
        right += is_right
        if trace[k * n_classes + y] > trace[best * n_classes + y]:
            best = k
    if right == 0:
        batch.masks[row, best] = np.float32(1.0)
    take_input(batch, experts.dense.vector)
    batch.inputs[row] = batch.input
    batch.filled[0] += 1
    if batch.filled[0] == len(batch.inputs):
        learn_batch(experts.network, experts.training, batch.inputs, batch.masks)
        batch.filled[0] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def learn_experts(experts: Experts, x: FloatArray, y: int, i: int, weight: float) -> None:
    """Teach row `i` to every expert but the last label's."""
    learn_ensemble(
        experts.forest, experts.members, experts.warning, experts.drift, x, y, i, weight
    )
    learn_bayes(experts.bayes_fast, x, y, weight)
    learn_bayes(experts.bayes_slow, x, y, weight)
    learn_linear(experts.linear_fast, experts.dense.vector, y, weight)
    answer = learn_linear(experts.linear_slow, experts.dense.vector, y, weight)
    watch_linear(experts, 0.0 if answer == y else 1.0)
    learn_neighbours(experts.neighbours, experts.dense.vector, y, weight)


@njit(cache=True, nogil=True, error_model="numpy")
def predict_adaptive(
    experts: Experts, x: FloatArray, i: int, output: FloatArray, trace: FloatArray
) -> None:
    """Answer row `i` by the gate that has been right most often of late."""
    gates = experts.gates
    ask_experts(experts, x, i)
    chosen = answer_gates(gates)
    output[:] = gates.answers[chosen]
    note(gates, trace)
    n_experts, n_classes = gates.logs.shape
    at = n_experts * n_classes + len(gates.score) + n_experts
    trace[at] = experts.followers.last[0]
    trace[at + 1] = chosen
    for k in range(n_experts):
        trace[at + AFTER_GATES + k] = gates.shares[chosen, k]


@njit(cache=True, nogil=True, error_model="numpy")
def learn_adaptive(experts: Experts, x: FloatArray, y: int, i: int, trace: FloatArray) -> None:
    """Learn the label of row `i`, of which `trace` holds what was said."""
    gates = experts.gates
    n_experts, n_classes = gates.logs.shape
    weight = importance(experts.followers, y)
    learn_gates(gates, trace, y, weight)
    encode(experts.dense, x)
    learn_router(experts, trace, y)
    learn_experts(experts, x, y, i, weight)
    at = n_experts * n_classes + len(gates.score) + n_experts
    learn_follower(experts.followers, np.int64(trace[at]), y)
    learn_dense(experts.dense, x)


@njit(cache=True, nogil=True, error_model="numpy")
def run_adaptive(
    action: NDArray[np.uint8],
    row: IntArray,
    start: int,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    trace: FloatArray,
    experts: Experts,
) -> int:
    """Run the steps from `start`.

    Returns the step at which the pools have to grow before it can be run, or the tape's length.
    """
    experts.members.known[0] = -1
    splits = 2 * len(experts.members.tree)
    for step in range(start, len(row)):
        i = row[step]
        if action[step] == 0:
            predict_adaptive(experts, x[i], i, output[i], trace[i])
            continue
        if lacks_room(experts.forest, splits):
            return step
        code = np.int64(y[i])
        assert 0 <= code < experts.forest.n_classes
        learn_adaptive(experts, x[i], code, i, trace[i])
    return len(row)
