"""Checkpoints: a task's snapshot and the offsets it belongs to, made durable.

One object a checkpoint: a magic line, the length of the header, the header as JSON (what, where,
which versions, and the name, type, shape and place of each array), the arrays' bytes, and the
SHA-256 of all that came before. Nothing in it can run.

What is read may be anything: bytes of another program, of a later version, of a faulty disk.
`decode` answers all of them with a checkpoint or a `CheckpointError`, and allocates nothing that
the bytes do not hold.
"""

from __future__ import annotations

import hashlib
import math
import platform
import re
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from operators.snapshot import Scalar, State, raw_bytes
from stream import __version__
from stream.errors import CheckpointError

FORMAT = 1
_MAGIC = b"driftgate-checkpoint\n"
_ALIGN = 64
_SHA_BYTES = 32
_HEAD_BYTES = len(_MAGIC) + 8  # the magic line and the length of the header
# Kinds of array elements that are plain data: no objects, and no strings of several types.
_PLAIN = re.compile(r"[<>|][?biufcSUV][1-9]\d{0,5}")
_NESTED_MAX = 8  # structured types within structured types
Buffer = bytes | memoryview
Natural = Annotated[int, Meta(ge=0)]


class _Versioned(msgspec.Struct, frozen=True):
    """What every header has, of whatever format."""

    format: int


class _Array(msgspec.Struct, frozen=True):
    """Where one array stands in the payload; `dtype` as in NumPy's own file format."""

    dtype: Any
    shape: Annotated[tuple[Natural, ...], Meta(max_length=32)]
    start: Natural


