"""Runs many seeds, and shrinks those that diverge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from stream.simulate.faults import Plan, draw
from stream.simulate.history import History
from stream.simulate.shrink import shrink
from stream.simulate.world import Build, World


@dataclass(frozen=True)
class Failure:
    """A seed whose history diverges, and a smaller plan that diverges in the same way."""

    history: History
    plan: Plan
    shrunk: Plan
    shrunk_history: History


@dataclass
class Summary:
    """What a number of seeds came to."""

    seeds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def play(plan: Plan, build: Build) -> History:
    """Run one plan."""
    return World(plan, build).run()


def histories(seeds: Iterable[int], build: Build) -> Iterator[tuple[Plan, History]]:
    """Run seeds, one after the other."""
    for seed in seeds:
        plan = draw(seed)
        yield plan, play(plan, build)


def simulate(
    seeds: Iterable[int],
    build: Build,
    progress: Callable[[History], None] = lambda _: None,
    failures_max: int = 20,
) -> Summary:
    """Run seeds, and shrink what diverges; stops early after some failures."""
    summary = Summary()
    for plan, history in histories(seeds, build):
        summary.seeds += 1
        summary.faults.update(history.struck)
        progress(history)
        if history.divergences:
            summary.failures.append(failure_of(plan, history, build))
            if len(summary.failures) == failures_max:
                break
    return summary


def failure_of(plan: Plan, history: History, build: Build) -> Failure:
    """Shrink a plan that diverges, keeping its first kind of divergence."""
    wanted = history.divergences[0].kind
    shrunk = shrink(plan, lambda candidate: wanted in play(candidate, build).kinds)
    return Failure(history, plan, shrunk, play(shrunk, build))
