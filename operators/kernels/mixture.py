"""A mixture of trees behind an MLP router: one compiled loop between two router updates.

Outcomes of a matrix product depend on how many rows it has, so a router that is asked by batch
would make results depend on how the log cut its batches. Here every record goes through the
network by itself, in one fixed order of additions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from operators.kernels.forest import FloatArray, Forest, IntArray, is_complete, lacks_room
from operators.kernels.hoeffding import learn_tree, predict_tree

Float32Array = NDArray[np.float32]

FINISHED, NEEDS_ROOM, BATCH_FULL = range(3)


class Network(NamedTuple):
    """A router's weights as kernels read them, (inputs, outputs) float32, and working space.

    Parameters
    ----------
    weight_1, bias_1, weight_2, bias_2, weight_3, bias_3
        Copies of the torch parameters, transposed so that one input's weights are contiguous.
    hidden_1, hidden_2
        Working space for the activations.
    """

    weight_1: Float32Array
    bias_1: Float32Array
    weight_2: Float32Array
    bias_2: Float32Array
    weight_3: Float32Array
    bias_3: Float32Array
    hidden_1: Float32Array
    hidden_2: Float32Array


class Mixture(NamedTuple):
    """State, working space and parameters of a mixture besides its trees and its network.

    Parameters
    ----------
    inputs
        (router_batch, n_features) float32, router inputs since the last update; mutated.
    masks
        (router_batch, n_experts) float32, 1 where an expert was right; mutated.
    filled
        (1,) int64, rows of `inputs` and `masks` in use; mutated.
    moments
        (3, n_features) float64: count, mean and sum of squares about it of the inputs learnt;
        mutated, and used only where inputs are standardised.
    input, logits, probabilities
        (n_features,) float32, (n_experts,) float32 and (n_experts, n_classes) float64 working
        space.
    """

    inputs: Float32Array
    masks: Float32Array
    filled: IntArray
    moments: FloatArray
    input: Float32Array
    logits: Float32Array
    probabilities: FloatArray
    top_k: int
    is_standardised: bool
    is_soft: bool
    temperature: float


@njit(cache=True, nogil=True)
def affine(x: Float32Array, weight: Float32Array, bias: Float32Array, out: Float32Array) -> None:
    """Write x @ weight + bias, skipping inputs that are 0 (about half of them after ReLU)."""
    out[:] = bias
    for i in range(len(x)):
        value = x[i]
        if value != 0.0:
            for j in range(len(out)):
                out[j] += value * weight[i, j]


@njit(cache=True, nogil=True)
def forward(network: Network, x: Float32Array, logits: Float32Array) -> None:
    """Write the router's logits for one record: two hidden layers with ReLU."""
    zero = np.float32(0.0)
    affine(x, network.weight_1, network.bias_1, network.hidden_1)
    for j in range(len(network.hidden_1)):
        network.hidden_1[j] = max(network.hidden_1[j], zero)
    affine(network.hidden_1, network.weight_2, network.bias_2, network.hidden_2)
    for j in range(len(network.hidden_2)):
        network.hidden_2[j] = max(network.hidden_2[j], zero)
    affine(network.hidden_2, network.weight_3, network.bias_3, logits)


@njit(cache=True, nogil=True)
def router_input(mixture: Mixture, x: FloatArray) -> None:
    """Write the router's view of a record; a missing value is 0, which is the mean if scaled."""
    for j in range(len(x)):
        value = x[j]
        if value != value:
            value = 0.0
        elif mixture.is_standardised:
            count, mean, m2 = mixture.moments[0, j], mixture.moments[1, j], mixture.moments[2, j]
            value = (value - mean) / math.sqrt(m2 / (count - 1.0)) if m2 > 0.0 else 0.0
        mixture.input[j] = value


@njit(cache=True, nogil=True)
def learn_moments(moments: FloatArray, x: FloatArray) -> None:
    """Take a record into the running mean and variance (Welford)."""
    for j in range(len(x)):
        if x[j] == x[j]:
            moments[0, j] += 1.0
            step = x[j] - moments[1, j]
            moments[1, j] += step / moments[0, j]
            moments[2, j] += step * (x[j] - moments[1, j])


