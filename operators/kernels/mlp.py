"""A small multilayer perceptron, learnt by Adam: one record forward, one batch back.

Two hidden layers with ReLU, one logit an output, mean binary cross entropy of the logits against
a mask. Every sum runs in one fixed order, which depends on nothing but the numbers: over inputs
or records in ascending order, those that are exactly 0 (about half of them after ReLU) left out.
What runs in parallel lanes is always the outputs, never the terms of one sum, so vectorising
changes no bit, and a record's logits are the same alone and in any batch.

Every product of the forward and the backward pass is one shape, "add some rows of a matrix, each
with its factor, to a row": `add_rows`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

# Adam's decays and the term that keeps its division finite, as torch and the paper have them.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
# A step that such a moment makes is below 1e-22 of the learning rate: float32 weights never see it.
MOMENT_MIN = 1e-30


class Network(NamedTuple):
    """Weights as kernels read them, and working space for one record.

    Parameters
    ----------
    parameters
        (n_parameters,) float32, all weights and biases, one after the other; mutated.
    weight_1, bias_1, weight_2, bias_2, weight_3, bias_3
        Views of `parameters`; weights are (inputs, outputs), so that the weights of one input
        are contiguous.
    hidden_1, hidden_2
        Working space for the activations.
    factors, rows
        (longest layer or batch + 1,) float32 and int64 working space.
    batch_1, batch_2, batch_3
        (batch, width) float32: activations and logits of the records of a batch.
    known
        (batch,) bool, where those are already there (`keep`); mutated. It may always be cleared:
        what is not known is computed again, to the same bits.
    """

    parameters: Float32Array
    weight_1: Float32Array
    bias_1: Float32Array
    weight_2: Float32Array
    bias_2: Float32Array
    weight_3: Float32Array
    bias_3: Float32Array
    hidden_1: Float32Array
    hidden_2: Float32Array
    factors: Float32Array
    rows: IntArray
    batch_1: Float32Array
    batch_2: Float32Array
    batch_3: Float32Array
    known: NDArray[np.bool_]


class Training(NamedTuple):
    """Adam's state, and working space for one batch.

    Parameters
    ----------
    step
        (1,) int64, steps taken; mutated.
    moment_1, moment_2
        (n_parameters,) float32, running means of gradients and of their squares; mutated.
    gradient
        (n_parameters,) float32 working space, in the order of `Network.parameters`.
    weight_1, bias_1, weight_2, bias_2, weight_3, bias_3
        Views of `gradient`.
    delta_1, delta_2, delta_3
        (batch, width) float32 working space: the loss's derivatives by the values before each
        layer's activation.
    turned_2, turned_3
        Working space for the transposed weights.
    """

    step: IntArray
    moment_1: Float32Array
    moment_2: Float32Array
    gradient: Float32Array
    weight_1: Float32Array
    bias_1: Float32Array
    weight_2: Float32Array
    bias_2: Float32Array
    weight_3: Float32Array
    bias_3: Float32Array
    delta_1: Float32Array
    delta_2: Float32Array
    delta_3: Float32Array
    turned_2: Float32Array
    turned_3: Float32Array
    learning_rate: float


@njit(cache=True, nogil=True, error_model="numpy")
def add_rows(
    factors: Float32Array, rows: IntArray, count: int, matrix: Float32Array, out: Float32Array
) -> None:
    """Add to `out` the first `count` of `rows` of the matrix, each times its factor.

    Four rows go at a time, to read and write `out` once instead of four times; each element of
    it still gets its terms one after the other.
    """
    k = 0
    while k + 4 <= count:
        f0, f1, f2, f3 = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
        row0, row1 = matrix[rows[k]], matrix[rows[k + 1]]
        row2, row3 = matrix[rows[k + 2]], matrix[rows[k + 3]]
        for j in range(len(out)):
            out[j] = out[j] + f0 * row0[j] + f1 * row1[j] + f2 * row2[j] + f3 * row3[j]
        k += 4
    while k < count:
        factor, row = factors[k], matrix[rows[k]]
        for j in range(len(out)):
            out[j] += factor * row[j]
        k += 1


@njit(cache=True, nogil=True, error_model="numpy")
def collect(values: Float32Array, factors: Float32Array, rows: IntArray) -> int:
    """Gather the values that are not 0 and where they stand; return how many.

    Without a branch on the value: half of those would be mispredicted.
    """
    count = 0
    for i in range(len(values)):
        factors[count] = values[i]
        rows[count] = i
        count += values[i] != np.float32(0.0)
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def affine(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    factors: Float32Array,
    rows: IntArray,
    out: Float32Array,
) -> None:
    """Write x @ weight + bias."""
    for j in range(len(out)):
        out[j] = bias[j]
    count = collect(x, factors, rows)
    add_rows(factors, rows, count, weight, out)


@njit(cache=True, nogil=True, error_model="numpy")
def relu(values: Float32Array) -> None:
    """Put 0 in place of what is negative."""
    for j in range(len(values)):
        values[j] = max(values[j], np.float32(0.0))


@njit(cache=True, nogil=True, error_model="numpy")
def first_layer(network: Network, x: Float32Array) -> None:
    """Write the first layer's activations of one record into the network's working space."""
    affine(x, network.weight_1, network.bias_1, network.factors, network.rows, network.hidden_1)
    relu(network.hidden_1)


@njit(cache=True, nogil=True, error_model="numpy")
def later_layers(network: Network, logits: Float32Array) -> None:
    """Write the second layer's activations and the logits, from the first layer's activations."""
    hidden_1, hidden_2 = network.hidden_1, network.hidden_2
    factors, rows = network.factors, network.rows
    affine(hidden_1, network.weight_2, network.bias_2, factors, rows, hidden_2)
    relu(hidden_2)
    affine(hidden_2, network.weight_3, network.bias_3, factors, rows, logits)


@njit(cache=True, nogil=True, error_model="numpy")
def forward(network: Network, x: Float32Array, logits: Float32Array) -> None:
    """Write the logits of one record; activations stay in the network's working space."""
    first_layer(network, x)
    later_layers(network, logits)


