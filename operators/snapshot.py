"""Snapshots: an operator's whole state as named arrays and plain values.

No code is ever part of a snapshot, so restoring one cannot run any. (The one exception is a
river model whose owner gave a key: its pickle is read only when its signature verifies.) Names of
nested operators are joined with "/".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scalar = bool | int | float | str
State = dict[str, NDArray[np.generic] | Scalar]


class SnapshotUnavailableError(Exception):
    """The operator's state cannot be given as data; it can only be rebuilt by replaying."""


class SnapshotRefusedError(Exception):
    """A snapshot does not carry the signature that its operator asks for."""


def nest(prefix: str, state: Mapping[str, NDArray[np.generic] | Scalar]) -> State:
    """Put a prefix before each name.

    Examples
    --------
    >>> nest("router", {"count": 3})
    {'router/count': 3}
    """
    return {f"{prefix}/{name}": value for name, value in state.items()}


def part(prefix: str, state: Mapping[str, NDArray[np.generic] | Scalar]) -> State:
    """Take out what `nest` put in.

    Examples
    --------
    >>> part("router", {"router/count": 3, "tree/count": 5})
    {'count': 3}
    """
    start = f"{prefix}/"
    return {
        name.removeprefix(start): value for name, value in state.items() if name.startswith(start)
    }


def copied(version: int, arrays: Mapping[str, NDArray[Any]]) -> State:
    """Return the snapshot of an operator whose whole state is arrays of fixed shapes."""
    return {"version": version, **{name: array.copy() for name, array in arrays.items()}}


def refill(
    owner: str,
    version: int,
    arrays: Mapping[str, NDArray[Any]],
    state: Mapping[str, NDArray[np.generic] | Scalar],
) -> None:
    """Take what `copied` gave into an operator's arrays, in place.

    Raises
    ------
    ValueError
        When it is of another version, or of an operator with other parameters or another space;
        then nothing has been changed.
    """
    if state["version"] != version:
        raise ValueError(
            f"{owner}: snapshot version must be {version}; got {state['version']!r}. "
            "Deploy the version that wrote it, or reset the checkpoint."
        )
    for name, array in arrays.items():
        given = np.asarray(state[name])
        if given.dtype != array.dtype or given.shape != array.shape:
            raise ValueError(
                f"{owner}: `{name}` of the snapshot must have the layout {array.dtype} "
                f"{array.shape}; got {given.dtype} {given.shape}. It was made with other "
                "features, classes or parameters."
            )
    for name, array in arrays.items():
        array[...] = state[name]


def digest(state: Mapping[str, NDArray[np.generic] | Scalar]) -> str:
    """SHA-256 of a state, independent of the order of its names.

    Two states have the same digest only if every array has the same type, shape and bytes, and
    every scalar the same type and value (floats by their exact bits).
    """
    sha = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        array = np.asarray(value)
        kind = type(value).__name__ if not isinstance(value, np.ndarray) else "array"
        sha.update(f"{name}\0{kind}\0{array.dtype.descr}\0{array.shape}\0".encode())
        sha.update(raw_bytes(array))
    return sha.hexdigest()


def size_bytes(state: Mapping[str, NDArray[np.generic] | Scalar]) -> int:
    """Bytes of a state's arrays; its plain values are too few to count.

    Examples
    --------
    >>> size_bytes({"version": 1, "means": np.zeros(4)})
    32
    """
    return sum(value.nbytes for value in state.values() if isinstance(value, np.ndarray))


def raw_bytes(array: NDArray[np.generic]) -> memoryview:
    """Look at an array's bytes in C order, without a copy if they lie so."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
