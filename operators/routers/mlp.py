"""The router of DriftMoE: a small torch network, trained by batch and read by kernels."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from operators.kernels.mixture import Network
from operators.snapshot import State

VERSION = 1
_MOMENTS = ("exp_avg", "exp_avg_sq")


class MLPRouter(nn.Module):
    """Two hidden layers with ReLU, one logit an expert, trained on which experts were right.

    torch does what it is good at, the training step, always on batches of one size; the logits of
    single records come from `operators.kernels.mixture.forward` on `network`, a copy of the
    weights, because a matrix product's last digit depends on how many rows it has.

    Parameters
    ----------
    n_features, n_experts
        Width of the input and number of logits.
    hidden
        Widths of the two hidden layers. Larger: finer regions, slower in both directions.
    learning_rate
        Step size of Adam.
    seed
        Of the initial weights (Xavier uniform, biases 0). The global generator is not touched.

    Notes
    -----
    Sets torch to one thread: sums over several are not added in one order, and a worker's cores
    belong to its other tasks. Nothing here draws random numbers after construction; the paper's
    dropout is never active in MoE-Data, whose training step uses logits computed in evaluation
    mode, and so there is none.
    """

    network: Network

    def __init__(
        self,
        n_features: int,
        n_experts: int,
        *,
        hidden: tuple[int, int] = (256, 128),
        learning_rate: float = 2e-3,
        seed: int = 1,
    ) -> None:
        super().__init__()
        torch.set_num_threads(1)
        widths = (n_features, *hidden, n_experts)
        # Built without storage first, since torch would fill it from the global generator.
        self.layers = nn.ModuleList(
            nn.Linear(widths[i], widths[i + 1], device="meta") for i in range(3)
        ).to_empty(device="cpu")
        generator = torch.Generator().manual_seed(seed)
        for layer in self._linear():
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
        self._optimizer = torch.optim.Adam(self.parameters(), lr=learning_rate, fused=True)
        self._loss = nn.BCEWithLogitsLoss()
        self._refresh()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, (n, n_experts)."""
        first, second, third = self._linear()
        hidden = torch.relu(second(torch.relu(first(x))))
        return cast("torch.Tensor", third(hidden))

    def learn(self, inputs: NDArray[np.float32], masks: NDArray[np.float32]) -> None:
        """Take one Adam step on mean BCE(sigmoid(logits), masks)."""
        # Copied, so that the memory that the sums run over is always aligned as torch aligns it.
        x, target = torch.tensor(inputs), torch.tensor(masks)
        self._optimizer.zero_grad(set_to_none=True)
        self._loss(self(x), target).backward()
        self._optimizer.step()
        self._refresh()

    def snapshot(self) -> State:
        """Return weights and Adam's moments."""
        state: State = {"version": VERSION, "step": 0}
        for name, parameter in self.named_parameters():
            state[name] = parameter.detach().numpy().copy()
            moments = self._optimizer.state.get(parameter, {})
            for moment in _MOMENTS:
                value = moments.get(moment, torch.zeros_like(parameter))
                state[f"{name}/{moment}"] = value.detach().numpy().copy()
            state["step"] = int(moments.get("step", 0))
        return state

    def restore(self, state: State) -> None:
        """Take over a snapshot of a router with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"router: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        for name, parameter in self.named_parameters():
            tensors = [torch.tensor(state[name])]
            tensors += [torch.tensor(state[f"{name}/{moment}"]) for moment in _MOMENTS]
            for tensor in tensors:
                if tensor.shape != parameter.shape:
                    raise ValueError(
                        f"router: `{name}` of the snapshot must have shape "
                        f"{tuple(parameter.shape)}; got {tuple(tensor.shape)}. It was made with "
                        "other features, experts or hidden widths."
                    )
            with torch.no_grad():
                parameter.copy_(tensors[0])
            self._optimizer.state[parameter] = {
                "step": torch.tensor(float(cast("int", state["step"]))),
                **dict(zip(_MOMENTS, tensors[1:], strict=True)),
            }
        self._refresh()

    def _linear(self) -> list[nn.Linear]:
        return [cast("nn.Linear", layer) for layer in self.layers]

    def _refresh(self) -> None:
        arrays = []
        for layer in self._linear():
            arrays += [
                np.ascontiguousarray(layer.weight.detach().numpy().T),
                layer.bias.detach().numpy().copy(),
            ]
        hidden = [np.zeros(layer.out_features, dtype=np.float32) for layer in self._linear()[:2]]
        self.network = Network(*arrays, *hidden)
