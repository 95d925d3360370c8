"""T4 to T6: what a commit is made of gets lost, comes late, or is fenced by another producer."""

from __future__ import annotations

import random
import time

import kafka

from tests.matrix.pipeline import Pipeline
from tests.matrix.proxy import END_TXN, PRODUCE, Proxy, Rule
from tests.matrix.report import Result
from tests.matrix.scenarios.t01_kills import kill_at_random
from tests.matrix.stage import STANDSTILL_S, TAKEOVER_S, Stage
from tests.matrix.work import FULL, SMALL, now_ms, work_under
from tests.matrix.workers import Fleet

_QUICK = {"request_timeout": "1s"}
_LATE_S = 2.5
"""Later than the client waits for an answer: the next transaction may have begun by then."""

_OUTAGE_S = 10.0
"""Longer than `log.commit_timeout`, so that batches expire."""


def run_answers_with_kills(stage: Stage, result: Result) -> None:
    """T4a: one EndTxn answer in ten is lost, and workers are killed meanwhile."""
    work, kills = (SMALL, 2) if stage.short else (FULL, 30)
    with Proxy(stage.cluster) as proxy:
        proxy.rules = [Rule(END_TXN, "response", 0.1)]
        result.dose = {**work.dose, "SIGKILLs": kills, "EndTxn answers lost": "10 %"}

        def fault(_: Pipeline, fleet: Fleet) -> list[int]:
            times = kill_at_random(fleet, kills)
            proxy.rules = []
            return times

        work_under(
            stage,
            result,
            work,
            fault,
            bootstrap=proxy.bootstrap,
            log=_QUICK,
            standstill_s=2 * TAKEOVER_S,
        )
        _count(proxy, result)


def run_end_txn(stage: Stage, result: Result) -> None:
    """T4: EndTxn requests lost, answers lost, requests delivered after the next begin."""
    work = SMALL if stage.short else FULL
    commits = 60 if stage.short else 1000
    with Proxy(stage.cluster) as proxy:
        part = 1 / 30
        proxy.rules = [
            Rule(END_TXN, "request", part),
            Rule(END_TXN, "response", part),
            Rule(END_TXN, "request", part, delay_s=_LATE_S),
        ]
        result.dose = {**work.dose, "of EndTxn": "request lost, answer lost, late: 3.3 % each"}

        def fault(pipeline: Pipeline, _: Fleet) -> list[int]:
            done, moved = pipeline.done(), time.monotonic()
            while sum(proxy.touched.values()) < commits / 10:
                time.sleep(1.0)
                if pipeline.done() != done:
                    done, moved = pipeline.done(), time.monotonic()
                elif time.monotonic() - moved > STANDSTILL_S / 2:
                    break  # which is found out, and told, afterwards
            proxy.rules = []
            return []

        work_under(
            stage, result, work, fault,
            bootstrap=proxy.bootstrap, log=_QUICK, standstill_s=2 * TAKEOVER_S,
        )  # fmt: skip
        _count(proxy, result)


def run_produce(stage: Stage, result: Result) -> None:
    """T5: Produce requests are lost for so long that batches expire within the transaction."""
    work, outages = (SMALL, 1) if stage.short else (FULL, 10)
    with Proxy(stage.cluster) as proxy:
        result.dose = {**work.dose, "outages of Produce": outages, "each s": _OUTAGE_S}

        def fault(_: Pipeline, fleet: Fleet) -> list[int]:
            times = []
            for _number in range(outages):
                fleet.revive()
                times.append(now_ms())
                until = time.monotonic() + _OUTAGE_S
                proxy.rules = [Rule(PRODUCE, "request", until=until)]
                time.sleep(_OUTAGE_S + 6.0)
            return times

        work_under(
            stage, result, work, fault,
            bootstrap=proxy.bootstrap, log=_QUICK, standstill_s=_OUTAGE_S + TAKEOVER_S,
        )  # fmt: skip
        _count(proxy, result)


def run_fencing(stage: Stage, result: Result) -> None:
    """T6: another producer takes a worker's transactional id while a commit is pending."""
    work, fencings = (SMALL, 2) if stage.short else (FULL, 20)
    result.dose = {**work.dose, "fencings": fencings}

    def fault(pipeline: Pipeline, fleet: Fleet) -> list[int]:
        rng, times = random.Random(6), []
        for _ in range(fencings):
            time.sleep(rng.uniform(2.0, 6.0))
            fleet.revive()
            times.append(now_ms())
            _fence(pipeline, rng)
        return times

    work_under(stage, result, work, fault, may_exit=True)


def _fence(pipeline: Pipeline, rng: random.Random) -> None:
    with pipeline.cluster.admin() as admin:
        listed = admin.client.list_transactions()
    ids = {found.transactional_id for node in listed.values() for found in node}
    producer = kafka.KafkaProducer(
        bootstrap_servers=pipeline.cluster.bootstrap.split(","),
        transactional_id=rng.choice(sorted(name for name in ids if name.startswith(pipeline.app))),
    )
    try:
        producer.init_transactions()
    finally:
        producer.close(timeout=5)


def _count(proxy: Proxy, result: Result) -> None:
    for what, count in sorted(proxy.touched.items()):
        result.figure(what, count)
    result.check("frames were lost", bool(proxy.touched), "the proxy saw none to lose")
