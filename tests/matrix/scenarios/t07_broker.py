"""T7: nodes of the broker are killed and restarted; then all of them are away at once."""

from __future__ import annotations

import json
import re
import time

from tests.matrix.cluster import Cluster, wait_until
from tests.matrix.flow import Flow, Stream, flow_under
from tests.matrix.pipeline import COMMIT_S, Pipeline
from tests.matrix.report import Result
from tests.matrix.sampling import UsageSampler
from tests.matrix.stage import TAKEOVER_S, Stage
from tests.matrix.work import FULL, SMALL, now_ms, work_under
from tests.matrix.workers import Fleet

_DOWN_S = 3.0
_HANGS_AFTER_S = 12.0
"""A transaction that is open for longer than its timeout, and has no coordinator, hangs."""

_MISSED_AFTER_S = 10.0
"""Kafka's `broker.session.timeout.ms`, 9 s, and the elections after it."""

_NAMED = re.compile(r"--partition (\d+) --to journal")
_COMMANDS_S = 15.0
_SLACK = 4
"""Threads or descriptors that a worker may hold for a moment, such as a probe's connection."""


def run_bounces(stage: Stage, result: Result) -> None:
    """Kill, and stop in an orderly way, the nodes that coordinate or lead, one after the other."""
    work, bounces = (SMALL, 1) if stage.short else (FULL, 10)
    hard = (bounces + 1) // 2
    result.dose = {**work.dose, "killed nodes": hard, "stopped nodes": bounces - hard}

    times: list[int] = []
    away_s: list[float] = []
    ended: list[tuple[int, int]] = []
    resets: list[int] = []

    def fault(pipeline: Pipeline, fleet: Fleet) -> list[int]:
        for number in range(bounces):
            time.sleep(3.0)
            times.append(now_ms())
            node = _target(stage.cluster, pipeline, number)
            away_s.append(_bounce(stage.cluster, node, hard=number % 2 == 0))
            if stage.cluster.nodes == 1:
                ended.append(_end_hanging(pipeline))
                resets.extend(_reset_as_named(pipeline, fleet))
        return times

    journal = work_under(stage, result, work, fault, standstill_s=None)
    result.figure("longest away s", round(max(away_s), 1))
    result.figure("markers written by `finish`", sum(finished for finished, _ in ended))
    result.figure("undecided transactions aborted", sum(aborted for _, aborted in ended))
    result.figure("partitions reset as /readyz named it", len(resets))
    # Where there are others, they take over as soon as the node is missed; by then a commit and a
    # try to begin anew may have been given up. Without them, a transaction may hang until an
    # operator has ended it.
    alone_s = max(away_s) + _HANGS_AFTER_S + _COMMANDS_S
    others_s = _MISSED_AFTER_S + 2 * COMMIT_S
    without_s = alone_s if stage.cluster.nodes == 1 else others_s
    stage.check_gaps(result, journal, times, round(without_s + TAKEOVER_S))


def run_outage(stage: Stage, result: Result) -> None:
    """Kill all nodes at once; work catches up, and nothing is left behind in the workers."""
    flow = Flow(6, 120.0) if stage.short else Flow(12, 240.0)
    away_s, settle_s = (15.0, 10.0) if stage.short else (60.0, 30.0)
    result.dose = {**flow.dose, "all nodes away s": away_s}

    def fault(stream: Stream) -> None:
        with UsageSampler(stream.fleet) as sampler:
            time.sleep(settle_s)
            before = _held(sampler)
            _away(stage.cluster, away_s)
            back = time.monotonic()
            wait_until(lambda: _behind(stream.pipeline) < flow.rate, 300.0, "work has caught up")
            caught_up_s = time.monotonic() - back
            time.sleep(settle_s)
            after = _held(sampler)
        result.figure("caught up after s", round(caught_up_s, 1))
        # At twice the rate of arrival, a backlog of an outage takes as long as the outage.
        result.check(
            "catches up at twice the arrival rate", caught_up_s <= away_s + TAKEOVER_S,
            f"{caught_up_s:.0f} s after {away_s:g} s",
        )  # fmt: skip
        result.figure("threads, descriptors before", str(before))
        result.figure("threads, descriptors after", str(after))
        leaks = [
            pid
            for pid, held in after.items()
            if pid in before and any(b > a + _SLACK for a, b in zip(before[pid], held, strict=True))
        ]
        result.check("no thread or descriptor leaks", not leaks, f"{before} -> {after}")

    flow_under(stage, result, flow, fault)


