"""T8: members join and leave every few seconds."""

from __future__ import annotations

import time

from tests.matrix.flow import Flow, Stream, flow_under
from tests.matrix.report import Result
from tests.matrix.stage import Stage
from tests.matrix.workers import Worker

_EVERY_S = 5.0
_GUESTS = 4
_WITHOUT_OWNER_S = 15.0


def run(stage: Stage, result: Result) -> None:
    """More workers come and go in turn: each tick, one starts or one is told to end.

    A process takes seconds until it joins, so each stays for five ticks, and some overlap.
    """
    flow = Flow(6, 120.0) if stage.short else Flow(12, 240.0)
    ticks = 6 if stage.short else 120
    result.dose = {**flow.dose, "members join or leave": ticks, "every s": _EVERY_S}
    restores: list[tuple[int, str]] = []
    joined = 0

    def fault(stream: Stream) -> list[int]:
        nonlocal joined
        guests = [stream.fleet.add() for _ in range(_GUESTS)]
        for tick in range(ticks):
            which = tick // 2 % _GUESTS
            if tick % 2 == 0:
                _come(guests[which])
            else:
                _go(guests[which - _GUESTS // 2])
            time.sleep(_EVERY_S)
        for guest in guests:
            guest.stop()
        time.sleep(_EVERY_S)
        names = {owner for _, owner in stream.fleet.restores()}
        joined = sum(name.split(".")[0] in {guest.name for guest in guests} for name in names)
        restores.extend(stream.fleet.restores())
        return []

    flow_under(stage, result, flow, fault, standstill_s=_WITHOUT_OWNER_S)
    # A worker's fair share moves when it comes or goes, and no more. (A partition that was given up
    # for a guest which has gone meanwhile is restored where it was.)
    share = -(-flow.partitions // flow.workers)
    allowed = share * (flow.workers + 2 * joined)
    result.figure("guests that took partitions", joined)
    result.figure("restores", len(restores))
    result.check("a fair share is restored a change", len(restores) <= allowed, f"of {allowed}")


def _come(worker: Worker) -> None:
    worker.wait()
    worker.start()


def _go(worker: Worker) -> None:
    worker.terminate()
