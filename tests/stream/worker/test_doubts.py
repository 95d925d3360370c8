"""Covers stream.worker.doubts: pauses, what is asked of the log, what is shown.

What it means for states and outputs is in tests/replay/test_doubt.py.
"""

from __future__ import annotations

from stream.errors import CommitUncertainError, LogUnavailableError
from stream.observe.availability import Availability
from stream.observe.lasting_warnings import LastingWarnings
from stream.worker.doubts import BACKOFF_S, Doubts
from tests.replay.seen import ManualClock, Seen


class Log:
    """Is opened anew, or is away."""

    is_away = False
    asked = 0

    def reopen(self) -> None:
        self.asked += 1
        if self.is_away:
            raise LogUnavailableError("away")


class Made:
    def __init__(self) -> None:
        self.clock, self.seen, self.log = ManualClock(), Seen(), Log()
        availability = Availability(self.clock, LastingWarnings(self.clock), self.seen)
        self.doubts = Doubts(self.log, self.clock, availability, self.seen)  # type: ignore[arg-type]

    def doubt(self) -> float:
        """Seconds until the next doubt is settled."""
        self.doubts.begin(CommitUncertainError("who knows"))
        return self.settled()

    def settled(self) -> float:
        """Seconds until the log is asked once more."""
        began, asked = self.clock.now_s, self.log.asked
        while self.log.asked == asked:
            self.doubts.settle_if_due()
            if self.log.asked == asked:
                self.clock.now_s = round(self.clock.now_s + 0.1, 1)
        return round(self.clock.now_s - began, 1)


def test_a_doubt_is_open_until_the_log_was_opened_anew() -> None:
    made = Made()
    made.doubts.settle_if_due()
    assert (made.doubts.is_open, made.log.asked) == (False, 0)
    made.doubts.begin(CommitUncertainError("who knows"))
    assert made.doubts.is_open
    assert made.seen.of("uncertain") == [()]
    made.doubts.settle_if_due()
    assert (made.doubts.is_open, made.log.asked) == (False, 1)
    assert made.seen.of("log_available") == [()]


def test_doubts_without_a_commit_between_pause_longer_and_longer() -> None:
    made = Made()
    for _ in range(2):
        pauses = [made.doubt() for _ in range(len(BACKOFF_S) + 3)]
        assert pauses == [0.0, *BACKOFF_S, BACKOFF_S[-1], BACKOFF_S[-1]]
        made.doubts.committed()


def test_a_log_that_is_away_is_asked_after_the_same_pauses() -> None:
    made = Made()
    made.log.is_away = True
    pauses = [made.doubt(), *(made.settled() for _ in range(len(BACKOFF_S) + 1))]
    assert pauses == [0.0, *BACKOFF_S, BACKOFF_S[-1]]
    assert made.doubts.is_open
    assert made.seen.of("log_unavailable")[:2] == [("away", 0.0), ("away", BACKOFF_S[0])]


def test_doubts_that_last_are_shown_until_a_commit_or_until_nothing_is_left_to_commit() -> None:
    made = Made()
    made.doubt()
    made.clock.now_s += 4.0
    made.doubt()
    assert made.seen.of("commits_fail") == []  # a rebalance may take as long
    made.clock.now_s += 4.0
    made.doubts.begin(CommitUncertainError("database is locked"))
    assert made.seen.of("commits_fail") == [("database is locked", 8.0 + BACKOFF_S[0])]
    made.doubts.committed()
    made.doubts.committed()
    assert made.seen.of("commits_go_on") == [()]
    made.doubt()
    made.clock.now_s += 6.0
    made.doubt()
    made.clock.now_s += 179.0
    made.doubts.settle_if_due()
    assert made.seen.of("commits_go_on") == [()]
    made.clock.now_s += 2.0
    made.doubts.settle_if_due()
    assert made.seen.of("commits_go_on") == [(), ()]
