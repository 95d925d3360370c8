"""Digests of the states in checkpoint files, read by their format and without the project's code.

A checkpoint is a magic line, the header's length (8 bytes, little endian), the header as JSON, the
arrays' bytes and a SHA-256 of all before. The header also says which steps and offsets it belongs
to; only the arrays and the plain values are the state.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

_MAGIC = b"driftgate-checkpoint\n"
_HEAD_BYTES = len(_MAGIC) + 8
_SHA_BYTES = 32


class DamagedError(Exception):
    """The file is no whole checkpoint."""


def newest_checkpoints(folder: Path, partitions: int) -> dict[int, Path]:
    """The newest checkpoint file of each partition that has one."""
    found = {}
    for partition in range(partitions):
        files = sorted(folder.glob(f"**/{partition}/*.checkpoint"))
        if files:
            found[partition] = files[-1]
    return found


def state_digests(folder: Path, partitions: int) -> dict[int, str]:
    """Digest of the newest state of each partition."""
    return {p: state_digest(f) for p, f in newest_checkpoints(folder, partitions).items()}


def state_digest(path: Path) -> str:
    """Digest of one checkpoint's state.

    Raises
    ------
    DamagedError
    """
    data = path.read_bytes()
    if (
        not data.startswith(_MAGIC)
        or hashlib.sha256(data[:-_SHA_BYTES]).digest() != (data[-_SHA_BYTES:])
    ):
        raise DamagedError(f"{path}: the checksum does not hold")
    size = int.from_bytes(data[len(_MAGIC) : _HEAD_BYTES], "little")
    header: dict[str, Any] = json.loads(data[_HEAD_BYTES : _HEAD_BYTES + size])
    sha = hashlib.sha256(json.dumps(header["scalars"], sort_keys=True).encode())
    for name, array in sorted(header["arrays"].items()):
        start = _HEAD_BYTES + size + array["start"]
        length = _bytes_of(array["dtype"]) * int(np.prod(array["shape"], dtype=np.int64))
        sha.update(f"{name} {array['dtype']} {array['shape']}".encode())
        sha.update(data[start : start + length])
    return sha.hexdigest()


def _bytes_of(descr: Any) -> int:
    if isinstance(descr, str):
        return np.dtype(descr).itemsize
    fields = [tuple(tuple(part) if isinstance(part, list) else part for part in f) for f in descr]
    return np.dtype(fields).itemsize
