"""DriftMoE-Task: a binary tree a class and a network over the classes, as one compiled loop."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.forest import FloatArray, Forest, IntArray, is_complete, lacks_room
from operators.kernels.hoeffding import learn_tree, predict_tree
from operators.kernels.mixture import largest, learn_moments, router_input
from operators.kernels.mlp import (
    Float32Array,
    Network,
    Training,
    activate,
    adam,
    backward,
    copy_values,
    cross_entropy_slopes,
    first_layer,
    forward,
    keep,
    later_layers,
)
from operators.kernels.random import State as RandomState
from operators.kernels.random import bits, uniform

KEY_BITS = 53  # a trace is float64: so many bits of a key survive in it


class TaskMixture(NamedTuple):
    """State, working space and parameters besides the trees and the network.

    Parameters
    ----------
    inputs, targets
        (batch, n_inputs) and (batch, n_classes) float32: network inputs (with the variant
        `expert` features, then what the trees believed) and one-hot truths; mutated.
    filled
        (1,) int64, rows of them in use; mutated.
    learnt
        (1,) int64, records learnt; mutated.
    moments
        (3, n_features) float64, see `operators.kernels.mixture.Mixture`; mutated.
    input, logits, belief, scores, random
        (n_inputs,) float32, (n_classes,) float32, (2,) and (n_classes,) float64 and (1,) uint64
        working space.
    seed
        Of the dropout.
    dropout
        Chance that an activation of the first layer is left out (variant `paper`).
    asks_experts
        Whether trees have a say (variant `expert`).
    belief_min
        Trees' probabilities count as no less than this, and no more than 1 minus it.
    """

    inputs: Float32Array
    targets: Float32Array
    filled: IntArray
    learnt: IntArray
    moments: FloatArray
    input: Float32Array
    logits: Float32Array
    belief: FloatArray
    scores: FloatArray
    random: RandomState
    seed: int
    dropout: float
    asks_experts: bool
    belief_min: float


@njit(cache=True, nogil=True, error_model="numpy")
def dropout_key(random: RandomState, seed: int, learnt: int, inputs: Float32Array) -> float:
    """Return the key of a record's dropout: the seed's, the labels' so far and the record's own.

    Nothing is counted when predicting, so predicting leaves no mark; and records that wait for
    their labels together still have masks of their own.
    """
    random[0] = np.uint64(seed)
    random[0] = bits(random) + np.uint64(learnt)
    random[0] = bits(random)
    for value in inputs.view(np.uint32):
        random[0] ^= np.uint64(value)
        random[0] = bits(random)
    return np.float64(random[0] >> np.uint64(64 - KEY_BITS))


@njit(cache=True, nogil=True, error_model="numpy")
def drop_out(values: Float32Array, random: RandomState, rate: float) -> None:
    """Put 0 in place of some values, by chance `rate`, and scale the others up to make up."""
    gain = np.float32(1.0 / (1.0 - rate))
    for j in range(len(values)):
        values[j] = values[j] * gain if uniform(random) >= rate else np.float32(0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def forward_dropped(network: Network, mixture: TaskMixture, key: float) -> None:
    """Write the logits of one record with dropout after the first layer."""
    first_layer(network, mixture.input)
    mixture.random[0] = np.uint64(key)
    drop_out(network.hidden_1, mixture.random, mixture.dropout)
    later_layers(network, mixture.logits)


@njit(cache=True, nogil=True, error_model="numpy")
def softmax(scores: FloatArray, out: FloatArray) -> None:
    """Write probabilities in proportion to exp(scores)."""
    top = scores[largest(scores)]
    total = 0.0
    for c in range(len(out)):
        out[c] = math.exp(scores[c] - top)
        total += out[c]
    for c in range(len(out)):
        out[c] /= total


@njit(cache=True, nogil=True, error_model="numpy")
def log_sigmoid(value: float) -> float:
    """Return log(sigmoid(value)), also where sigmoid itself would be 0."""
    return min(value, 0.0) - math.log1p(math.exp(-abs(value)))


@njit(cache=True, nogil=True, error_model="numpy")
def predict_paper(
    network: Network, mixture: TaskMixture, x: FloatArray, output: FloatArray, trace: FloatArray
) -> None:
    """Answer with the network's sigmoids, made to sum to 1; trace: the dropout's key."""
    inputs, logits, scores = mixture.input, mixture.logits, mixture.scores
    router_input(mixture.moments, False, x, inputs)
    trace[0] = dropout_key(mixture.random, mixture.seed, mixture.learnt[0], inputs)
    forward_dropped(network, mixture, trace[0])
    for c in range(len(scores)):
        scores[c] = log_sigmoid(np.float64(logits[c]))
    softmax(scores, output)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_paper(
    network: Network,
    training: Training,
    mixture: TaskMixture,
    x: FloatArray,
    y: int,
    trace: FloatArray,
    is_fresh: bool,
) -> None:
    """Take a step towards the class, with the mask that the record was predicted with."""
    inputs, logits = mixture.inputs[:1], mixture.logits
    if not is_fresh:
        router_input(mixture.moments, False, x, mixture.input)
        forward_dropped(network, mixture, trace[0])
    copy_values(mixture.input, inputs[0])
    keep(network, logits, 0)
    mixture.targets[0] = np.float32(0.0)
    mixture.targets[0, y] = np.float32(1.0)
    activate(network, inputs)
    cross_entropy_slopes(network.batch_3[:1], mixture.targets[:1], training.delta_3[:1])
    backward(network, training, inputs, 1.0 / (1.0 - mixture.dropout))
    adam(network, training)


@njit(cache=True, nogil=True, error_model="numpy")
def predict_expert(
    forest: Forest,
    network: Network,
    mixture: TaskMixture,
    x: FloatArray,
    output: FloatArray,
    trace: FloatArray,
) -> None:
    """Answer with softmax(logit + what each tree believes).

    The trace is: beliefs | the network's other inputs.
    """
    inputs, logits = mixture.input, mixture.logits
    belief, scores = mixture.belief, mixture.scores
    complete = is_complete(x)
    n_classes = len(scores)
    low, high = mixture.belief_min, 1.0 - mixture.belief_min
    router_input(mixture.moments, True, x, inputs)
    for j in range(len(x)):
        trace[n_classes + j] = inputs[j]
    for c in range(n_classes):
        predict_tree(forest, c, x, complete, belief)
        chance = min(max(belief[1], low), high)
        inputs[len(x) + c] = math.log(chance / (1.0 - chance))
        trace[c] = inputs[len(x) + c]
    forward(network, inputs, logits)
    for c in range(n_classes):
        scores[c] = np.float64(logits[c]) + trace[c]
    softmax(scores, output)


@njit(cache=True, nogil=True, error_model="numpy")
def gather_expert(
    network: Network,
    mixture: TaskMixture,
    x: FloatArray,
    y: int,
    trace: FloatArray,
    is_fresh: bool,
) -> None:
    """Put a record into the network's batch."""
    n_classes = len(mixture.scores)
    row = mixture.filled[0]
    inputs, targets = mixture.inputs[row], mixture.targets[row]
    for c in range(n_classes):
        inputs[len(x) + c] = trace[c]
        targets[c] = 1.0 if c == y else 0.0
    for j in range(len(x)):
        inputs[j] = trace[n_classes + j]
    learn_moments(mixture.moments, x)
    if is_fresh:
        keep(network, mixture.logits, row)
    mixture.filled[0] = row + 1


