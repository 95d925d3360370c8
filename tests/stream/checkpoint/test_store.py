"""The checkpoint store on files and in memory, with faults; S3: test_store_s3.py.

The bytes of a checkpoint are in test_checkpoint.py, URLs in test_store_url.py.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from stream.checkpoint.files import LocalFiles
from stream.checkpoint.format import Checkpoint, decode
from stream.checkpoint.store import CheckpointStore
from stream.errors import CheckpointError, StoreUnavailableError

CHECKPOINT = Checkpoint("app", 3, "abc", 42, {"f": 10}, 42, {"x": np.arange(100), "n": 1})


class FaultyFileSystem(MemoryFileSystem):
    """Objects in memory; a method whose name is in `faults` raises what stands there instead."""

    protocol = "faulty"
    store: dict[str, Any] = {}  # noqa: RUF012 - fsspec keeps it on the class
    pseudo_dirs: list[str] = [""]  # noqa: RUF012
    faults: dict[str, Exception] = {}  # noqa: RUF012

    def _fail(self, name: str) -> None:
        if name in self.faults:
            raise self.faults[name]

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        self._fail("ls")
        return super().ls(path, detail, **kwargs)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> Any:
        self._fail("pipe_file")
        return super().pipe_file(path, value, mode, **kwargs)

    def cat_file(self, path: str, *args: Any, **kwargs: Any) -> Any:
        self._fail("cat_file")
        self._fail(f"cat_file {path.rpartition('/')[2]}")
        return super().cat_file(path, *args, **kwargs)

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> Any:
        self._fail("cp_file")
        return super().cp_file(path1, path2, **kwargs)

    def rm_file(self, path: str) -> Any:
        self._fail("rm_file")
        return super().rm_file(path)


class StrangeError(Exception):
    """As botocore's are: no OSError."""


@pytest.fixture
def faults() -> Iterator[dict[str, Exception]]:
    fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)
    for kept in (FaultyFileSystem.store, FaultyFileSystem.faults):
        kept.clear()
    FaultyFileSystem.pseudo_dirs[:] = [""]
    yield FaultyFileSystem.faults
    FaultyFileSystem.faults.clear()


@pytest.fixture(params=["file", "faulty"])
def store(request: pytest.FixtureRequest, tmp_path: Path, faults: object) -> CheckpointStore:
    """The same store on files and on objects."""
    return CheckpointStore(f"{request.param}://{tmp_path}", "app", keep=2)


def steps(store: CheckpointStore) -> list[int]:
    return [stored.steps for stored in store.listed(3)]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_the_newest_comes_first_and_what_is_older_is_pruned(store: CheckpointStore) -> None:
    for number in (1, 5, 30):
        store.write(replace(CHECKPOINT, steps=number))
    found = [decode(data, path).steps for path, data in store.newest_first(3)]  # type: ignore[arg-type]
    assert found == [30, 5]
    assert list(store.newest_first(4)) == []


def test_checkpoints_of_a_former_life_do_not_push_out_those_of_this_one(
    store: CheckpointStore,
) -> None:
    for number in (18, 19, 20):
        store.write(replace(CHECKPOINT, steps=number))
    for number, left in ((1, [20, 19, 1]), (2, [20, 19, 2, 1]), (3, [20, 19, 3, 2])):
        store.write(replace(CHECKPOINT, steps=number))
        assert steps(store) == left
    store.write(replace(CHECKPOINT, steps=21))
    assert steps(store) == [21, 20]


def test_removing_takes_what_is_named(store: CheckpointStore) -> None:
    for number in (1, 2):
        store.write(replace(CHECKPOINT, steps=number))
    named = [stored.path for stored in store.listed(3)]
    store.write(replace(CHECKPOINT, steps=3))
    for _ in range(2):  # what is gone is passed over
        store.remove(named)
        assert steps(store) == [3]


def test_a_store_that_can_be_written_is_left_as_it_was(
    store: CheckpointStore, tmp_path: Path
) -> None:
    store.check_writable()
    assert names(tmp_path) == set()
    assert not FaultyFileSystem.store


