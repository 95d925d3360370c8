"""A simulated disk, as a filesystem of fsspec: slow, refusing, or losing writes.

Its URL is `simulated://NAME/...`; the disk of a history outlives its workers. Every access passes
`Disk.touch`, where a worker waits, or is frozen or killed, in the middle of writing a checkpoint.
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar

import fsspec
from fsspec.spec import AbstractFileSystem

from stream.simulate.clock import Scheduler

PROTOCOL = "simulated"
_ACCESS_S = 0.002


class Disk:
    """Files of one history, and what is wrong with the disk at present."""

    mounted: ClassVar[dict[str, Disk]] = {}

    def __init__(self, name: str, scheduler: Scheduler) -> None:
        self.files: dict[str, bytes] = {}
        self._scheduler = scheduler
        self.slow_s = 0.0
        self.slow_until = 0.0
        self.reads_fail_until = 0.0
        self.writes_fail_until = 0.0
        self.mounted[name] = self

    def touch(self, path: str, writes: bool) -> None:
        """Take the time that an access takes, and fail where the disk fails."""
        now = self._scheduler.now
        if self._scheduler.current is not None:
            self._scheduler.current.sleep(self.slow_s if now < self.slow_until else _ACCESS_S)
        if now < (self.writes_fail_until if writes else self.reads_fail_until):
            raise OSError(errno.EIO, "the simulated disk fails", path)

    def write_s(self) -> float:
        """Return the time that a whole checkpoint takes."""
        return 5 * (self.slow_s if self._scheduler.now < self.slow_until else _ACCESS_S)

    def checkpoints(self, partition: int) -> list[str]:
        """Paths of a partition's checkpoints, the oldest first."""
        return sorted(
            path
            for path in self.files
            if path.endswith(".checkpoint") and path.split("/")[-2] == str(partition)
        )


class SimulatedFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The view that fsspec has of a disk."""

    protocol = PROTOCOL
    cachable = False

    @property
    def _disk(self) -> Disk:
        return next(iter(Disk.mounted.values()))

    def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
        path = self._strip_protocol(path)
        self._disk.touch(path, writes=True)
        self._disk.files[path] = bytes(value)

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        path = self._strip_protocol(path)
        self._disk.touch(path, writes=False)
        if path not in self._disk.files:
            raise FileNotFoundError(path)
        return self._disk.files[path][start:end]

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        path1, path2 = self._strip_protocol(path1), self._strip_protocol(path2)
        self._disk.touch(path1, writes=True)
        if path1 not in self._disk.files:
            raise FileNotFoundError(path1)
        self._disk.files[path2] = self._disk.files.pop(path1)

    def rm_file(self, path: str) -> None:
        path = self._strip_protocol(path)
        self._disk.touch(path, writes=True)
        if self._disk.files.pop(path, None) is None:
            raise FileNotFoundError(path)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self._disk.touch(path, writes=True)

    def exists(self, path: str, **_: Any) -> bool:
        path = self._strip_protocol(path)
        self._disk.touch(path, writes=False)
        return any(name == path or name.startswith(f"{path}/") for name in self._disk.files)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        path = self._strip_protocol(path)
        self._disk.touch(path, writes=False)
        found = {
            f"{path}/{name[len(path) + 1 :].split('/')[0]}"
            for name in self._disk.files
            if name.startswith(f"{path}/")
        }
        if not detail:
            return sorted(found)
        return [
            {
                "name": name,
                "type": "file" if name in self._disk.files else "directory",
                "size": len(self._disk.files.get(name, b"")),
            }
            for name in sorted(found)
        ]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        self._disk.touch(path, writes=False)
        if path in self._disk.files:
            return {"name": path, "type": "file", "size": len(self._disk.files[path])}
        if any(name.startswith(f"{path}/") for name in self._disk.files):
            return {"name": path, "type": "directory", "size": 0}
        raise FileNotFoundError(path)


fsspec.register_implementation(PROTOCOL, SimulatedFileSystem, clobber=True)
