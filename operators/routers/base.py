"""The contract of routers: what a mixture asks of the network that rates its experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from operators.kernels.mlp import Network
from operators.snapshot import State


@runtime_checkable
class Router(Protocol):
    """A network that gives each expert a logit, and learns which of them were right.

    A record's logits may depend on nothing but the record and the steps learnt: not on which
    other records came in the same batch.

    Attributes
    ----------
    kind
        What snapshots of it are called; they fit no router of another kind.
    """

    kind: str

    @property
    def network(self) -> Network | None:
        """Its weights, if kernels can read them, and None where only `logits` knows how.

        With weights, logits are computed in the mixture's compiled loop and `logits` is not
        asked; `learn` and `restore` have to keep them up to date.
        """

    def logits(self, inputs: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Write the (n_experts,) logits of one record, (n_inputs,)."""

    def learn(self, inputs: NDArray[np.float32], masks: NDArray[np.float32]) -> None:
        """Learn a batch, always of one size: (n, n_inputs), and (n, n_experts) of 1 = right."""

    def snapshot(self) -> State:
        """Return the whole state; shares no memory with it."""

    def restore(self, state: State) -> None:
        """Take over a snapshot of a router with equal parameters."""


def check_snapshot(state: State, kind: str, own: Mapping[str, object]) -> None:
    """Refuse a router's snapshot of another kind, or whose arrays have other shapes.

    Raises
    ------
    ValueError
        Naming what differs.
    """
    if state.get("kind") != kind:
        raise ValueError(
            f"router: the snapshot must be of kind {kind!r}; got {state.get('kind')!r}. "
            "Set `router` to that kind, or reset the checkpoint."
        )
    for name, value in own.items():
        theirs, ours = np.asarray(state.get(name)), np.asarray(value)
        is_equal = name != "widths" or bool((theirs == ours).all())
        if theirs.shape != ours.shape or not is_equal:
            raise ValueError(
                f"router: `{name}` of the snapshot must be {_described(name, ours)}; got "
                f"{_described(name, theirs)}. It was made with other features, experts or hidden "
                "widths."
            )


def _described(name: str, array: NDArray[np.generic]) -> str:
    return str(array.tolist()) if name == "widths" else f"of shape {array.shape}"
