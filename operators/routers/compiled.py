"""The compiled router: a small multilayer perceptron that kernels read and train."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray

from operators.kernels.mlp import Network, Training, forward, learn_batch
from operators.routers.base import check_snapshot
from operators.snapshot import State

Widths = tuple[int, int, int, int]
Array = NDArray[np.float32]
Layers = tuple[Array, Array, Array, Array, Array, Array]
LINE = 64  # bytes of a cache line


class CompiledMLPRouter:
    """Two hidden layers with ReLU, one logit an expert, trained on which experts were right.

    The same mathematics as `operators.routers.mlp` gives to torch, all of it compiled: a record's
    forward pass inside the mixture's loop and the training step on a batch. Choose it unless the
    router has to be another network.

    Parameters
    ----------
    n_features, n_experts
        Width of the input and number of logits.
    hidden
        Widths of the two hidden layers. Larger: finer regions, slower in both directions.
    learning_rate
        Step size of Adam.
    batch
        Number of records of each training step.
    seed
        Of the initial weights (Xavier uniform, biases 0).

    Attributes
    ----------
    network, training
        What kernels read and train. Whoever predicts may `keep` activations for the next step.
    """

    kind = "compiled"
    network: Network
    training: Training

    def __init__(
        self,
        n_features: int,
        n_experts: int,
        *,
        hidden: tuple[int, int] = (256, 128),
        learning_rate: float = 2e-3,
        batch: int = 256,
        seed: int = 1,
    ) -> None:
        widths = (n_features, *hidden, n_experts)
        self.network = make_network(widths, batch, seed)
        self.training = make_training(widths, batch, learning_rate)

    def logits(self, inputs: Array, out: Array) -> None:
        """Write the logits of one record."""
        forward(self.network, inputs, out)

    def learn(self, inputs: Array, masks: Array) -> None:
        """Take one Adam step on mean BCE(sigmoid(logits), masks)."""
        learn_batch(self.network, self.training, inputs, masks)

    def snapshot(self) -> State:
        """Return weights and Adam's moments."""
        return {"kind": self.kind, **network_state(self.network, self.training)}

    def restore(self, state: State) -> None:
        """Take over a snapshot of a router with equal parameters."""
        arrays = network_state(self.network, self.training)
        check_snapshot(state, self.kind, arrays)
        restore_network(self.network, self.training, state)


def make_network(widths: Widths, batch: int, seed: int) -> Network:
    """Make a network of four widths: Xavier uniform weights from the seed, biases 0.

    Parameters
    ----------
    widths
        Inputs, two hidden layers, outputs.
    batch
        Most records that it will learn at a time; 0 if it only ever predicts.
    """
    parameters = _zeros(_size(widths))
    layers = _views(parameters, widths)
    generator = np.random.default_rng(seed)
    for weight in layers[::2]:
        bound = math.sqrt(6.0 / sum(weight.shape))
        weight[:] = generator.uniform(-bound, bound, weight.shape)
    longest = max(*widths, batch) + 1  # one more: `collect` writes before it knows
    return Network(
        parameters,
        *layers,
        hidden_1=_zeros(widths[1]),
        hidden_2=_zeros(widths[2]),
        factors=_zeros(longest),
        rows=np.zeros(longest, dtype=np.int64),
        batch_1=_zeros(batch, widths[1]),
        batch_2=_zeros(batch, widths[2]),
        batch_3=_zeros(batch, widths[3]),
        known=np.zeros(batch, dtype=np.bool_),
    )


def make_training(widths: Widths, batch: int, learning_rate: float) -> Training:
    """Make Adam's state at step 0, and working space for batches of up to `batch` records."""
    size = _size(widths)
    gradient = _zeros(size)
    return Training(
        np.zeros(1, dtype=np.int64),
        _zeros(size),
        _zeros(size),
        gradient,
        *_views(gradient, widths),
        delta_1=_zeros(batch, widths[1]),
        delta_2=_zeros(batch, widths[2]),
        delta_3=_zeros(batch, widths[3]),
        turned_2=_zeros(widths[2], widths[1]),
        turned_3=_zeros(widths[3], widths[2]),
        learning_rate=float(learning_rate),
    )


def network_state(network: Network, training: Training) -> State:
    """Return a network's weights by layer, Adam's moments and the number of steps."""
    state: State = {
        "parameters": network.parameters.copy(),
        "moment_1": training.moment_1.copy(),
        "moment_2": training.moment_2.copy(),
        "step": int(training.step[0]),
    }
    # The same number of weights may be other layers.
    state["widths"] = np.array([*network.weight_1.shape, *network.weight_3.shape])
    return state


def restore_network(network: Network, training: Training, state: State) -> None:
    """Take over what `network_state` gave for a network of equal widths."""
    network.parameters[:] = np.asarray(state["parameters"])
    training.moment_1[:] = np.asarray(state["moment_1"])
    training.moment_2[:] = np.asarray(state["moment_2"])
    training.step[0] = np.asarray(state["step"])
    network.known[:] = False


def _zeros(*shape: int) -> Array:
    """Zeros that start on a cache line: vectors that straddle two cost half as much again."""
    size = math.prod(shape)
    room = np.zeros(size + LINE // 4, dtype=np.float32)
    start = -room.ctypes.data % LINE // 4
    return room[start : start + size].reshape(shape)


def _size(widths: Widths) -> int:
    return sum((a + 1) * b for a, b in pairwise(widths))


def _views(flat: Array, widths: Widths) -> Layers:
    """Weight and bias of each layer, as views of one vector."""
    views: list[Array] = []
    at = 0
    for a, b in pairwise(widths):
        views += [flat[at : at + a * b].reshape(a, b), flat[at + a * b : at + (a + 1) * b]]
        at += (a + 1) * b
    return cast("Layers", tuple(views))
