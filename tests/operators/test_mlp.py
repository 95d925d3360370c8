"""The compiled network: gradients against autograd, steps against torch's Adam, order of sums.

How a mixture uses it is in test_drift_moe and test_drift_moe_task.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from operators.kernels.mlp import (
    Network,
    activate,
    adam,
    backward,
    cross_entropy_slopes,
    forward,
    gradients,
    keep,
    learn_batch,
)
from operators.routers.base import Router
from operators.routers.compiled import CompiledMLPRouter, make_network, make_training
from operators.routers.module import TorchRouter, torch_mlp
from operators.snapshot import digest

WIDTHS = [(6, 256, 128, 12), (24, 5, 7, 3), (1, 1, 1, 1), (3, 33, 18, 2)]
Array = np.ndarray[Any, Any]


def batch(widths: tuple[int, ...], count: int = 64, seed: int = 1) -> tuple[Array, Array]:
    """Inputs, some of them 0, and masks that depend on them."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((count, widths[0])).astype(np.float32)
    inputs[rng.random(inputs.shape) < 0.1] = 0.0
    scores = np.tanh(inputs) @ rng.standard_normal((widths[0], widths[-1]))
    return inputs, (scores > 0).astype(np.float32)


def as_torch(network: Network, dtype: torch.dtype) -> torch.nn.Sequential:
    """A torch module with the network's weights."""
    layers: list[torch.nn.Module] = []
    for weight, bias in (
        (network.weight_1, network.bias_1),
        (network.weight_2, network.bias_2),
        (network.weight_3, network.bias_3),
    ):
        layer = torch.nn.Linear(*weight.shape, dtype=dtype)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight.T.copy()))
            layer.bias.copy_(torch.tensor(bias.copy()))
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def flat(tensors: list[torch.Tensor]) -> Array:
    """Weights (transposed) and biases in the order of `Network.parameters`."""
    return np.concatenate([tensor.detach().numpy().T.ravel() for tensor in tensors])


