"""Checkpoints: a task's snapshot and the offsets it belongs to, made durable.

One object a checkpoint: a magic line, the length of the header, the header as JSON (what, where,
which versions, and the name, type, shape and place of each array), the arrays' bytes, and the
SHA-256 of all that came before. Nothing in it can run.

Writing takes four steps: write a temporary object, read it back and verify, rename it, prune to
the last k. A reader therefore sees whole checkpoints or, after damage, ones that it can tell are
damaged; then it takes the one before.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fsspec
import msgspec
import numpy as np

from operators.snapshot import Scalar, State, raw_bytes
from stream import __version__
from stream.errors import CheckpointError, SetupError

FORMAT = 1
_MAGIC = b"driftgate-checkpoint\n"
_ALIGN = 64
_SHA_BYTES = 32
_HEAD_BYTES = len(_MAGIC) + 8  # the magic line and the length of the header
Buffer = bytes | memoryview


class _Array(msgspec.Struct, frozen=True):
    """Where one array stands in the payload; `dtype` as in NumPy's own file format."""

    dtype: Any
    shape: tuple[int, ...]
    start: int


class _Header(msgspec.Struct, frozen=True):
    format: int
    app: str
    partition: int
    fingerprint: str
    steps: int
    offsets: dict[str, int]
    journal_offset: int
    versions: dict[str, str]
    arrays: dict[str, _Array]
    scalars: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A snapshot and what it belongs to.

    Parameters
    ----------
    app, partition
        Whose state.
    fingerprint
        Digest of the settings that it depends on (`topology.fingerprint`).
    steps
        Steps committed up to here.
    offsets
        By input topic, the offset of the first record that the state has not seen.
    journal_offset
        Where in the journal partition the entries after this state begin.
    state
        The snapshot.
    """

    app: str
    partition: int
    fingerprint: str
    steps: int
    offsets: dict[str, int]
    journal_offset: int
    state: State


def encode(checkpoint: Checkpoint) -> bytes:
    """Write a checkpoint as bytes; each array is copied once."""
    arrays: dict[str, _Array] = {}
    scalars: dict[str, Scalar] = {}
    chunks: list[Buffer] = []
    place = 0
    for name, value in sorted(checkpoint.state.items()):
        if not isinstance(value, np.ndarray):
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
    size = int.from_bytes(data[len(_MAGIC) : _HEAD_BYTES], "little")
    header = msgspec.json.decode(body[_HEAD_BYTES : _HEAD_BYTES + size], type=_Header)
    if header.format != FORMAT:
        raise CheckpointError(
            f"{where}: format must be {FORMAT}; got {header.format}. "
            "Run the version of driftgate that wrote it, or a newer one."
        )
    state: State = dict(header.scalars)
    for name, array in header.arrays.items():
        dtype = np.lib.format.descr_to_dtype(_tuples(array.dtype))
        count = int(np.prod(array.shape, dtype=np.int64))
        values = np.frombuffer(body, dtype, count, _HEAD_BYTES + size + array.start)
        state[name] = values.reshape(array.shape)
    return Checkpoint(
        header.app,
        header.partition,
        header.fingerprint,
        header.steps,
        header.offsets,
        header.journal_offset,
        state,
    )


class CheckpointStore:
    """The checkpoints of one app under one URL.

    Parameters
    ----------
    url
        Anything that fsspec opens.
    app
        Checkpoints live in the folder of this name.
    keep
        How many to keep for each partition.
    """

    def __init__(self, url: str, app: str, keep: int) -> None:
        try:
            self._fs, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise SetupError(
                f"checkpoint.store: must be a URL that fsspec opens; got {url!r} ({error})."
            ) from error
        self._root = f"{root.rstrip('/')}/{app}"
        self._keep = keep

    def write(self, checkpoint: Checkpoint) -> int:
        """Make a checkpoint durable; returns its size in bytes.

        Raises
        ------
        CheckpointError
            What was read back differs from what was written. The former checkpoints stand.
        OSError
            The store cannot be written.
        """
        folder = self._folder(checkpoint.partition)
        data = encode(checkpoint)
        self._fs.makedirs(folder, exist_ok=True)
        path = f"{folder}/{checkpoint.steps:015d}.checkpoint"
        temporary = f"{path}.tmp"
        self._fs.pipe_file(temporary, data)
        if self._fs.cat_file(temporary) != data:
            raise CheckpointError(f"{temporary}: must read back as written; the store is faulty.")
        self._fs.mv(temporary, path)
        self._prune(folder)
        return len(data)

    def newest_first(self, partition: int) -> Iterator[tuple[str, bytes]]:
        """Address and bytes of each checkpoint of a partition, the newest first."""
        for path in sorted(self._paths(self._folder(partition)), reverse=True):
            yield path, self._fs.cat_file(path)

    def check_writable(self) -> None:
        """Write and remove a small object.

        Raises
        ------
        OSError
            The store cannot be written.
        """
        self._fs.makedirs(self._root, exist_ok=True)
        path = f"{self._root}/writable.tmp"
        self._fs.pipe_file(path, b"driftgate")
        self._fs.rm_file(path)

    def _folder(self, partition: int) -> str:
        return f"{self._root}/{partition}"

    def _paths(self, folder: str) -> list[str]:
        self._fs.invalidate_cache()
        if not self._fs.exists(folder):
            return []
        return [path for path in self._fs.ls(folder, detail=False) if path.endswith(".checkpoint")]

    def _prune(self, folder: str) -> None:
        for path in sorted(self._paths(folder))[: -self._keep]:
            self._fs.rm_file(path)


def _tuples(descr: Any) -> Any:
    """Undo JSON's turning of a structured type's tuples into lists."""
    if isinstance(descr, str):
        return descr
    return [tuple(tuple(item) if isinstance(item, list) else item for item in f) for f in descr]


def _versions() -> dict[str, str]:
    return {
        "driftgate": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
