"""How bytes are kept: files on a disk of this machine, and objects of any other filesystem.

A local file counts once it and its folder's entry are on the disk: both are flushed, else a power
cut could leave a name without its bytes. An object store has no such step; there a finished copy
is durable.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, Protocol

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem


class Files(Protocol):
    """What the store asks of a filesystem; each method may raise whatever that raises."""

    def folder(self, path: str) -> None:
        """Make a folder, with those above it, if it is missing."""

    def entries(self, folder: str) -> list[str]:
        """List the paths in a folder, as it is now; none if there is no such folder."""

    def modified(self, path: str) -> float:
        """Return when it was written, in seconds since 1970; 0 where nobody knows."""

    def write(self, path: str, data: bytes) -> None:
        """Write bytes, durably."""

    def read(self, path: str) -> bytes:
        """Read all of it."""

    def rename(self, path: str, to: str) -> None:
        """Give another name, durably and at once, in place of what had that name."""

    def remove(self, path: str) -> None:
        """Remove a file."""


def files_of(filesystem: Any) -> Files:
    """Return the way to keep bytes in a filesystem of fsspec's."""
    if isinstance(filesystem, LocalFileSystem):
        return LocalFiles()
    return ObjectFiles(filesystem)


class LocalFiles:
    """Files of this machine."""

    def folder(self, path: str) -> None:
        missing = [path for path in (Path(path), *Path(path).parents) if not path.exists()]
        Path(path).mkdir(parents=True, exist_ok=True)
        for made in missing:
            _flush_folder(made.parent)

    def entries(self, folder: str) -> list[str]:
        try:
            with os.scandir(folder) as found:
                return [entry.path for entry in found]
        except FileNotFoundError:
            return []

    def modified(self, path: str) -> float:
        return Path(path).lstat().st_mtime

    def write(self, path: str, data: bytes) -> None:
        with Path(path).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def rename(self, path: str, to: str) -> None:
        Path(path).replace(to)
        _flush_folder(Path(to).parent)

    def remove(self, path: str) -> None:
        Path(path).unlink()


class ObjectFiles:
    """Objects of a filesystem of fsspec's.

    Parameters
    ----------
    filesystem
        Any of fsspec's. Its methods that look for patterns in names are left alone.
    """

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem

    def folder(self, path: str) -> None:
        self._filesystem.makedirs(path, exist_ok=True)

    def entries(self, folder: str) -> list[str]:
        self._filesystem.invalidate_cache()
        try:
            return list(self._filesystem.ls(folder, detail=False))
        except FileNotFoundError:
            return []

    def modified(self, path: str) -> float:
        try:
            return float(self._filesystem.modified(path).timestamp())
        except NotImplementedError:
            return 0.0

    def write(self, path: str, data: bytes) -> None:
        self._filesystem.pipe_file(path, data)

    def read(self, path: str) -> bytes:
        return bytes(self._filesystem.cat_file(path))

    def rename(self, path: str, to: str) -> None:
        # fsspec's own mv copies as well, but takes brackets and stars in names for patterns.
        if type(self._filesystem).mv is AbstractFileSystem.mv:
            self._filesystem.cp_file(path, to)
            self._filesystem.rm_file(path)
        else:
            self._filesystem.mv(path, to)

    def remove(self, path: str) -> None:
        self._filesystem.rm_file(path)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network filesystems flush no folders
            raise
    finally:
        os.close(descriptor)
