"""A mixture of trees behind a router: one compiled loop between two router updates.

Outcomes of a matrix product depend on how many rows it has, so a router that is asked by batch
would make results depend on how the log cut its batches. Here every record goes through the
network by itself, in one fixed order of additions; a router whose network kernels cannot read is
asked outside, between two entries of the loop.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.forest import FloatArray, Forest, IntArray, is_complete, lacks_room
from operators.kernels.hoeffding import learn_tree, predict_tree
from operators.kernels.mlp import Float32Array, Network, forward, keep
from operators.kernels.outliers import winsorised

FINISHED, NEEDS_ROOM, BATCH_FULL, NEEDS_LOGITS = range(4)

# Routers see numbers up to this one: the gradient's squares still fit into float32.
INPUT_MAX = 1e15


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
    is_asked
        Whether logits come from outside (`NEEDS_LOGITS`) instead of from the network.
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
    is_asked: bool


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def router_input(
    moments: FloatArray, is_standardised: bool, x: FloatArray, out: Float32Array
) -> None:
    """Write the router's view of a record; a missing value is 0, which is the mean if scaled."""
    for j in range(len(x)):
        value = x[j]
        if is_standardised:
            count, mean, m2 = moments[0, j], moments[1, j], moments[2, j]
            value = (value - mean) / math.sqrt(m2 / (count - 1.0)) if m2 > 0.0 else 0.0
        # Beside a missing value, moments that have overflowed make this NaN too.
        out[j] = min(max(value, -INPUT_MAX), INPUT_MAX) if value == value else 0.0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_moments(moments: FloatArray, x: FloatArray) -> None:
    """Take a record into the running mean and variance (Welford)."""
    for j in range(len(x)):
        if x[j] == x[j]:
            value = winsorised(x[j], moments[1, j], moments[2, j], moments[0, j])
            moments[0, j] += 1.0
            step = value - moments[1, j]
            moments[1, j] += step / moments[0, j]
            moments[2, j] += step * (value - moments[1, j])


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def largest(values: FloatArray) -> int:
    """Return the index of the largest value, the first of equals."""
    best = 0
    for i in range(1, len(values)):
        if values[i] > values[best]:
            best = i
    return best


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def mix_softly(
    logits: Float32Array, temperature: float, probabilities: FloatArray, output: FloatArray
) -> None:
    """Write the mean of the experts' answers weighted by softmax(logits / temperature)."""
    top = np.float64(logits[largest(logits)])
    output[:] = 0.0
    total = 0.0
    for k in range(len(logits)):
        weight = math.exp((np.float64(logits[k]) - top) / temperature)
        total += weight
        for c in range(len(output)):
            output[c] += weight * probabilities[k, c]
    for c in range(len(output)):
        output[c] /= total


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def ask_experts(
    forest: Forest, probabilities: FloatArray, x: FloatArray, trace: FloatArray
) -> None:
    """Write what each expert says, its vote, and for each class who believes in it most."""
    n_experts, n_classes = probabilities.shape
    complete = is_complete(x)
    for k in range(n_experts):
        answer = probabilities[k]
        predict_tree(forest, k, x, complete, answer)
        trace[k] = largest(answer)
    for c in range(n_classes):
        best = 0
        for k in range(1, n_experts):
            if probabilities[k, c] > probabilities[best, c]:
                best = k
        trace[n_experts + c] = best


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
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
    logit of each expert | the router's input, if it was standardised. `mixture.input` has to be
    the record's, and `mixture.logits` too where they come from outside.
    """
    probabilities, logits, inputs = mixture.probabilities, mixture.logits, mixture.input
    n_experts, n_classes = probabilities.shape
    ask_experts(forest, probabilities, x, trace)
    if not mixture.is_asked:
        forward(network, inputs, logits)
    at = n_experts + n_classes
    for k in range(n_experts):
        trace[at + k] = logits[k]
    if mixture.is_standardised:
        for j in range(len(x)):
            trace[at + n_experts + j] = inputs[j]
    if mixture.is_soft:
        mix_softly(logits, mixture.temperature, probabilities, output)
    else:
        answer = probabilities[largest(logits)]
        for c in range(n_classes):
            output[c] = answer[c]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def mark_right(mask: Float32Array, y: int, n_classes: int, trace: FloatArray) -> None:
    """Write 1 for each expert whose vote was right.

    Where none was, the one that gave the true class most probability counts as right.
    """
    right = 0
    for k in range(len(mask)):
        is_right = trace[k] == y
        mask[k] = 1.0 if is_right else 0.0
        right += is_right
    if right == 0:
        mask[np.int64(trace[len(mask) + y])] = 1.0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def gather(
    network: Network,
    mixture: Mixture,
    x: FloatArray,
    y: int,
    trace: FloatArray,
    is_fresh: bool,
) -> None:
    """Put a record into the router's batch.

    `is_fresh` says that the last forward pass was this record's, and that its activations can
    be kept.
    """
    n_experts, n_classes = mixture.probabilities.shape
    at = n_experts + n_classes
    row = mixture.filled[0]
    inputs = mixture.inputs[row]
    mark_right(mixture.masks[row], y, n_classes, trace)
    if mixture.is_standardised:
        for j in range(len(x)):
            inputs[j] = trace[at + n_experts + j]
        learn_moments(mixture.moments, x)
    else:
        router_input(mixture.moments, False, x, inputs)
    if is_fresh and len(network.known) > 0:
        keep(network, mixture.logits, row)
    mixture.filled[0] = row + 1


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_top(forest: Forest, mixture: Mixture, x: FloatArray, y: int, trace: FloatArray) -> None:
    """Train the experts whose logits were the largest."""
    logits = mixture.logits
    at = len(mixture.probabilities) + forest.n_classes
    complete = is_complete(x)
    for k in range(len(logits)):
        logits[k] = trace[at + k]
    for _ in range(mixture.top_k):
        k = largest(logits)
        logits[k] = -np.inf
        learn_tree(forest, k, x, complete, y, 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def run_mixture(
    action: NDArray[np.uint8],
    row: IntArray,
    start: int,
    has_logits: bool,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    trace: FloatArray,
    forest: Forest,
    network: Network,
    mixture: Mixture,
) -> tuple[int, int]:
    """Run the steps from `start` until the tape ends or something has to be done outside.

    Returns the next step and the reason: the tape's end, pools that have to grow, a batch that
    is full, or a record (its input in `mixture.input`) whose logits are wanted, after which
    `has_logits` is to be true.
    """
    fresh = -1  # the row that the network's activations are of, with the weights of now
    for step in range(start, len(row)):
        i = row[step]
        if action[step] == 0:
            if not has_logits:
                router_input(mixture.moments, mixture.is_standardised, x[i], mixture.input)
                if mixture.is_asked:
                    return step, NEEDS_LOGITS
            has_logits = False
            predict_mixture(forest, network, mixture, x[i], output[i], trace[i])
            fresh = -1 if mixture.is_asked else i
            continue
        if lacks_room(forest, mixture.top_k):
            return step, NEEDS_ROOM
        code = np.int64(y[i])
        assert 0 <= code < forest.n_classes
        gather(network, mixture, x[i], code, trace[i], fresh == i)
        learn_top(forest, mixture, x[i], code, trace[i])
        fresh = -1  # `learn_top` writes over the logits
        if mixture.filled[0] == len(mixture.inputs):
            return step + 1, BATCH_FULL
    return len(row), FINISHED