class _Header(msgspec.Struct, frozen=True):
    """Of format 1. Fields with defaults were added later: a header without them is read."""

    format: int
    app: str
    partition: Natural
    fingerprint: str
    steps: Natural
    offsets: dict[str, Natural]
    journal_offset: Natural
    versions: dict[str, str]
    arrays: dict[str, _Array]
    scalars: dict[str, bool | int | float | str]
    life: str = ""
    settings: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A snapshot and what it belongs to.

    Parameters
    ----------
    app, partition
        Whose state.
    fingerprint
        Digest of the settings that it depends on (`stream.recovery.settings.fingerprint`).
    steps
        Steps committed up to here.
    offsets
        By input topic, the offset of the first record that the state has not seen.
    journal_offset
        Where in the journal partition the entries after this state begin.
    state
        The snapshot.
    life
        Which life of the log it was made on; "" in checkpoints of versions that knew of none.
    settings
        The changeable settings in force, as JSON; "" likewise.
    """

    app: str
    partition: int
    fingerprint: str
    steps: int
    offsets: dict[str, int]
    journal_offset: int
    state: State
    life: str = ""
    settings: str = ""

    def copied(self) -> Checkpoint:
        """Return the same with arrays of its own: a snapshot may hold views of live ones."""
        state: State = {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in self.state.items()
        }
        return replace(self, state=state)


def encode(checkpoint: Checkpoint) -> bytes:
    """Write a checkpoint as bytes; each array is copied once."""
    arrays: dict[str, _Array] = {}
    scalars: dict[str, Scalar] = {}
    chunks: list[Buffer] = []
    place = 0
    for name, value in sorted(checkpoint.state.items()):
        if not isinstance(value, np.ndarray):
            # JSON would make null of it.
            assert not isinstance(value, float) or math.isfinite(value), f"{name} must be finite"
            scalars[name] = value
            continue
        assert not value.dtype.hasobject, f"{name} must not hold Python objects"
        data = raw_bytes(value)
        arrays[name] = _Array(np.lib.format.dtype_to_descr(value.dtype), value.shape, place)
        padding = -len(data) % _ALIGN
        chunks += [data, b"\0" * padding]
        place += len(data) + padding
    header = msgspec.json.encode(
        _Header(
            FORMAT,
            checkpoint.app,
            checkpoint.partition,
            checkpoint.fingerprint,
            checkpoint.steps,
            checkpoint.offsets,
            checkpoint.journal_offset,
            _versions(),
            arrays,
            scalars,
            checkpoint.life,
            checkpoint.settings,
        )
    )
    # Blanks after it are still JSON, and let the arrays begin where a processor likes them.
    header += b" " * (-(_HEAD_BYTES + len(header)) % _ALIGN)
    pieces = [_MAGIC, len(header).to_bytes(8, "little"), header, *chunks]
    sha = hashlib.sha256()
    for piece in pieces:
        sha.update(piece)
    return b"".join([*pieces, sha.digest()])


def decode(data: bytes, where: str) -> Checkpoint:
    """Read a checkpoint back; its arrays are views of `data`, not to be written to.

    Parameters
    ----------
    where
        Its address, for error messages.

    Raises
    ------
    CheckpointError
        It is damaged, or of a format that this version cannot read.
    """
    body, checksum = memoryview(data)[:-_SHA_BYTES], data[-_SHA_BYTES:]
    if not data.startswith(_MAGIC) or hashlib.sha256(body).digest() != checksum:
        raise CheckpointError(f"{where}: checksum must hold; the checkpoint is damaged.")
    size = int.from_bytes(body[len(_MAGIC) : _HEAD_BYTES], "little")
    header = _read_header(body[_HEAD_BYTES : _HEAD_BYTES + size], where)
    payload = body[_HEAD_BYTES + size :]
    state = _read_scalars(header, where)
    for name, array in header.arrays.items():
        state[name] = _read_array(array, payload, f"{where}: array {name!r}")
    return Checkpoint(
        header.app,
        header.partition,
        header.fingerprint,
        header.steps,
        header.offsets,
        header.journal_offset,
        state,
        header.life,
        header.settings,
    )


def _read_header(text: memoryview, where: str) -> _Header:
    """Look at the format first: a later one may have another header altogether."""
    try:
        found = msgspec.json.decode(text, type=_Versioned).format
        if found == FORMAT:
            return msgspec.json.decode(text, type=_Header)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CheckpointError(
            f"{where}: header must be that of a checkpoint; {error}. The checkpoint is damaged."
        ) from error
    raise CheckpointError(
        f"{where}: format must be {FORMAT}; got {found}. "
        "Run the version of driftgate that wrote it, or a newer one."
    )


def _read_scalars(header: _Header, where: str) -> State:
    for name, value in header.scalars.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise CheckpointError(
                f"{where}: value {name!r} must be of 64 bits; got {value}. "
                "The checkpoint is damaged."
            )
    return dict(header.scalars)


def _read_array(array: _Array, payload: memoryview, where: str) -> NDArray[np.generic]:
    """Look at an array's bytes where they lie."""
    dtype = _plain_dtype(array.dtype, where)
    count = math.prod(array.shape)
    end = array.start + count * dtype.itemsize
    if end > len(payload):
        raise CheckpointError(
            f"{where} must lie within {len(payload)} bytes; got an end at {end}. "
            "The checkpoint is damaged."
        )
    try:
        return np.frombuffer(payload[array.start : end], dtype).reshape(array.shape)
    except ValueError as error:  # no bytes at all, but sides beyond what an index can be
        raise CheckpointError(
            f"{where}: shape must be one of an array; got {array.shape} ({error}). "
            "The checkpoint is damaged."
        ) from error


def _plain_dtype(descr: Any, where: str) -> np.dtype[Any]:
    try:
        dtype = np.lib.format.descr_to_dtype(_tuples(descr, _NESTED_MAX))
    except Exception as error:  # NumPy names no errors for descriptions that are none
        raise CheckpointError(
            f"{where}: type must be of plain numbers; got {descr!r:.100} "
            f"({' '.join(str(error).split())}). The checkpoint is damaged."
        ) from error
    if dtype.hasobject or dtype.itemsize == 0:
        raise CheckpointError(
            f"{where}: type must be of plain numbers; got {dtype}. The checkpoint is damaged."
        )
    return dtype


def _tuples(descr: Any, depth: int) -> Any:
    """Undo JSON's turning of a structured type's tuples into lists; refuse all but plain data.

    Examples
    --------
    >>> _tuples([["count", "<i8"], ["sums", "<f8", [3]]], 1)
    [('count', '<i8'), ('sums', '<f8', (3,))]
    """
    if isinstance(descr, str):
        if not _PLAIN.fullmatch(descr):
            raise ValueError(f"no plain type: {descr:.20}")
        return descr
    if depth == 0:
        raise ValueError("nested too deep")
    return [
        (name, _tuples(of, depth - 1), *(tuple(map(int, shape)) for shape in shapes))
        for name, of, *shapes in descr
    ]


def _versions() -> dict[str, str]:
    return {
        "driftgate": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
