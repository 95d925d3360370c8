"""The scenarios by id, and on how many nodes each makes sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.matrix.report import Result
from tests.matrix.scenarios import (
    t01_kills,
    t02_rolling,
    t03_zombies,
    t04_end_txn,
    t07_broker,
    t08_storm,
    t09_replay,
    t10_trimmed,
    t11_damage,
    t12_poison,
    t13_labels,
    t14_burst,
    t16_soak,
    t17_upgrade,
    t19_probes,
    t20_stall,
)
from tests.matrix.stage import Stage


class Scenario(NamedTuple):
    """One row of the matrix."""

    id: str
    title: str
    run: Callable[[Stage, Result], None]
    nodes: tuple[int, ...] = (1, 3)


SCENARIOS = (
    Scenario("T1", "SIGKILL of workers at random points", t01_kills.run),
    Scenario("T1b", "SIGKILL of workers with derived features", t01_kills.run_derived),
    Scenario("T2", "rolling restarts by SIGTERM", t02_rolling.run),
    Scenario("T3", "zombies: frozen longer than their session", t03_zombies.run),
    Scenario("T3b", "frozen while its JoinGroup is under way", t03_zombies.run_in_a_rebalance),
    Scenario("T4", "EndTxn lost, unanswered, or late", t04_end_txn.run_end_txn),
    Scenario("T4b", "EndTxn answers lost, and SIGKILLs", t04_end_txn.run_answers_with_kills),
    Scenario("T5", "Produce lost until batches expire", t04_end_txn.run_produce),
    Scenario("T6", "fenced while commits are pending", t04_end_txn.run_fencing),
    Scenario("T7", "coordinators and leaders bounce", t07_broker.run_bounces),
    Scenario("T7b", "the whole cluster is away", t07_broker.run_outage),
    Scenario("T8", "members join and leave all the time", t08_storm.run),
    Scenario("T9", "a replay longer than poll_interval_max", t09_replay.run),
    Scenario("T10", "one of six partitions trimmed", t10_trimmed.run_one_of_six),
    Scenario("T10b", "events, journal trimmed; events compacted", t10_trimmed.run_lost_history),
    Scenario("T11", "checkpoints damaged, store away", t11_damage.run),
    Scenario("T12", "poison records", t12_poison.run),
    Scenario("T13", "labels missing, twice, out of order, early", t13_labels.run),
    Scenario("T14", "outputs blocked, then a burst", t14_burst.run),
    Scenario("T16", "a long run at half load", t16_soak.run),
    Scenario("T17", "from an older version and back", t17_upgrade.run),
    Scenario("T19", "probes while the broker is away", t19_probes.run),
    Scenario("T20", "fetches that nobody answers", t20_stall.run_black_hole),
    Scenario("T20b", "a stranger's open transaction", t20_stall.run_open_transaction),
)


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
