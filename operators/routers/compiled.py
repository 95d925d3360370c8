"""The arrays of a compiled multilayer perceptron: made from widths, snapshot, restored."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.mlp import Network, Training, learn_batch
from operators.snapshot import State

VERSION = 1
KIND = "compiled"


def make_network(widths: tuple[int, int, int, int], batch: int, seed: int) -> Network:
    """Make a network of four widths: Xavier uniform weights from the seed, biases 0.

    Parameters
    ----------
    widths
        Inputs, two hidden layers, outputs.
    batch
        Most records that it will learn at a time.
    """
    parameters = np.zeros(_size(widths), dtype=np.float32)
    layers = _views(parameters, widths)
    generator = np.random.default_rng(seed)
    for weight in layers[::2]:
        bound = math.sqrt(6.0 / sum(weight.shape))
        weight[:] = generator.uniform(-bound, bound, weight.shape)
    longest = max(*widths, batch) + 1  # one more: `collect` writes before it knows
    return Network(
        parameters,
        *layers,
        hidden_1=np.zeros(widths[1], dtype=np.float32),
        hidden_2=np.zeros(widths[2], dtype=np.float32),
        factors=np.zeros(longest, dtype=np.float32),
        rows=np.zeros(longest, dtype=np.int64),
    )


def make_training(
    widths: tuple[int, int, int, int], batch: int, learning_rate: float
) -> Training:
    """Make Adam's state at step 0, and working space for batches of up to `batch` records."""
    size = _size(widths)
    gradient = np.zeros(size, dtype=np.float32)

    def space(rows: int, columns: int) -> NDArray[np.float32]:
        return np.zeros((rows, columns), dtype=np.float32)

    return Training(
        np.zeros(1, dtype=np.int64),
        np.zeros(size, dtype=np.float32),
        np.zeros(size, dtype=np.float32),
        gradient,
        *_views(gradient, widths),
        hidden_1=space(batch, widths[1]),
        hidden_2=space(batch, widths[2]),
        delta_1=space(batch, widths[1]),
        delta_2=space(batch, widths[2]),
        delta_3=space(batch, widths[3]),
        turned_2=space(widths[2], widths[1]),
        turned_3=space(widths[3], widths[2]),
        learning_rate=float(learning_rate),
    )


def _size(widths: tuple[int, ...]) -> int:
    return sum((a + 1) * b for a, b in zip(widths[:-1], widths[1:], strict=True))


def _views(flat: NDArray[np.float32], widths: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Weight and bias of each layer, as views of one vector."""
    views: list[NDArray[np.float32]] = []
    at = 0
    for a, b in zip(widths[:-1], widths[1:], strict=True):
        views += [flat[at : at + a * b].reshape(a, b), flat[at + a * b : at + (a + 1) * b]]
        at += (a + 1) * b
    return views