@pytest.mark.parametrize("method", ["pipe_file", "cat_file", "cp_file"])
def test_whatever_a_filesystem_raises_is_one_error_and_the_former_one_stands(
    faults: dict[str, Exception], method: str
) -> None:
    store = CheckpointStore("faulty://key:secret@bucket/x", "app", keep=2)
    store.write(replace(CHECKPOINT, steps=1))
    faults[method] = StrangeError("503\nslow down, key:secret")
    with pytest.raises(StoreUnavailableError) as caught:
        store.write(CHECKPOINT)
    assert caught.value.retriable
    assert "faulty://***@bucket/x: app/3/000000000000042.checkpoint must be written; got " in str(
        caught.value
    )
    assert str(caught.value).endswith("StrangeError: 503 slow down, ***.")
    faults.clear()
    assert steps(store) == [1]
    assert not [path for path in FaultyFileSystem.store if path.endswith(".tmp")]


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(
    faults: dict[str, Exception],
) -> None:
    store = CheckpointStore("faulty://bucket/x", "app", keep=2)
    store.write(CHECKPOINT)
    for error in (StrangeError("away"), PermissionError("no"), OSError(errno.EIO, "io")):
        faults["ls"] = error
        for ask in (store.listed, lambda n: list(store.newest_first(n))):
            with pytest.raises(StoreUnavailableError, match=r"app/3 must be listed; got"):
                ask(3)


def test_one_that_cannot_be_read_leaves_the_one_before(faults: dict[str, Exception]) -> None:
    store = CheckpointStore("faulty://bucket/x", "app", keep=3)
    for number in (1, 2, 3):
        store.write(replace(CHECKPOINT, steps=number))
    faults["cat_file 000000000000003.checkpoint"] = StrangeError("503")
    faults["cat_file 000000000000002.checkpoint"] = FileNotFoundError("pruned")
    (_, third), (_, second), (path, first) = store.newest_first(3)
    assert isinstance(third, StoreUnavailableError)
    assert isinstance(second, CheckpointError)
    assert isinstance(first, bytes)
    assert decode(first, path).steps == 1


def test_a_failure_to_prune_is_not_a_failure_to_write(faults: dict[str, Exception]) -> None:
    store = CheckpointStore("faulty://bucket/x", "app", keep=1)
    store.write(replace(CHECKPOINT, steps=1))
    faults["ls"] = StrangeError("away")
    assert store.write(replace(CHECKPOINT, steps=2)) > 0
    del faults["ls"]
    assert steps(store) == [2, 1]
    store.write(replace(CHECKPOINT, steps=3))
    assert steps(store) == [3]


def test_what_reads_back_otherwise_never_becomes_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=2)
    store.write(replace(CHECKPOINT, steps=1))
    read = LocalFiles.read
    monkeypatch.setattr(LocalFiles, "read", lambda files, path: read(files, path)[:-1] + b"!")
    with pytest.raises(
        CheckpointError, match=r"must read back as written; it does not\. The store"
    ):
        store.write(CHECKPOINT)
    with pytest.raises(CheckpointError, match="must read back as written"):
        store.check_writable()
    assert names(tmp_path / "app") == {"000000000000001.checkpoint"}


@pytest.mark.parametrize("kind", ["dangling", "folder", "forbidden", "io"])
def test_files_that_cannot_be_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=2)
    store.write(replace(CHECKPOINT, steps=1))
    broken = tmp_path / "app" / "3" / "000000000000002.checkpoint"
    if kind == "dangling":
        broken.symlink_to("/nowhere")
    elif kind == "folder":
        broken.mkdir()
    else:
        code = errno.EACCES if kind == "forbidden" else errno.EIO
        broken.write_bytes(b"x")
        read = LocalFiles.read

        def fails(files: LocalFiles, path: str) -> bytes:
            if path == str(broken):
                raise OSError(code, os.strerror(code), path)
            return read(files, path)

        monkeypatch.setattr(LocalFiles, "read", fails)
    (path, error), (_, data) = store.newest_first(3)
    assert path == str(broken)
    kinds = {"dangling": CheckpointError, "folder": CheckpointError}
    assert type(error) is kinds.get(kind, StoreUnavailableError)
    assert "app/3/000000000000002.checkpoint must be read; got" in str(error)
    assert isinstance(data, bytes)


def test_two_processes_that_write_the_same_use_objects_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = LocalFiles.write

    def noted(files: LocalFiles, path: str, data: bytes) -> None:
        written.append(path)
        write(files, path, data)

    monkeypatch.setattr(LocalFiles, "write", noted)
    for _ in range(2):
        CheckpointStore(f"file://{tmp_path}", "app", keep=2).write(CHECKPOINT)
    assert len(set(written)) == 2


