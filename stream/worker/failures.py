"""One sick partition is one: it stops, says why, and is tried again where that can help.

What can be mended from outside (the log or the store is away, an operator's command) is tried
again with growing pauses. A model that raises, a broken invariant and a defect stay as they are:
the same records would break them again.
"""

from __future__ import annotations

from collections.abc import Hashable

import structlog

from stream.clock import Clock
from stream.errors import (
    DriftgateError,
    InvariantError,
    LogUnavailableError,
    LogUnsettledError,
    ModelError,
    StoreUnavailableError,
)
from stream.observe.lasting_warnings import LastingWarnings
from stream.observe.observer import Observer
from stream.recovery.lifecycle import Lifecycle, State

_log = structlog.get_logger(__name__)
# Partitions that cannot be restored while the log or the store is away are one trouble together.
_ALL_WAIT = "what partitions are restored from does not answer"


class Failures:
    """Stops partitions.

    Parameters
    ----------
    lifecycle
        Of the worker.
    warnings
        Says each trouble at growing intervals.
    clock
        Of the pauses.
    observer
        Sees a store that does not answer.
    exits
        Whether a failure ends the worker (`on_failure: exit`).
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        warnings: LastingWarnings,
        clock: Clock,
        observer: Observer,
        *,
        exits: bool,
    ) -> None:
        self._lifecycle = lifecycle
        self._warnings = warnings
        self._clock = clock
        self._observer = observer
        self._exits = exits

    def stop(self, number: int, error: Exception) -> None:
        """Stop one partition; raises the error where a failure ends the worker."""
        is_known = isinstance(error, DriftgateError)
        retry = is_known and not isinstance(error, ModelError | InvariantError)
        waits = isinstance(error, LogUnavailableError | StoreUnavailableError)
        if self._exits and not waits:
            raise error
        if not is_known:
            _log.error("a defect of driftgate, or of a model", partition=number, exc_info=error)
        reason = str(error) if is_known else f"{type(error).__name__}: {error}"
        partition = self._lifecycle.fail(number, reason, retry=retry)
        if isinstance(error, StoreUnavailableError):
            self._observer.store_unavailable(reason)
        pause_s = partition.next_try and round(partition.next_try - self._clock.monotonic(), 1)
        trouble = _trouble(number, error)
        if partition.attempts == 1 and trouble != _ALL_WAIT:
            self._warnings.over(trouble)  # an earlier one has long been mended
        self._warnings.say(
            trouble,
            "partition failed",
            "warning" if waits else "error",
            partition=number,
            reason=reason,
            tried_again_in_s=pause_s,
            failed=[p.number for p in self._lifecycle.at(State.FAILED)],
        )

    def restored(self) -> None:
        """Take note that partitions can be restored."""
        self._warnings.over(_ALL_WAIT)


def _trouble(number: int, error: Exception) -> Hashable:
    """Name the trouble of a partition: one that all have together, or its own by its kind."""
    remote = isinstance(error, LogUnavailableError | StoreUnavailableError)
    if remote and not isinstance(error, LogUnsettledError):
        return _ALL_WAIT
    return number, type(error)
