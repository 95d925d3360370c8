"""T20: a partition yields nothing though it holds records: it is told, or mends by itself."""

from __future__ import annotations

import time

import kafka

from tests.matrix.cluster import wait_until
from tests.matrix.flow import Flow, Stream, flow_under
from tests.matrix.load import POISON
from tests.matrix.proxy import FETCH, Proxy, Rule
from tests.matrix.report import Result
from tests.matrix.stage import Stage

_TOLD_WITHIN_S = 35.0
_MENDS_WITHIN_S = 60.0


def run_black_hole(stage: Stage, result: Result) -> None:
    """Lose all answers to Fetch on the connections there are; only new connections work."""
    flow, cases = Flow(6, 60.0, workers=2), 1 if stage.short else 5
    result.dose = {**flow.dose, "black holes": cases}
    with Proxy(stage.cluster) as proxy:

        def fault(stream: Stream) -> None:
            slowest = 0.0
            for _ in range(cases):
                time.sleep(5.0)
                start = time.monotonic()
                proxy.rules = [Rule(FETCH, "response", opened_before=time.monotonic())]
                _wait_more(stream, flow)
                _wait_caught_up(stream, flow)
                slowest = max(slowest, time.monotonic() - start)
            result.figure("slowest mend s", round(slowest, 1))
            result.check("mends by itself", slowest <= _MENDS_WITHIN_S, f"{slowest:.0f} s")
            result.figure("answers lost", sum(proxy.touched.values()))

        flow_under(stage, result, flow, fault, bootstrap=proxy.bootstrap,
                   standstill_s=_MENDS_WITHIN_S)  # fmt: skip


def run_open_transaction(stage: Stage, result: Result) -> None:
    """Another producer's open transaction holds back a partition of the events."""
    flow, cases = Flow(6, 60.0, workers=2), 1 if stage.short else 3
    result.dose = {**flow.dose, "open transactions": cases}

    def fault(stream: Stream) -> None:
        slowest = 0.0
        for case in range(cases):
            time.sleep(5.0)
            producer = _open_transaction(stream, case % flow.partitions)
            start = time.monotonic()
            told = _wait_told(stream, case % flow.partitions)
            result.check(f"case {case}: told within {_TOLD_WITHIN_S:g} s", told, "no word of it")
            slowest = max(slowest, time.monotonic() - start) if told else slowest
            producer.abort_transaction()
            producer.close(timeout=5)
            _wait_caught_up(stream, flow)
        result.figure("slowest word s", round(slowest, 1))

    flow_under(stage, result, flow, fault)


def _open_transaction(stream: Stream, partition: int) -> kafka.KafkaProducer:
    producer = kafka.KafkaProducer(
        bootstrap_servers=stream.pipeline.cluster.bootstrap.split(","),
        transactional_id=f"stranger-{stream.pipeline.app}-{partition}",
        transaction_timeout_ms=600_000,
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(
        stream.inputs.features, key=POISON + b"stranger", value=b"never", partition=partition
    ).get(30)
    return producer


def _wait_told(stream: Stream, partition: int) -> bool:
    """Wait until a worker's readiness or a warning names the partition and the transaction."""
    fleet = stream.fleet

    def told() -> bool:
        bodies = [worker.ask("/readyz").body for worker in fleet.running]
        warnings = [
            str(line)
            for worker in fleet.running
            for line in worker.lines(latest=True)
            if line.get("level") in ("warning", "error")
        ]
        return any(
            "transaction" in text and str(partition) in text for text in (*bodies, *warnings)
        )

    try:
        wait_until(told, _TOLD_WITHIN_S, "the open transaction is told of")
    except TimeoutError:
        return False
    return True


def _wait_more(stream: Stream, flow: Flow) -> None:
    """Wait until more than a second's worth is committed."""
    before = stream.pipeline.done()

    def more() -> bool:
        return stream.pipeline.done() > before + flow.rate

    wait_until(more, 2 * _MENDS_WITHIN_S, "work goes on over other connections")


def _wait_caught_up(stream: Stream, flow: Flow) -> None:
    wait_until(
        lambda: sum(stream.pipeline.behind().values()) < flow.rate, 120.0, "work has caught up"
    )
