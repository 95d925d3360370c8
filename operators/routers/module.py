"""Routers that torch trains: any module, or the multilayer perceptron that kernels can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from operators.kernels.mlp import Network
from operators.routers.base import check_snapshot
from operators.routers.compiled import make_network
from operators.snapshot import State

_MOMENTS = ("exp_avg", "exp_avg_sq")
_BUFFER, _PARAMETER = "buffer/", "parameter/"


class TorchRouter:
    """Any torch module as a router, trained by Adam on batches of one size.

    Prefer `operators.routers.compiled.CompiledMLPRouter` unless the network has to be another
    one: a module that kernels cannot read is asked record by record, some 50 us each.

    Parameters
    ----------
    module
        From (n, n_inputs) float32 to (n, n_experts) logits. It is kept in evaluation mode:
        dropout would draw from torch's global generator, which belongs to nobody.
    learning_rate
        Step size of Adam.
    read
        For modules whose logits the compiled forward pass computes: gives their weights, and is
        called after each step. Without it the module's own forward pass is used, on one record
        at a time, because a matrix product's last digit depends on how many rows it has.

    Notes
    -----
    Sets torch to one thread: sums over several are not added in one order, and a worker's cores
    belong to its other tasks.
    """

    kind = "torch"
    network: Network | None = None

    def __init__(
        self,
        module: nn.Module,
        *,
        learning_rate: float = 2e-3,
        read: Callable[[nn.Module], Network] | None = None,
    ) -> None:
        torch.set_num_threads(1)
        self.module = module.eval()
        self._optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate, fused=True)
        self._loss = nn.BCEWithLogitsLoss()
        self._read = read
        self._refresh()

    def logits(self, inputs: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Write the logits of one record."""
        with torch.inference_mode():
            out[:] = self.module(torch.tensor(inputs[None]))[0].numpy()

    def learn(self, inputs: NDArray[np.float32], masks: NDArray[np.float32]) -> None:
        """Take one Adam step on mean BCE(sigmoid(logits), masks)."""
        # Copied, so that the memory that the sums run over is always aligned as torch aligns it.
        x, target = torch.tensor(inputs), torch.tensor(masks)
        self._optimizer.zero_grad(set_to_none=True)
        self._loss(self.module(x), target).backward()
        self._optimizer.step()
        self._refresh()

    def snapshot(self) -> State:
        """Return parameters, buffers and Adam's moments."""
        return {"kind": self.kind, "step": self._step(), **self._arrays()}

    def restore(self, state: State) -> None:
        """Take over a snapshot of a router with an equal module."""
        check_snapshot(state, self.kind, self._arrays())
        with torch.no_grad():
            for name, buffer in self.module.named_buffers():
                buffer.copy_(torch.tensor(state[_BUFFER + name]))
            for name, parameter in self.module.named_parameters():
                parameter.copy_(torch.tensor(state[_PARAMETER + name]))
        self._optimizer.state.clear()
        for name, parameter in self.module.named_parameters():
            moments = {
                moment: torch.tensor(state[f"{_PARAMETER}{name}/{moment}"]) for moment in _MOMENTS
            }
            step = torch.tensor(float(cast("int", state["step"])))
            self._optimizer.state[parameter] = {"step": step, **moments}
        self._refresh()

    def _step(self) -> int:
        steps = [int(moments["step"]) for moments in self._optimizer.state.values()]
        return max(steps, default=0)

    def _arrays(self) -> State:
        arrays: State = {
            _BUFFER + name: buffer.numpy().copy() for name, buffer in self.module.named_buffers()
        }
        for name, parameter in self.module.named_parameters():
            arrays[_PARAMETER + name] = parameter.detach().numpy().copy()
            moments = self._optimizer.state.get(parameter, {})
            for moment in _MOMENTS:
                value = moments.get(moment, torch.zeros_like(parameter))
                arrays[f"{_PARAMETER}{name}/{moment}"] = value.detach().numpy().copy()
        return arrays

    def _refresh(self) -> None:
        if self._read is not None:
            self.network = self._read(self.module)


def torch_mlp(
    n_features: int,
    n_experts: int,
    *,
    hidden: tuple[int, int] = (256, 128),
    learning_rate: float = 2e-3,
    seed: int = 1,
) -> TorchRouter:
    """Make the router of the DriftMoE paper, trained by torch and read by kernels.

    Parameters
    ----------
    n_features, n_experts, hidden, learning_rate, seed
        As of `operators.routers.compiled.CompiledMLPRouter`.

    Notes
    -----
    Nothing here draws random numbers after construction; the paper's dropout is never active in
    MoE-Data, whose training step uses logits computed in evaluation mode, and so there is none.
    """
    first, second = hidden
    # Built without storage first, since torch would fill it from the global generator.
    module = nn.Sequential(
        nn.Linear(n_features, first, device="meta"),
        nn.ReLU(),
        nn.Linear(first, second, device="meta"),
        nn.ReLU(),
        nn.Linear(second, n_experts, device="meta"),
    ).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for layer in linear_layers(module):
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
    return TorchRouter(module, learning_rate=learning_rate, read=read_mlp)


def read_mlp(module: nn.Module) -> Network:
    """Copy the weights of a module of three linear layers for the compiled forward pass."""
    layers = linear_layers(module)
    widths = (
        layers[0].in_features,
        layers[0].out_features,
        layers[1].out_features,
        layers[2].out_features,
    )
    network = make_network(widths, batch=0, seed=0)
    weights = (network.weight_1, network.weight_2, network.weight_3)
    biases = (network.bias_1, network.bias_2, network.bias_3)
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        weight[:] = layer.weight.detach().numpy().T
        bias[:] = layer.bias.detach().numpy()
    return network


def linear_layers(module: nn.Module) -> list[nn.Linear]:
    """Return a module's linear layers, in order."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