def _target(cluster: Cluster, pipeline: Pipeline, number: int) -> int:
    """Node of the group's coordinator, a transaction coordinator, a leader: in turn."""
    choices = (
        lambda: cluster.group_coordinator(pipeline.app),
        lambda: cluster.transaction_coordinator(f"{pipeline.app}-w{1 + number % 3}"),
        lambda: cluster.leader(pipeline.topic("predictions"), number % pipeline.partitions),
    )
    return choices[number % 3]()


def _end_hanging(pipeline: Pipeline) -> tuple[int, int]:
    """Do what the runbook says of transactions that their coordinator has forgotten.

    With one copy of everything, a coordinator that starts anew takes partitions for deleted whose
    leader it does not know yet, and skips their markers. That is a flaw of the broker.
    """
    time.sleep(_HANGS_AFTER_S)
    finished = pipeline.call("transactions", "finish", "--yes")
    written = re.search(r"^(\d+) markers? written", finished, re.MULTILINE)
    listed = json.loads(pipeline.call("transactions", "list", "--json"))
    hanging = [
        (f"{at['topic']}:{at['partition']}", str(transaction["producer_id"]))
        for at in listed["partitions"]
        for transaction in at["transactions"]
        if transaction["status"] == "hanging"
    ]
    aborted = sum(_abort(pipeline, where, producer) for where, producer in hanging)
    return (int(written[1]) if written else 0), aborted


def _abort(pipeline: Pipeline, where: str, producer: str) -> bool:
    """End one; False if its producer came back and ended it between the list and this."""
    try:
        pipeline.call(
            "transactions", "abort", "--partition", where, "--producer-id", producer, "--yes"
        )
    except RuntimeError as error:
        if "It may have ended by itself" not in str(error):
            raise
        return False
    return True


def _reset_as_named(pipeline: Pipeline, fleet: Fleet) -> list[int]:
    """Do what /readyz names where the broker has torn a transaction: go by the journal.

    A broker that is told to stop may skip all markers of a committed transaction; the abort of the
    producer's next one then ends its records, and its offsets alone are left to be committed.
    """
    answers = [worker.ask("/readyz").body for worker in fleet.running]
    named = sorted({int(n) for body in answers for n in _NAMED.findall(body)})
    for number in named:
        pipeline.call(
            "reset", "--partition", str(number), "--to", "journal", "--force", "--yes"
        )  # fmt: skip
    return named


def _bounce(cluster: Cluster, node: int, *, hard: bool) -> float:
    """Take a node away and bring it back; return for how many seconds it was missed."""
    start = time.monotonic()
    (cluster.kill if hard else cluster.stop)(node)
    time.sleep(_DOWN_S)
    cluster.restart(node)
    cluster.wait_in_step()
    return time.monotonic() - start


def _away(cluster: Cluster, seconds: float) -> None:
    for node in range(cluster.nodes):
        cluster.kill(node)
    time.sleep(seconds)
    cluster.restart(*range(cluster.nodes))
    cluster.wait_in_step()


def _behind(pipeline: Pipeline) -> int:
    try:
        return sum(pipeline.behind().values())
    except Exception:
        return 1 << 30  # the coordinator is not back yet


def _held(sampler: UsageSampler) -> dict[int, tuple[int, int]]:
    return {pid: (u[-1].threads, u[-1].descriptors) for pid, u in sampler.found.items()}
