"""Pickles that are read only when their signature verifies.

River's models are object graphs, and a pickle is the only form in which they can be stored. A
pickle can run any code when it is read, so each one carries an HMAC-SHA256 under a key that only
the owner of the pipeline has, and nothing looks into it before that has been checked.

Equal models shall have equal bytes. Three things would tell a model that was restored from one
that never stopped: which of its equal strings are one object (so strings are written by value);
the order in which a set happens to hold its elements (so plain ones are written sorted); and the
states of random generators that nobody seeded and no estimator draws from, such as those inside
river's Gaussians (so one fresh generator stands for all of them, which also spares 2.5 kB for
each).
"""

from __future__ import annotations

import hashlib
import hmac
import io
import pickle
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import SnapshotRefusedError, State

_PURPOSE = b"driftgate river model 1\0"  # keeps the key's other uses apart
_PROTOCOL = 5
_SORTABLE = (str, int, float)


def signed(model: Any, key: bytes) -> State:
    """Pickle and sign a model.

    The pickle is made twice, the second time of a copy that was read back: what pickles depend on
    besides values (shared objects, order of creation) is then as it will be after a restore.
    """
    data = _dumps(_loads(_dumps(model)))
    return {
        "pickle": np.frombuffer(data, dtype=np.uint8).copy(),
        "signature": np.frombuffer(_signature(data, key), dtype=np.uint8).copy(),
    }


def verified(state: State, key: bytes) -> Any:
    """Read a model that `signed` wrote under the same key."""
    data, signature = _bytes(state["pickle"]), _bytes(state["signature"])
    if not hmac.compare_digest(_signature(data, key), signature):
        raise SnapshotRefusedError(
            "snapshot: signature must verify under the configured key; it does not. The snapshot "
            "was changed, or made with another key. Nothing of it was read."
        )
    return _loads(data)


def _signature(data: bytes, key: bytes) -> bytes:
    return hmac.new(key, _PURPOSE + data, hashlib.sha256).digest()


def _bytes(array: Any) -> bytes:
    values: NDArray[np.uint8] = np.asarray(array)
    assert values.dtype == np.uint8
    return values.tobytes()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=_PROTOCOL)
        self._strings: dict[str, str] = {}
        self._sets: dict[int, tuple[int, list[Any]]] = {}
        self._unseeded = random.Random(0)

    def persistent_id(self, obj: Any) -> str | tuple[int, list[Any]] | None:
        if type(obj) is str:
            return self._strings.setdefault(obj, obj)
        if type(obj) is set and any(all(type(e) is kind for e in obj) for kind in _SORTABLE):
            # The number keeps one set one set, however many refer to it.
            return self._sets.setdefault(id(obj), (len(self._sets), sorted(obj)))
        return None

    def reducer_override(self, obj: Any) -> Any:
        own = getattr(obj, "__dict__", None)
        if not isinstance(own, dict) or not isinstance(own.get("_rng"), random.Random):
            return NotImplemented
        if own.get("seed", 0) is not None:
            return NotImplemented
        reduced = obj.__reduce_ex__(_PROTOCOL)
        if len(reduced) < 3 or not isinstance(reduced[2], dict):
            return NotImplemented
        return (*reduced[:2], {**reduced[2], "_rng": self._unseeded}, *reduced[3:])


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._sets: dict[int, set[Any]] = {}

    def persistent_load(self, pid: Any) -> Any:
        if isinstance(pid, str):
            return pid
        number, elements = pid
        return self._sets.setdefault(number, set(elements))


def _dumps(model: Any) -> bytes:
    file = io.BytesIO()
    _Pickler(file).dump(model)
    return file.getvalue()


def _loads(data: bytes) -> Any:
    return _Unpickler(io.BytesIO(data)).load()
