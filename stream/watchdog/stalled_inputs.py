"""Inputs whose position does not move although records lie beyond it.

30 s after that was first seen the input is fetched anew; after another 30 s the worker joins its
group anew; after another 30 s the process ends, and what restarts it gives it a new client. If an
open transaction of a producer holds the records back, none of this can help: the producer is named.

What the log says of its lag is a hint, not the truth: a client that has lost a partition says that
nothing is there. So an input that has been quiet for 30 s is compared with the partition's end. An
end beyond the position is not the truth either: what lies there may be the markers of transactions,
or what was aborted. So the records are looked for by a second reader before anything is called
stalled.

Nor is an input stalled that has not had its turn: a poll that came back full says nothing of the
inputs that are not in it. What counts is that polls with room to spare brought nothing of it, or so
many full ones that each input must have had its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog

from stream.clock import Clock
from stream.errors import DriftgateError, LogUnavailableError, LogUnsettledError, StalledError
from stream.log.base import Log, OpenTransaction, TopicPartition
from stream.recovery.lifecycle import Lifecycle
from stream.watchdog.open_for import OpenFor
from stream.watchdog.trouble import Trouble, describe_open

_log = structlog.get_logger(__name__)

STALL_S = 30.0
_REMEDIES = ("fetch", "rejoin")
# Polls without a record of an input after which it is not merely waiting for its turn: those that
# had room, or full ones for each input that is read.
_POLLS_WITH_ROOM, _FULL_POLLS = 3, 10
# How long a look may ask for the ends of quiet inputs; the others have their turn in the next one.
_VERIFY_S = 0.05
# A second reader that finds nothing for so long has not found out whether there is anything.
_SECOND_READER_S = 2.0
# Joining anew gives partitions up for a while; one that comes back by then goes on with its count.
_AWAY_S_MAX = 300.0


@dataclass(slots=True)
class _Input:
    """What is known of one input at one position."""

    position: int
    seen_at: float
    verified_at: float
    waits_since: float | None = None
    remedies: int = 0
    remedied_at: float = 0.0
    polls_before: tuple[int, int] = (0, 0)
    nothing_below: int = -1
    reason: str = ""


class StalledInputs:
    """See the module.

    Parameters
    ----------
    log
        Asked for ends, records and open transactions; fetched and joined anew.
    lifecycle
        Knows what is read, and from where.
    clock
        Of the pauses.
    wall
        Seconds since 1970.
    """

    def __init__(
        self, log: Log, lifecycle: Lifecycle, clock: Clock, wall: Callable[[], float]
    ) -> None:
        self._log = log
        self._lifecycle = lifecycle
        self._clock = clock
        self._open_for = OpenFor(clock, wall)
        self._inputs: dict[TopicPartition, _Input] = {}
        self._has_rejoined = False
        self._verify_until = 0.0
        self._polls = (0, 0)

    def polled(self, *, is_full: bool) -> None:
        """Take note of a poll, and whether it brought as many records as it might."""
        with_room, full = self._polls
        self._polls = (with_room, full + 1) if is_full else (with_room + 1, full)

    def look(self) -> Iterator[Trouble]:
        """Name the inputs that stand still, and try the next remedy.

        Raises
        ------
        StalledError
            One does not move, whatever was tried.
        LogUnavailableError
        """
        now, positions = self._clock.monotonic(), self._lifecycle.positions()
        self._has_rejoined = False
        self._verify_until = now + _VERIFY_S
        self._open_for.keep(positions)
        self._pass_over(self._inputs.keys() - positions.keys(), now)
        inputs = {source: self._at(source, at, now) for source, at in positions.items()}
        for source, known in sorted(inputs.items(), key=lambda item: item[1].verified_at):
            self._look_at(source, known, now)
            if known.reason:
                yield Trouble(("stalled", source), known.reason)

    def _pass_over(self, sources: Iterable[TopicPartition], now: float) -> None:
        """Forget what is not read, unless it comes back soon: then remedies go on."""
        for source in sources:
            known = self._inputs[source]
            known.waits_since, known.reason = None, ""
            if now - known.seen_at > _AWAY_S_MAX:
                del self._inputs[source]

    def _at(self, source: TopicPartition, position: int, now: float) -> _Input:
        known = self._inputs.get(source)
        if known is None or known.position != position:
            self._inputs[source] = known = _Input(position, now, now)
        known.seen_at = now
        return known

    def _look_at(self, source: TopicPartition, known: _Input, now: float) -> None:
        lag = self._log.lag(source)
        if known.waits_since is None and (lag is None or lag.written > 0):
            self._begin_to_wait(known, now)
        if known.waits_since is not None:
            if now - known.waits_since >= STALL_S:
                known.reason = self._why_still(source, known, now)
        elif now - known.verified_at >= STALL_S and self._clock.monotonic() <= self._verify_until:
            known.verified_at = now
            if self._may_hold_more(source, known):
                self._begin_to_wait(known, now)

    def _begin_to_wait(self, known: _Input, now: float) -> None:
        known.waits_since, known.polls_before = now, self._polls

    def _had_its_turn(self, known: _Input) -> bool:
        with_room, full = (
            after - before for after, before in zip(self._polls, known.polls_before, strict=True)
        )
        return with_room >= _POLLS_WITH_ROOM or full >= _FULL_POLLS * len(self._inputs)

    def _may_hold_more(self, source: TopicPartition, known: _Input) -> bool:
        try:
            return self._holds_more(source, known)
        except LogUnsettledError:
            return True
        except LogUnavailableError:
            raise
        except DriftgateError:  # its records cannot be read, or are gone
            return True

    def _why_still(self, source: TopicPartition, known: _Input, now: float) -> str:
        """Say why an input stands still; empty if there is nothing to read after all."""
        assert known.waits_since is not None
        where = f"{source.topic}[{source.partition}]@{known.position}"
        still_s = now - known.waits_since
        open_now = self._open(source)
        old = [describe_open(held, age_s) for held, age_s in open_now if age_s >= STALL_S]
        if old:
            return f"{where}: nothing can be read for {still_s:.0f} s: {'; '.join(old)}"
        try:
            if not self._holds_more(source, known):
                known.waits_since, known.remedies, known.verified_at = None, 0, now
                return ""
        except LogUnsettledError as error:
            if not open_now:
                return f"{where}: nothing can be read for {still_s:.0f} s: {error}"
            # Transactions come and go; what lies before the first of them can be read.
            first = min(held.start_offset for held, _ in open_now)
            if not self._holds_records(source, known.position, first):
                return ""
        except LogUnavailableError:
            raise
        except DriftgateError as error:
            return f"{where}: nothing was read for {still_s:.0f} s: {error}"
        if not known.remedies and not self._had_its_turn(known):
            return ""
        self._apply_remedy(source, where, known, now)
        return f"{where}: no record came for {still_s:.0f} s, though there are more"

    def _open(self, source: TopicPartition) -> list[tuple[OpenTransaction, float]]:
        """Open transactions with their ages; none where a broker or a right does not allow it."""
        try:
            return self._open_for.ages(source, self._log.open_transactions(source))
        except DriftgateError:
            return []

    def _holds_more(self, source: TopicPartition, known: _Input) -> bool:
        """Find out whether a committed record lies at the position or beyond."""
        end = self._log.bounds(source).end
        if end <= max(known.position, known.nothing_below):
            return False
        if self._holds_records(source, known.position, end):
            return True
        known.nothing_below = end
        return False

    def _holds_records(self, source: TopicPartition, start: int, end: int) -> bool:
        """Look for a committed record in a range; one that answers slowly may hold some."""
        deadline = self._clock.monotonic() + _SECOND_READER_S
        batches = self._log.read(source, start, end)
        for batch in batches:
            if len(batch) or self._clock.monotonic() > deadline:
                close = getattr(batches, "close", None)
                if close is not None:
                    close()
                return True
        return False

    def _apply_remedy(self, source: TopicPartition, where: str, known: _Input, now: float) -> None:
        is_early = known.remedies > 0 and now - known.remedied_at < STALL_S
        if is_early or not self._had_its_turn(known):
            return
        if known.remedies == len(_REMEDIES):
            raise StalledError(
                f"{where}: records must come; none did, though there are more, and fetching and "
                "joining anew did not help. The process ends so that a new one takes over."
            )
        remedy = _REMEDIES[known.remedies]
        known.remedies, known.remedied_at = known.remedies + 1, now
        known.polls_before = self._polls
        _log.warning("stalled", where=where, remedy=remedy)
        if remedy == "fetch":
            self._log.refetch([source])
        elif not self._has_rejoined:
            self._has_rejoined = True  # once for all that stand still
            self._log.rejoin()