@njit(cache=True, nogil=True, error_model="numpy")
def copy_values(values: Float32Array, out: Float32Array) -> None:
    """Write values to another array, which must not overlap."""
    for j in range(len(out)):
        out[j] = values[j]


@njit(cache=True, nogil=True, error_model="numpy")
def keep(network: Network, logits: Float32Array, record: int) -> None:
    """Keep the activations of the last `forward` for a record of the batch to come.

    Between two updates the weights stand still, so what predicting computed is what training
    would compute.
    """
    copy_values(network.hidden_1, network.batch_1[record])
    copy_values(network.hidden_2, network.batch_2[record])
    copy_values(logits, network.batch_3[record])
    network.known[record] = True


@njit(cache=True, nogil=True, error_model="numpy")
def activate(network: Network, inputs: Float32Array) -> None:
    """Compute the activations of a batch, except what is known, and forget that it is known."""
    for r in range(len(inputs)):
        if not network.known[r]:
            forward(network, inputs[r], network.batch_3[r])
            copy_values(network.hidden_1, network.batch_1[r])
            copy_values(network.hidden_2, network.batch_2[r])
        network.known[r] = False


@njit(cache=True, nogil=True, error_model="numpy")
def cross_entropy_slopes(logits: Float32Array, masks: Float32Array, slopes: Float32Array) -> None:
    """Write the derivative by each logit of mean BCE(sigmoid(logits), masks)."""
    size = np.float64(logits.size)
    for r in range(logits.shape[0]):
        for k in range(logits.shape[1]):
            right = 1.0 / (1.0 + math.exp(-np.float64(logits[r, k])))
            slopes[r, k] = (right - np.float64(masks[r, k])) / size


@njit(cache=True, nogil=True, error_model="numpy")
def backward(network: Network, training: Training, inputs: Float32Array, gain: float) -> None:
    """Write the gradient from the batch's activations and `delta_3`.

    Parameters
    ----------
    gain
        What the first layer's activations were multiplied by where they are not 0; 1 unless
        dropout is active.
    """
    n = len(inputs)
    hidden_1, hidden_2 = network.batch_1[:n], network.batch_2[:n]
    delta_1, delta_2, delta_3 = training.delta_1[:n], training.delta_2[:n], training.delta_3[:n]
    factors, rows = network.factors, network.rows
    weight_gradient(hidden_2, delta_3, factors, rows, training.weight_3, training.bias_3)
    turn(network.weight_3, training.turned_3)
    through(delta_3, training.turned_3, hidden_2, 1.0, factors, rows, delta_2)
    weight_gradient(hidden_1, delta_2, factors, rows, training.weight_2, training.bias_2)
    turn(network.weight_2, training.turned_2)
    through(delta_2, training.turned_2, hidden_1, gain, factors, rows, delta_1)
    weight_gradient(inputs, delta_1, factors, rows, training.weight_1, training.bias_1)