def test_removing_that_is_cut_short_leaves_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=9)
    for number in (1, 2, 3):
        store.write(replace(CHECKPOINT, steps=number))
    remove, removed = LocalFiles.remove, []

    def once(files: LocalFiles, path: str) -> None:
        if removed:
            raise PermissionError(errno.EACCES, "forbidden", path)
        removed.append(path)
        remove(files, path)

    monkeypatch.setattr(LocalFiles, "remove", once)
    with pytest.raises(StoreUnavailableError, match=r"000002\.checkpoint must be removed"):
        store.remove(stored.path for stored in store.listed(3))
    assert steps(store) == [3, 2]


@pytest.mark.parametrize("what", ["remove", "modified"])
def test_what_cannot_be_removed_or_dated_stays_and_fails_no_write(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=1)
    store.write(replace(CHECKPOINT, steps=1))
    (tmp_path / "app" / "3" / "000000000000009.checkpoint.tmp").write_bytes(b"half")

    def fails(files: LocalFiles, path: str) -> None:
        raise OSError(errno.EIO, "input/output error", path)

    monkeypatch.setattr(LocalFiles, what, fails)
    assert store.write(replace(CHECKPOINT, steps=2)) > 0
    assert steps(store) == ([2, 1] if what == "remove" else [2])


def test_a_checkpoint_of_long_ago_is_no_leftover(tmp_path: Path) -> None:
    store = CheckpointStore(f"file://{tmp_path}", "app", 2, now=lambda: 1e10)
    store.write(replace(CHECKPOINT, steps=1))
    store.write(replace(CHECKPOINT, steps=2))
    assert steps(store) == [2, 1]


