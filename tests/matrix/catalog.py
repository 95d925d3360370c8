"""The scenarios by id, and on how many nodes each makes sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.matrix.report import Result
from tests.matrix.scenarios import t01_kills
from tests.matrix.stage import Stage


class Scenario(NamedTuple):
    """One row of the matrix."""

    id: str
    title: str
    run: Callable[[Stage, Result], None]
    nodes: tuple[int, ...] = (1, 3)


SCENARIOS = (Scenario("T1", "SIGKILL of workers at random points", t01_kills.run),)


def chosen(only: str | None, nodes: int) -> list[Scenario]:
    """Scenarios of these ids, or all that make sense on so many nodes.

    Raises
    ------
    SystemExit
        There is no such scenario.
    """
    if only is None:
        return [scenario for scenario in SCENARIOS if nodes in scenario.nodes]
    by_id = {scenario.id: scenario for scenario in SCENARIOS}
    wanted = only.split(",")
    if unknown := [name for name in wanted if name not in by_id]:
        raise SystemExit(f"--only: must name scenarios of {', '.join(by_id)}; got {unknown}")
    return [by_id[name] for name in wanted]