@njit(cache=True, nogil=True)
def largest(values: FloatArray) -> int:
    """Return the index of the largest value, the first of equals."""
    best = 0
    for i in range(1, len(values)):
        if values[i] > values[best]:
            best = i
    return best


@njit(cache=True, nogil=True)
def mix(mixture: Mixture, output: FloatArray) -> None:
    """Write the answer: the chosen expert's, or the mean weighted by softmax(logits)."""
    logits = mixture.logits
    chosen = largest(logits)
    if not mixture.is_soft:
        output[:] = mixture.probabilities[chosen]
        return
    output[:] = 0.0
    total = 0.0
    for k in range(len(logits)):
        weight = math.exp((np.float64(logits[k]) - logits[chosen]) / mixture.temperature)
        total += weight
        for c in range(len(output)):
            output[c] += weight * mixture.probabilities[k, c]
    for c in range(len(output)):
        output[c] /= total


@njit(cache=True, nogil=True)
def predict_mixture(
    forest: Forest,
    network: Network,
    mixture: Mixture,
    x: FloatArray,
    output: FloatArray,
    trace: FloatArray,
) -> None:
    """Answer a record, and write down for its label what each expert and the router thought.

    The trace is: vote of each expert | for each class the expert that believed in it most |
    logit of each expert | the router's input, if it was standardised.
    """
    n_experts, n_classes = mixture.probabilities.shape
    complete = is_complete(x)
    for k in range(n_experts):
        predict_tree(forest, k, x, complete, mixture.probabilities[k])
        trace[k] = largest(mixture.probabilities[k])
    for c in range(n_classes):
        trace[n_experts + c] = largest(mixture.probabilities[:, c])
    router_input(mixture, x)
    forward(network, mixture.input, mixture.logits)
    at = n_experts + n_classes
    for k in range(n_experts):
        trace[at + k] = mixture.logits[k]
    if mixture.is_standardised:
        for j in range(len(x)):
            trace[at + n_experts + j] = mixture.input[j]
    mix(mixture, output)


@njit(cache=True, nogil=True)
def learn_mixture(
    forest: Forest, mixture: Mixture, x: FloatArray, y: int, trace: FloatArray
) -> None:
    """Put the record's correctness mask into the router's batch; train the top-k experts.

    Where no expert was right, the one that gave the true class most probability counts as right.
    """
    n_experts, n_classes = mixture.probabilities.shape
    at = n_experts + n_classes
    row = mixture.filled[0]
    right = 0
    for k in range(n_experts):
        is_right = trace[k] == y
        mixture.masks[row, k] = 1.0 if is_right else 0.0
        right += is_right
    if right == 0:
        mixture.masks[row, np.int64(trace[n_experts + y])] = 1.0
    if mixture.is_standardised:
        for j in range(len(x)):
            mixture.inputs[row, j] = trace[at + n_experts + j]
        learn_moments(mixture.moments, x)
    else:
        router_input(mixture, x)
        mixture.inputs[row] = mixture.input
    mixture.filled[0] = row + 1

    complete = is_complete(x)
    mixture.logits[:] = trace[at : at + n_experts]
    for _ in range(mixture.top_k):
        k = largest(mixture.logits)
        mixture.logits[k] = -np.inf
        learn_tree(forest, k, x, complete, y, 1.0)


@njit(cache=True, nogil=True)
def run_mixture(
    action: NDArray[np.uint8],
    row: IntArray,
    start: int,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    trace: FloatArray,
    forest: Forest,
    network: Network,
    mixture: Mixture,
) -> tuple[int, int]:
    """Run the steps from `start` until the tape ends, the pools have to grow or a batch is full.

    Returns the next step and which of the three it was.
    """
    for step in range(start, len(row)):
        i = row[step]
        if action[step] == 0:
            predict_mixture(forest, network, mixture, x[i], output[i], trace[i])
            continue
        if lacks_room(forest, mixture.top_k):
            return step, NEEDS_ROOM
        code = np.int64(y[i])
        assert 0 <= code < forest.n_classes
        learn_mixture(forest, mixture, x[i], code, trace[i])
        if mixture.filled[0] == len(mixture.inputs):
            return step + 1, BATCH_FULL
    return len(row), FINISHED
