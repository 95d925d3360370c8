"""Covers stream.observe.lasting_warnings and .availability: which lines come, and when.

What the watchdog and the worker say with them: tests/stream/watchdog/, tests/replay/.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from stream.errors import LogUnavailableError
from stream.observe.availability import Availability
from stream.observe.lasting_warnings import INTERVALS_S, LastingWarnings
from stream.observe.observer import Observer


class ManualClock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.now_s += seconds


def test_a_trouble_is_said_at_once_and_then_at_growing_intervals() -> None:
    clock = ManualClock()
    warnings = LastingWarnings(clock)
    with capture_logs() as lines:
        for second in range(1000):
            clock.now_s = float(second)
            warnings.say("broker", "away", reason="no route")
        warnings.over("broker", "back")
    assert [line.get("lasts_s") for line in lines[:-1]] == [None, 10, 40, 100, 400, 700]
    assert lines[1]["unsaid"] == 9
    assert lines[-1]["event"] == "back"
    assert lines[-1]["after_s"] == 999.0


def test_what_is_over_is_said_at_once_when_it_comes_again_and_its_end_only_once() -> None:
    warnings = LastingWarnings(ManualClock())
    with capture_logs() as lines:
        warnings.say(1, "away")
        warnings.over(1, "back")
        warnings.over(1, "back")
        warnings.say(1, "away")
    assert [line["event"] for line in lines] == ["away", "back", "away"]


def test_troubles_do_not_silence_each_other() -> None:
    warnings = LastingWarnings(ManualClock())
    with capture_logs() as lines:
        for _ in range(3):
            warnings.say((0, ValueError), "failed", partition=0)
            warnings.say((1, ValueError), "failed", partition=1)
    assert [line["partition"] for line in lines] == [0, 1]


@given(st.lists(st.floats(0.01, 20.0), min_size=1, max_size=300))
def test_lines_of_one_trouble_never_come_closer_than_the_intervals(pauses: list[float]) -> None:
    clock = ManualClock()
    warnings = LastingWarnings(clock)
    times: list[float] = []
    for pause_s in pauses:
        clock.now_s += pause_s
        with capture_logs() as lines:
            warnings.say("x", "x")
        times += [clock.now_s] * len(lines)
    for index, (earlier, later) in enumerate(itertools.pairwise(times)):
        assert later - earlier >= INTERVALS_S[min(index, len(INTERVALS_S) - 1)]


class Seen(Observer):
    def __init__(self) -> None:
        self.away: list[float] = []
        self.answers = 0

    def log_available(self) -> None:
        self.answers += 1

    def log_unavailable(self, reason: str, away_s: float) -> None:
        self.away.append(away_s)


def test_the_log_is_away_since_its_last_answer() -> None:
    clock, seen = ManualClock(), Seen()
    availability = Availability(clock, LastingWarnings(clock), seen)
    clock.now_s = 20.0
    availability.answered()
    clock.now_s = 35.0
    with capture_logs() as lines:
        availability.unanswered(LogUnavailableError("no route"))
        assert availability.is_away
        clock.now_s = 36.0
        availability.unanswered(LogUnavailableError("no route"))
        availability.answered()
        availability.answered()
    assert seen.away == [15.0, 16.0]
    assert not availability.is_away
    assert [line["event"] for line in lines] == ["log unavailable", "log answers again"]


_SETS_UP_AFTER_IMPORT = """
from stream.clock import SystemClock
from stream.observe.lasting_warnings import LastingWarnings
from stream.observe.logs import configure_logging
configure_logging("json", "info")
LastingWarnings(SystemClock()).say("x", "away")
"""


def test_lines_are_written_as_logging_was_set_up_after_the_import() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SETS_UP_AFTER_IMPORT], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout + done.stderr)["event"] == "away"
