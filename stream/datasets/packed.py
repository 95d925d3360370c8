"""Data files as bytes, here or by URL, unpacked if their ending says that they are packed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

_CHUNK = 1 << 17


@contextmanager
def open_unpacked(path: str) -> Iterator[BinaryIO]:
    """Open a file to be read from its beginning once.

    Raises
    ------
    OSError, ImportError
        It cannot be read, or what unpacks it is not installed.
    EOFError
        While it is read: it ends in the middle.
    """
    import fsspec

    is_zstd = path.lower().endswith(".zst")
    with fsspec.open(path, "rb", compression=None if is_zstd else "infer") as file:
        yield cast("BinaryIO", io.BufferedReader(_Zstd(file)) if is_zstd else file)


class _Zstd(io.RawIOBase):
    """Unpacks Zstandard; a file that ends before its frame does is an error, as with gzip.

    The reader of the library `zstandard` takes such an end for the end of the file.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._frame: Any = None
        self._packed = b""
        self._unpacked = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._unpacked:
            packed = self._packed or self._file.read(_CHUNK)
            if not packed:
                self._refuse_half_a_frame()
                return 0
            self._unpack(packed)
        count = min(len(buffer), len(self._unpacked))
        buffer[:count] = self._unpacked[:count]
        self._unpacked = self._unpacked[count:]
        return count

    def _unpack(self, packed: bytes) -> None:
        import zstandard

        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            self._unpacked = memoryview(self._frame.decompress(packed))
        except zstandard.ZstdError as error:
            raise OSError(str(error)) from None
        self._packed = b""
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None

    def _refuse_half_a_frame(self) -> None:
        if self._frame is not None:
            raise EOFError("the file ends in the middle of a Zstandard frame")
