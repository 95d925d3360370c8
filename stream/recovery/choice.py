"""Which checkpoint a restoration begins with, and which ones it must not touch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import wait
from typing import TypeVar

import structlog

from stream.checkpoint.format import Checkpoint, decode
from stream.checkpoint.reads import StoreReads
from stream.checkpoint.store import CheckpointStore, Stored
from stream.clock import Clock
from stream.errors import CheckpointError, RecoveryError, StoreUnavailableError
from stream.recovery.life import Life, same_life
from stream.recovery.position import BESIDE, Position
from stream.recovery.settings import Builds

_log = structlog.get_logger(__name__)
_PATIENCE = 4
"""Attempts after which an older checkpoint is taken in place of one that cannot be read."""
_ANSWER_S = 30.0
"""A store that has not answered for so long is away."""
_LOOK_S = 0.02

T = TypeVar("T")


class CheckpointChoice:
    """Chooses among a partition's checkpoints.

    Parameters
    ----------
    store, reads
        Where they are, and how it is asked.
    builds
        Tells which states can be continued.
    app, partition
        Whose they must be.
    clock
        Of waiting for the store.
    attempts
        How often the restoration was tried before.
    """

    def __init__(
        self,
        store: CheckpointStore,
        reads: StoreReads,
        builds: Builds,
        app: str,
        partition: int,
        clock: Clock,
        attempts: int,
    ) -> None:
        self._store = store
        self._reads = reads
        self._clock = clock
        self._builds = builds
        self._app = app
        self._partition = partition
        self._attempts = attempts
        self._ended: list[str] = []
        self._beyond: list[str] = []

    # Each of these yields while it waits for the store, so that the worker can poll meanwhile.

    def refuse_left_overs(self) -> Generator[None, None, None]:
        """Refuse to begin anew beside checkpoints that say that this app has worked before."""
        listed = yield from self._list()
        # Versions before this one wrote one of a first state, which says nothing.
        stored = [each for each in listed if each.steps]
        if stored:
            raise RecoveryError(
                f"partition {self._partition}: a partition without committed offsets and journal "
                f"must have no checkpoints; {stored[0].path} is there, of another life of the log. "
                f"`driftgate reset CONFIG --partition {self._partition} --to earliest`{BESIDE} "
                "begins anew and removes it; it shows first what it will do."
            )

    def newest_usable(
        self, position: Position
    ) -> Generator[None, None, tuple[str, Checkpoint] | None]:
        """Return the newest checkpoint that can be continued, with its address; None for none.

        Raises
        ------
        RecoveryError
            It was made under settings that shape another state.
        StoreUnavailableError
            It cannot be read at present, or the store does not answer.
        """
        if position.steps == 0:
            return None
        for path in [stored.path for stored in (yield from self._list())]:
            try:
                checkpoint = decode((yield from self._read(path)), path)
                self._refuse_foreign(path, checkpoint, position)
            except CheckpointError as error:
                _log.warning("checkpoint skipped", partition=self._partition, reason=str(error))
                continue
            self._refuse_other_shape(path, checkpoint)
            return path, checkpoint
        return None

    def _list(self) -> Generator[None, None, list[Stored]]:
        where = f"checkpoints of partition {self._partition}"
        return (yield from self._ask(where, lambda: self._store.listed(self._partition)))

    def _read(self, path: str) -> Generator[None, None, bytes]:
        """Read one; after some attempts, one that cannot be read is passed over as damaged."""
        try:
            return (yield from self._ask(path, lambda: self._store.read(path)))
        except StoreUnavailableError as error:
            if self._attempts < _PATIENCE:
                raise  # the store may be back at the next attempt
            raise CheckpointError(str(error)) from error

    def _ask(self, address: str, question: Callable[[], T]) -> Generator[None, None, T]:
        began = self._clock.monotonic()
        answer = self._reads.ask(address, question)
        while True:
            wait([answer], _LOOK_S)
            if answer.done():
                return answer.result()
            waited_s = self._clock.monotonic() - began
            if waited_s > _ANSWER_S:
                raise StoreUnavailableError(
                    f"{address}: the checkpoint store must answer; it has not for {waited_s:.0f} s."
                )
            yield

    def _refuse_foreign(self, path: str, checkpoint: Checkpoint, position: Position) -> None:
        found = (checkpoint.app, checkpoint.partition)
        if found != (self._app, self._partition):
            raise CheckpointError(
                f"{path}: app and partition must be {self._app} and {self._partition}; got "
                f"{found[0]} and {found[1]}."
            )
        if not same_life(checkpoint.life, position.life):
            if _has_ended(checkpoint.life, position.life):
                self._ended.append(path)
            raise CheckpointError(
                f"{path}: life must be {position.life}; got {checkpoint.life}: it was made on "
                "another log, or before the position was reset."
            )
        is_beyond = checkpoint.steps > position.steps or any(
            checkpoint.offsets.get(topic, offset + 1) > offset
            for topic, offset in position.offsets.items()
        )
        if is_beyond:
            self._beyond.append(path)
            raise CheckpointError(f"{path}: must not lie beyond what is committed.")

    def _refuse_other_shape(self, path: str, checkpoint: Checkpoint) -> None:
        if not self._builds.fits(checkpoint.fingerprint, checkpoint.settings):
            raise RecoveryError(
                f"{path}: settings must be those that the state was made with; got others "
                f"({checkpoint.fingerprint} then, {self._builds.fingerprint} now): the schema, the "
                "target, the model or its parameters have changed. `driftgate rebuild CONFIG` "
                "learns anew from the records that are kept."
            )

    @property
    def found_beyond(self) -> bool:
        """Whether checkpoints of this life lie beyond the position."""
        return bool(self._beyond)

    def remove_ended(self) -> Generator[None, None, None]:
        """Remove the checkpoints of lives that have ended, which a reset cut short has left.

        Their numbers are larger than those of this life, whose checkpoints the store would prune.
        """
        yield from self._remove(self._ended)

    def remove_beyond(self) -> Generator[None, None, None]:
        """Remove the checkpoints that lie beyond the position, of steps that the log has lost.

        A log goes back when a copy of it is restored, or when brokers lose their latest records.
        What it goes on with may be other records under the same offsets, and once it has come as
        far, nothing would tell these states from its own.
        """
        yield from self._remove(self._beyond)

    def _remove(self, paths: list[str]) -> Generator[None, None, None]:
        if not paths:
            return
        try:
            yield from self._ask(paths[0], lambda: self._store.remove(paths))
        except StoreUnavailableError as error:
            _log.warning("old checkpoints stay", partition=self._partition, reason=str(error))


def _has_ended(life: str, now: str) -> bool:
    """Tell whether a life is known to lie before the one that is committed.

    A later one may be about to begin, and other topics may be those of another log.
    """
    one, other = Life.parse(life), Life.parse(now)
    if other is None:
        return False
    return one is None or (one.begin < other.begin and one.topics == other.topics)