def test_a_folder_is_listed_anew_each_time(
    faults: dict[str, Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some filesystems remember a listing until they are told to forget it."""
    remembered: dict[str, Any] = {}
    ls = FaultyFileSystem.ls

    def listed(files: FaultyFileSystem, path: str, detail: bool = True) -> Any:
        return remembered.setdefault(path, ls(files, path, detail))

    monkeypatch.setattr(FaultyFileSystem, "ls", listed)
    monkeypatch.setattr(FaultyFileSystem, "invalidate_cache", lambda *_: remembered.clear())
    store = CheckpointStore("faulty://bucket/y", "app", keep=2)
    for number in (1, 2, 3):
        store.write(replace(CHECKPOINT, steps=number))
    assert steps(store) == [3, 2]


def test_leftovers_of_killed_processes_are_removed_after_an_hour(tmp_path: Path) -> None:
    clock = {"now": 0.0}
    store = CheckpointStore(f"file://{tmp_path}", "app", 2, now=lambda: clock["now"])
    store.write(replace(CHECKPOINT, steps=1))
    folder = tmp_path / "app" / "3"
    left = folder / "000000000000099.checkpoint.tmp"
    left.write_bytes(b"half")
    os.utime(left, (10_000, 10_000))
    clock["now"] = 10_000 + 3599
    store.write(replace(CHECKPOINT, steps=2))
    assert left.exists()
    assert steps(store) == [2, 1]
    clock["now"] = 10_000 + 3601
    store.write(replace(CHECKPOINT, steps=3))
    assert names(folder) == {"000000000000003.checkpoint", "000000000000002.checkpoint"}


def test_leftover_objects_are_removed_by_the_stores_own_dates(faults: object) -> None:
    clock = {"offset": 0.0}
    store = CheckpointStore("faulty://b", "app", 2, now=lambda: time.time() + clock["offset"])
    FaultyFileSystem().pipe_file("faulty://b/app/3/000000000000099.checkpoint.tmp", b"half")
    store.write(CHECKPOINT)
    assert [path for path in FaultyFileSystem.store if path.endswith(".tmp")]
    clock["offset"] = 3700
    store.write(replace(CHECKPOINT, steps=43))
    assert not [path for path in FaultyFileSystem.store if path.endswith(".tmp")]


KILLED_WHILE = """
import os, sys
import numpy as np
from dataclasses import replace
from stream.checkpoint.format import Checkpoint
from stream.checkpoint.files import LocalFiles
from stream.checkpoint.store import CheckpointStore
old = Checkpoint("app", 3, "abc", 1, {"f": 10}, 42, {"x": np.arange(100_000)})
store = CheckpointStore("file://" + sys.argv[1], "app", 2)
store.write(old)
die = lambda *_: os._exit(9)
if sys.argv[2] == "write":
    os.fsync = die
else:
    setattr(LocalFiles, sys.argv[2], die)
store.write(replace(old, steps=2))
"""


@pytest.mark.parametrize("where", ["write", "read", "rename"])
def test_a_process_killed_before_the_rename_leaves_no_new_checkpoint(
    tmp_path: Path, where: str
) -> None:
    ran = subprocess.run([sys.executable, "-c", KILLED_WHILE, tmp_path, where], check=False)
    assert ran.returncode == 9
    found = names(tmp_path / "app" / "3")
    assert {name for name in found if name.endswith(".checkpoint")} == {
        "000000000000001.checkpoint"
    }
    assert len([name for name in found if name.endswith(".tmp")]) == 1
    ((path, data),) = CheckpointStore(f"file://{tmp_path}", "app", 2).newest_first(3)
    assert isinstance(data, bytes)
    assert decode(data, path).steps == 1


def test_a_file_is_flushed_before_it_is_renamed_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def flush(descriptor: int) -> None:
        happened.append(Path(f"/proc/self/fd/{descriptor}").readlink().name[-4:])
        fsync(descriptor)

    def renamed(path: Path, to: str) -> Path:
        happened.append("rename")
        return rename(path, to)

    store = CheckpointStore(f"file://{tmp_path}/deep", "app", keep=2)
    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(Path, "replace", renamed)
    store.write(CHECKPOINT)
    made = ["app", "deep", tmp_path.name[-4:]]  # which now have the names of new folders in them
    assert happened == [*made, ".tmp", "rename", "3"]


def out_of(code: int) -> Callable[..., None]:
    def fails(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return fails


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.ESTALE])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_disk_faults_leave_the_former_checkpoints_and_no_leftovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, where: str
) -> None:
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=2)
    store.write(replace(CHECKPOINT, steps=1))
    with monkeypatch.context() as patch:
        patch.setattr(os if where == "fsync" else Path, where, out_of(code))
        with pytest.raises(StoreUnavailableError, match=r"must be written; got OSError"):
            store.write(CHECKPOINT)
    assert names(tmp_path) == {"000000000000001.checkpoint"}
    assert store.write(CHECKPOINT) > 0
    assert steps(store) == [42, 1]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_a_folder_that_cannot_be_flushed_will_do_only_where_none_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """EINVAL is what network filesystems say that flush no folders."""
    fsync = os.fsync

    def flush(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=2)
    if code == errno.EINVAL:
        store.write(CHECKPOINT)
        assert steps(store) == [42]
    else:
        with pytest.raises(StoreUnavailableError, match="must be written; got OSError"):
            store.write(CHECKPOINT)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 256 KiB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a tmpfs needs root; the faults above are put in instead")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full(tiny_disk: Path) -> None:
    store = CheckpointStore(f"file://{tiny_disk}", "app", keep=3)
    large = replace(CHECKPOINT, state={"x": np.zeros(200_000, np.uint8)})
    store.write(large)
    for attempt in range(3):
        with pytest.raises(StoreUnavailableError, match="No space left on device"):
            store.write(replace(large, steps=43 + attempt))
    assert steps(store) == [42]
    store.remove([stored.path for stored in store.listed(3)])
    assert store.write(replace(large, steps=50)) > 0


def test_a_disk_that_can_only_be_read(tiny_disk: Path) -> None:
    store = CheckpointStore(f"file://{tiny_disk}", "app", keep=3)
    store.write(CHECKPOINT)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with pytest.raises(StoreUnavailableError, match="Read-only file system"):
        store.write(replace(CHECKPOINT, steps=43))
    with pytest.raises(StoreUnavailableError, match="Read-only file system"):
        store.check_writable()
    ((_, data),) = store.newest_first(3)
    assert isinstance(data, bytes)


def test_a_file_where_the_folder_ought_to_be(tmp_path: Path) -> None:
    (tmp_path / "app").write_text("a file")
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=3)
    with pytest.raises(StoreUnavailableError, match="must be written"):
        store.write(CHECKPOINT)
    with pytest.raises(StoreUnavailableError, match="must be listed"):
        store.listed(3)
