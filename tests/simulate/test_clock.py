"""Simulated time: who runs when. Whole histories are in test_run.py."""

from __future__ import annotations

from stream.simulate.clock import Actor, Scheduler, SimulatedClock, Stop


class _Diary:
    """Actors that write down when they wake."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.lines: list[tuple[float, str]] = []

    def actor(self, name: str, *naps: float) -> Actor:
        def body() -> None:
            for seconds in naps:
                actor.sleep(seconds)
                self.lines.append((self.scheduler.now, name))

        actor = Actor(self.scheduler, body)
        actor.start()
        return actor

    def run(self, until: float = 100.0) -> list[tuple[float, str]]:
        self.scheduler.run(until, lambda: False)
        return self.lines


def test_actors_run_in_the_order_of_simulated_time() -> None:
    diary = _Diary()
    diary.actor("a", 1.0, 3.0)
    diary.actor("b", 2.0, 1.0)
    assert diary.run() == [(1.0, "a"), (2.0, "b"), (3.0, "b"), (4.0, "a")]


def test_a_frozen_actor_goes_on_where_it_was_when_it_thaws() -> None:
    diary = _Diary()
    actor = diary.actor("a", 1.0, 1.0)
    diary.scheduler.at(1.5, lambda: actor.freeze(10.0))
    assert diary.run() == [(1.0, "a"), (11.5, "a")]


def test_a_killed_actor_runs_no_further() -> None:
    diary = _Diary()
    actor = diary.actor("a", 1.0, 1.0)
    diary.scheduler.at(1.5, actor.kill)
    assert diary.run() == [(1.0, "a")]
    assert actor.ended


def test_a_signal_ends_a_wait_but_not_a_sleep() -> None:
    scheduler, woke = Scheduler(), []

    def body() -> None:
        actor.sleep(2.0)
        woke.append(scheduler.now)
        SimulatedClock(scheduler).wait(60.0, stop)
        woke.append(scheduler.now)

    actor = Actor(scheduler, body)
    stop = Stop(actor)
    actor.start()
    scheduler.at(1.0, actor.wake)
    scheduler.at(5.0, stop.set)
    scheduler.run(100.0, lambda: False)
    assert woke == [2.0, 5.0]