@pytest.mark.parametrize("widths", WIDTHS)
def test_logits_are_what_torch_computes(widths: Any) -> None:
    network = make_network(widths, 0, seed=3)
    inputs, _ = batch(widths)
    logits = np.zeros((len(inputs), widths[-1]), dtype=np.float32)
    for x, out in zip(inputs, logits, strict=True):
        forward(network, x, out)
    expected = as_torch(network, torch.float64)(torch.tensor(inputs, dtype=torch.float64))
    np.testing.assert_allclose(logits, expected.detach().numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("count", [1, 7, 64])
def test_gradients_are_those_of_autograd(widths: Any, count: int) -> None:
    network, training = make_network(widths, 64, seed=3), make_training(widths, 64, 1e-3)
    training.gradient[:] = np.nan  # nothing of the last batch may remain
    inputs, masks = batch(widths, count)
    gradients(network, training, inputs, masks)
    module = as_torch(network, torch.float64)
    loss = torch.nn.BCEWithLogitsLoss()(
        module(torch.tensor(inputs, dtype=torch.float64)), torch.tensor(masks, dtype=torch.float64)
    )
    loss.backward()
    expected = flat([parameter.grad for parameter in module.parameters()])  # type: ignore[misc]
    np.testing.assert_allclose(training.gradient, expected, rtol=1e-4, atol=1e-7)


def test_gradients_with_a_gain_are_those_of_scaled_activations() -> None:
    """What dropout needs: some activations of the first layer 0, the others scaled."""
    widths = (4, 16, 8, 3)
    network, training = make_network(widths, 1, seed=2), make_training(widths, 1, 1e-3)
    inputs, masks = batch(widths, 1)
    scale = np.where(np.arange(16) % 3, 1.25, 0.0)
    module = as_torch(network, torch.float64)
    hidden = torch.relu(module[0](torch.tensor(inputs, dtype=torch.float64))) * torch.tensor(scale)
    logits = module[4](torch.relu(module[2](hidden)))
    torch.nn.BCEWithLogitsLoss()(logits, torch.tensor(masks, dtype=torch.float64)).backward()

    activate(network, inputs)
    network.batch_1[0] = hidden.detach().numpy()[0]
    network.batch_2[0] = torch.relu(module[2](hidden)).detach().numpy()[0]
    cross_entropy_slopes(logits.detach().numpy().astype(np.float32), masks, training.delta_3)
    backward(network, training, inputs, 1.25)
    expected = flat([parameter.grad for parameter in module.parameters()])  # type: ignore[misc]
    np.testing.assert_allclose(training.gradient, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("widths", [(6, 32, 16, 4), (3, 33, 18, 2)])
def test_many_steps_are_those_of_torchs_adam(widths: Any) -> None:
    network, training = make_network(widths, 64, seed=3), make_training(widths, 64, 1e-3)
    module = as_torch(network, torch.float64)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for step in range(200):
        inputs, masks = batch(widths, seed=step % 10)
        learn_batch(network, training, inputs, masks)
        optimizer.zero_grad()
        torch.nn.BCEWithLogitsLoss()(
            module(torch.tensor(inputs, dtype=torch.float64)),
            torch.tensor(masks, dtype=torch.float64),
        ).backward()
        optimizer.step()
    expected = flat(list(module.parameters()))
    assert abs(expected - make_network(widths, 0, seed=3).parameters).max() > 0.05
    np.testing.assert_allclose(network.parameters, expected, atol=2e-4)


def test_adams_arithmetic_is_torchs() -> None:
    """On given gradients, of any size, to the last digits of float32."""
    widths = (6, 32, 16, 4)
    network, training = make_network(widths, 1, seed=3), make_training(widths, 1, 2e-3)
    parameter = torch.nn.Parameter(torch.tensor(network.parameters.copy()))
    optimizer = torch.optim.Adam([parameter], lr=2e-3)
    rng = np.random.default_rng(1)
    for _ in range(300):
        gradient = (rng.standard_normal(len(parameter)) * 10.0 ** rng.integers(-9, 3)).astype("f4")
        training.gradient[:] = gradient
        adam(network, training)
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    np.testing.assert_allclose(network.parameters, parameter.detach().numpy(), atol=2e-6)


def test_a_record_has_the_same_logits_alone_and_in_a_batch() -> None:
    widths = (6, 64, 32, 5)
    inputs, _ = batch(widths, 16)
    network = make_network(widths, 16, seed=3)
    activate(network, inputs)
    alone = np.zeros(5, dtype=np.float32)
    for x, together in zip(inputs, network.batch_3, strict=True):
        forward(network, x, alone)
        assert alone.tobytes() == together.tobytes()


def test_kept_activations_change_no_bit_of_a_step() -> None:
    widths = (6, 64, 32, 5)
    inputs, masks = batch(widths, 16)
    states = []
    for kept in ([], [0, 3, 15], list(range(16))):
        router = CompiledMLPRouter(6, 5, hidden=(64, 32), batch=16)
        logits = np.zeros(5, dtype=np.float32)
        for _ in range(3):
            for row in kept:
                forward(router.network, inputs[row], logits)
                keep(router.network, logits, row)
            router.learn(inputs, masks)
        states.append(digest(router.snapshot()))
    assert len(set(states)) == 1


@pytest.mark.parametrize("kind", ["compiled", "torch"])
def test_a_router_learns_who_is_right(kind: str) -> None:
    router: Router = (
        CompiledMLPRouter(2, 2, hidden=(16, 8), learning_rate=0.01)
        if kind == "compiled"
        else torch_mlp(2, 2, hidden=(16, 8), learning_rate=0.01)
    )
    assert isinstance(router, Router)
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((256, 2)).astype(np.float32)
    masks = np.stack([inputs[:, 0] > 0, inputs[:, 0] <= 0], axis=1).astype(np.float32)
    for _ in range(200):
        router.learn(inputs, masks)
    out, right = np.zeros(2, dtype=np.float32), 0
    for x, mask in zip(inputs, masks, strict=True):
        router.logits(x, out)
        right += mask[out.argmax()] == 1
    assert right > 0.97 * 256


def test_weights_come_from_the_seed() -> None:
    for make in (
        lambda seed: CompiledMLPRouter(3, 2, seed=seed),
        lambda seed: torch_mlp(3, 2, seed=seed),
    ):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        first, again, other = (make(seed) for seed in (1, 1, 2))
        assert torch.equal(torch.rand(3), expected)  # the global generator is left alone
        assert digest(first.snapshot()) == digest(again.snapshot())
        assert digest(first.snapshot()) != digest(other.snapshot())
        network = first.network
        bound = np.sqrt(6 / (3 + 256))
        assert abs(network.weight_1).max() <= bound
        assert abs(network.weight_1).max() > 0.9 * bound
        assert not network.bias_1.any()


def test_a_snapshot_of_other_layers_is_refused() -> None:
    router = CompiledMLPRouter(3, 2, hidden=(5, 4))  # as many weights as the other one
    state = CompiledMLPRouter(2, 5, hidden=(5, 4)).snapshot()
    with pytest.raises(ValueError, match="router: `parameters` of the snapshot must be of shape"):
        router.restore(state)
    state = {**router.snapshot(), "widths": np.array([2, 6, 3, 2])}
    with pytest.raises(ValueError, match=r"router: `widths` of the snapshot must be \[3, 5, 4, 2"):
        router.restore(state)
    with pytest.raises(ValueError, match="router: `parameter/weight` of the snapshot must be of"):
        TorchRouter(torch.nn.Linear(2, 3)).restore(TorchRouter(torch.nn.Linear(3, 3)).snapshot())