@njit(cache=True, nogil=True, error_model="numpy")
def learn_expert(network: Network, training: Training, mixture: TaskMixture) -> None:
    """Take a step on the mean of -log softmax(logits + beliefs)[class] over the full batch."""
    inputs, targets, scores = mixture.inputs, mixture.targets, mixture.scores
    n, n_features = len(inputs), mixture.moments.shape[1]
    activate(network, inputs)
    for r in range(n):
        slopes = training.delta_3[r]
        for c in range(len(scores)):
            scores[c] = np.float64(network.batch_3[r, c]) + inputs[r, n_features + c]
        softmax(scores, scores)
        for c in range(len(scores)):
            slopes[c] = (scores[c] - targets[r, c]) / n
    backward(network, training, inputs, 1.0)
    adam(network, training)
    mixture.filled[0] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def run_task_mixture(
    action: NDArray[np.uint8],
    row: IntArray,
    start: int,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    trace: FloatArray,
    forest: Forest,
    network: Network,
    training: Training,
    mixture: TaskMixture,
) -> int:
    """Run the steps from `start`.

    Returns the step at which the pools have to grow before it can be run, or the tape's length.
    """
    n_classes = len(mixture.scores)
    fresh = -1  # the row that the network's activations are of, with the weights of now
    for step in range(start, len(row)):
        i = row[step]
        if action[step] == 0:
            if mixture.asks_experts:
                predict_expert(forest, network, mixture, x[i], output[i], trace[i])
            else:
                predict_paper(network, mixture, x[i], output[i], trace[i])
            fresh = i
            continue
        if lacks_room(forest, n_classes):
            return step
        code = np.int64(y[i])
        assert 0 <= code < n_classes
        if mixture.asks_experts:
            gather_expert(network, mixture, x[i], code, trace[i], fresh == i)
            if mixture.filled[0] == len(mixture.inputs):
                learn_expert(network, training, mixture)
                fresh = -1
        else:
            learn_paper(network, training, mixture, x[i], code, trace[i], fresh == i)
            fresh = -1
        mixture.learnt[0] += 1
        complete = is_complete(x[i])
        for c in range(n_classes):
            learn_tree(forest, c, x[i], complete, 1 if c == code else 0, 1.0)
    return len(row)