@njit(cache=True, nogil=True, error_model="numpy")
def weight_gradient(
    inputs: Float32Array,
    delta: Float32Array,
    factors: Float32Array,
    rows: IntArray,
    weight: Float32Array,
    bias: Float32Array,
) -> None:
    """Write a layer's gradient: inputs.T @ delta, and the sum of delta over records."""
    for i in range(inputs.shape[1]):
        out = weight[i]
        for j in range(len(out)):
            out[j] = np.float32(0.0)
        count = collect(inputs[:, i], factors, rows)
        add_rows(factors, rows, count, delta, out)
    for j in range(len(bias)):
        bias[j] = np.float32(0.0)
    for r in range(len(delta)):
        for j in range(len(bias)):
            bias[j] += delta[r, j]


@njit(cache=True, nogil=True, error_model="numpy")
def through(
    delta: Float32Array,
    turned: Float32Array,
    hidden: Float32Array,
    gain: float,
    factors: Float32Array,
    rows: IntArray,
    out: Float32Array,
) -> None:
    """Take derivatives back through a layer and the ReLU before it, whose values are `hidden`."""
    slope = np.float32(gain)
    for r in range(len(delta)):
        below, value = out[r], hidden[r]
        for j in range(len(below)):
            below[j] = np.float32(0.0)
        count = collect(delta[r], factors, rows)
        add_rows(factors, rows, count, turned, below)
        for j in range(len(below)):
            below[j] = slope * below[j] if value[j] > np.float32(0.0) else np.float32(0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def turn(matrix: Float32Array, turned: Float32Array) -> None:
    """Write the transposed matrix."""
    for j in range(turned.shape[0]):
        for i in range(turned.shape[1]):
            turned[j, i] = matrix[i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def adam(network: Network, training: Training) -> None:
    """Take one step of Adam along the gradient (Kingma and Ba, 2015, algorithm 1).

    Moments below `MOMENT_MIN` become 0. Without a gradient they shrink until they are subnormal,
    where rounding stops them for good, and some processors take a hundred cycles for each.
    """
    training.step[0] += 1
    step = np.float64(training.step[0])
    parameters, gradient = network.parameters, training.gradient
    moment_1, moment_2 = training.moment_1, training.moment_2
    decay_2, gain_1, gain_2 = (
        np.float32(BETA_2),
        np.float32(1.0 - BETA_1),
        np.float32(1.0 - BETA_2),
    )
    size = np.float32(training.learning_rate / (1.0 - BETA_1**step))
    scale = np.float32(math.sqrt(1.0 - BETA_2**step))
    epsilon, least, none = np.float32(EPSILON), np.float32(MOMENT_MIN), np.float32(0.0)
    for i in range(len(parameters)):
        slope = gradient[i]
        first = moment_1[i] + gain_1 * (slope - moment_1[i])
        second = decay_2 * moment_2[i] + gain_2 * (slope * slope)
        first = first if abs(first) > least else none
        second = second if second > least else none
        moment_1[i], moment_2[i] = first, second
        parameters[i] -= size * (first / (np.sqrt(second) / scale + epsilon))


@njit(cache=True, nogil=True, error_model="numpy")
def gradients(
    network: Network, training: Training, inputs: Float32Array, masks: Float32Array
) -> None:
    """Write the gradient of mean BCE(sigmoid(logits), masks) over a batch's records and outputs.

    Parameters
    ----------
    inputs, masks
        (n, inputs) and (n, outputs) float32, n up to the rows of the working space.
    """
    n = len(inputs)
    activate(network, inputs)
    cross_entropy_slopes(network.batch_3[:n], masks, training.delta_3[:n])
    backward(network, training, inputs, 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_batch(
    network: Network, training: Training, inputs: Float32Array, masks: Float32Array
) -> None:
    """Take one step of Adam on mean BCE(sigmoid(logits), masks) of a batch."""
    gradients(network, training, inputs, masks)
    adam(network, training)
