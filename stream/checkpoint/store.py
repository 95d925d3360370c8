"""The checkpoint store: the checkpoints of one app under one URL.

Writing takes four steps: write a temporary object, read it back and verify, rename it, prune. A
reader therefore sees whole checkpoints or, after damage, ones that it can tell are damaged; then it
takes the one before.

Whatever the filesystem raises (s3fs and gcsfs have errors of their own) comes out as a
`StoreUnavailableError`: one line, retriable, without the secrets of the URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import time
from uuid import uuid4

import structlog

from stream.checkpoint.files import files_of
from stream.checkpoint.format import Checkpoint, encode
from stream.checkpoint.url import masked, open_filesystem, reason
from stream.errors import CheckpointError, StoreUnavailableError

_log = structlog.get_logger(__name__)
_NAME = re.compile(r"(\d{15,})\.checkpoint")
# A write that takes longer than this has been given up, or its process has been killed.
_TEMPORARY_AGE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A checkpoint in the store, by its name alone."""

    steps: int
    path: str


class CheckpointStore:
    """The checkpoints of one app under one URL. Several threads may use it.

    Parameters
    ----------
    url
        Anything that fsspec opens.
    app
        Checkpoints live in the folder of this name.
    keep
        How many to keep for each partition.
    now
        Seconds since 1970: how old a left-over temporary object is.

    Raises
    ------
    SetupError
        Nothing opens such a URL, or a package is missing.
    StoreUnavailableError
        The filesystem connects at once, and cannot.
    """

    def __init__(self, url: str, app: str, keep: int, now: Callable[[], float] = time) -> None:
        filesystem, root = open_filesystem(url)
        self._files = files_of(filesystem)
        self._url = url
        self._root = f"{root.rstrip('/')}/{app}"
        self._keep = keep
        self._now = now

    def write(self, checkpoint: Checkpoint) -> int:
        """Make a checkpoint durable; returns its size in bytes.

        Raises
        ------
        CheckpointError
            What was read back differs from what was written. The former checkpoints stand.
        StoreUnavailableError
            The store cannot be written. The former checkpoints stand.
        """
        folder = self._folder(checkpoint.partition)
        stored = Stored(checkpoint.steps, f"{folder}/{checkpoint.steps:015d}.checkpoint")
        data = encode(checkpoint)
        with self._answering("be written", stored.path):
            self._files.folder(folder)
            with self._temporary(stored.path, data) as temporary:
                self._files.rename(temporary, stored.path)
        self._prune(checkpoint.partition, stored)
        return len(data)

    def newest_first(
        self, partition: int
    ) -> Iterator[tuple[str, bytes | CheckpointError | StoreUnavailableError]]:
        """Address and bytes of each checkpoint of a partition, the newest first.

        One that cannot be read comes as the error of reading it, so that the one before can be
        taken: a `CheckpointError` if it never can be (a link that leads nowhere, a folder), a
        `StoreUnavailableError` if that may pass.

        Raises
        ------
        StoreUnavailableError
            The folder cannot be listed: nobody knows which checkpoints there are.
        """
        for stored in self.listed(partition):
            try:
                yield stored.path, self.read(stored.path)
            except (CheckpointError, StoreUnavailableError) as error:
                yield stored.path, error

    def read(self, path: str) -> bytes:
        """Read the bytes of one checkpoint.

        Raises
        ------
        CheckpointError
            It never can be read: a link that leads nowhere, a folder.
        StoreUnavailableError
            It cannot be read at present.
        """
        try:
            with self._answering("be read", path):
                return self._files.read(path)
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, FileNotFoundError | IsADirectoryError):
                raise CheckpointError(str(error)) from error
            raise

    def listed(self, partition: int) -> list[Stored]:
        """List the checkpoints of a partition, the newest first, without reading them.

        Raises
        ------
        StoreUnavailableError
        """
        return _checkpoints(self._entries(partition))

    def remove(self, paths: Iterable[str]) -> None:
        """Remove checkpoints at these addresses; one that is not there is passed over.

        Raises
        ------
        StoreUnavailableError
            Some may have been removed; run it again.
        """
        # The oldest first: cut short, it leaves the newest ones, not a gap.
        for path in sorted(paths):
            with self._answering("be removed", path), suppress(FileNotFoundError):
                self._files.remove(path)

    def check_writable(self) -> None:
        """Write and remove a small object.

        Raises
        ------
        CheckpointError
            It reads back otherwise.
        StoreUnavailableError
            The store cannot be written.
        """
        path = f"{self._root}/writable"
        with self._answering("be written", path):
            self._files.folder(self._root)
            with self._temporary(path, b"driftgate") as temporary:
                self._files.remove(temporary)

    @contextmanager
    def _temporary(self, path: str, data: bytes) -> Iterator[str]:
        """Write and verify a temporary object; it goes if anything fails.

        Its name is its own: another process may write the same checkpoint, a worker that was given
        up for dead.
        """
        temporary = f"{path}.{uuid4().hex}.tmp"
        try:
            self._files.write(temporary, data)
            if self._files.read(temporary) != data:
                raise CheckpointError(
                    f"{masked(self._url)}: {self._short(path)} must read back as written; it does "
                    "not. The store is faulty."
                )
            yield temporary
        except BaseException:
            with suppress(Exception):  # what is left over takes space, and may be why
                self._files.remove(temporary)
            raise

    def _entries(self, partition: int) -> list[str]:
        folder = self._folder(partition)
        with self._answering("be listed", folder):
            return self._files.entries(folder)

    def _prune(self, partition: int, written: Stored) -> None:
        """Remove what `written` makes superfluous; a failure costs space, not the checkpoint.

        What has more steps than the one just written is of another life of the log, so it counts
        for nothing: neither may it push out the new ones, nor is it ours to remove.
        """
        try:
            entries = self._entries(partition)
        except StoreUnavailableError as error:
            _log.warning("checkpoints not pruned", partition=partition, reason=str(error))
            return
        older = [stored for stored in _checkpoints(entries) if stored.steps < written.steps]
        superfluous = [stored.path for stored in older[self._keep - 1 :]]
        for path in [*superfluous, *filter(self._given_up, entries)]:
            try:
                with self._answering("be removed", path):
                    self._files.remove(path)
            except StoreUnavailableError as error:
                _log.warning("checkpoint not pruned", partition=partition, reason=str(error))

    def _given_up(self, path: str) -> bool:
        """Whether this is a temporary object that nobody will finish."""
        if not path.endswith(".tmp"):
            return False
        try:
            with self._answering("be dated", path):
                return self._now() - self._files.modified(path) > _TEMPORARY_AGE_S
        except StoreUnavailableError:  # its writer has just finished it; else, the next time
            return False

    def _folder(self, partition: int) -> str:
        return f"{self._root}/{partition}"

    def _short(self, path: str) -> str:
        return path.removeprefix(f"{self._root.rpartition('/')[0]}/")

    @contextmanager
    def _answering(self, what: str, path: str) -> Iterator[None]:
        """Translate all that a filesystem may raise; whose it is, only itself knows."""
        try:
            yield
        except CheckpointError:
            raise
        except Exception as error:
            raise StoreUnavailableError(
                f"{masked(self._url)}: {self._short(path)} must {what}; "
                f"got {reason(error, self._url)}."
            ) from error


def _checkpoints(paths: list[str]) -> list[Stored]:
    """Pick those that bear the name of a checkpoint, the newest first."""
    named = [(_NAME.fullmatch(path.rpartition("/")[2]), path) for path in paths]
    found = [Stored(int(name[1]), path) for name, path in named if name]
    return sorted(found, key=lambda stored: stored.steps, reverse=True)
