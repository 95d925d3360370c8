"""T8: members join and leave every few seconds."""

from __future__ import annotations

import time

from tests.matrix.flow import Flow, Stream, flow_under
from tests.matrix.report import Result
from tests.matrix.sampling import OwnerSampler
from tests.matrix.stage import Stage
from tests.matrix.workers import Worker

_EVERY_S = 5.0
_WITHOUT_OWNER_S = 15.0


def run(stage: Stage, result: Result) -> None:
    """Two more workers come and go in turn: each tick, one starts or one is told to end."""
    flow = Flow(6, 120.0) if stage.short else Flow(12, 240.0)
    ticks = 6 if stage.short else 120
    result.dose = {**flow.dose, "members join or leave": ticks, "every s": _EVERY_S}
    moves = restores = 0

    def fault(stream: Stream) -> list[int]:
        nonlocal moves, restores
        before = stream.fleet.count("partition live")
        guests = [stream.fleet.add(), stream.fleet.add()]
        turns = [lambda w=w, go=go: go(w) for go in (_come, _go) for w in guests]
        with OwnerSampler(stream.pipeline) as owners:
            for tick in range(ticks):
                turns[tick % len(turns)]()
                time.sleep(_EVERY_S)
            for guest in guests:
                guest.stop()
            time.sleep(_EVERY_S)
        moves = owners.moves
        restores = stream.fleet.count("partition live") - before
        return []

    flow_under(stage, result, flow, fault, standstill_s=_WITHOUT_OWNER_S)
    # A partition may go and come back between two looks at who owns it.
    allowed = round(1.1 * moves) + flow.partitions // 2
    result.figure("partition moves", moves)
    result.figure("restores", restores)
    result.check("one restore a move", restores <= allowed, f"{restores} for {moves} moves")


def _come(worker: Worker) -> None:
    worker.wait()
    worker.start()


def _go(worker: Worker) -> None:
    worker.terminate()
