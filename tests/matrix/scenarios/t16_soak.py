"""T16: a long run at half load: memory, threads and descriptors do not grow."""

from __future__ import annotations

import time
from typing import Any

from tests.matrix.flow import Flow, Stream, flow_under
from tests.matrix.pipeline import SCHEMA
from tests.matrix.report import Result
from tests.matrix.sampling import Usage, UsageSampler, slope
from tests.matrix.stage import Stage

_MIB = 1 << 20
_HOUR_S = 3600.0
_RSS_MIB_AN_HOUR_MAX = 1.0
_EVERY_S = 10.0
_WARM_UP = 0.25
"""Part of the run that is not counted: caches and windows fill."""

_BOUNDED: dict[str, Any] = {
    "model": {"name": "logistic_regression"},
    "schema": {**SCHEMA, "duplicates_window": 4096},
}
"""A model that does not grow, and a window that is full within the warm-up: what grows then is the
runtime. (A tree grows as it learns: 24 leaves of 2.4 KB each in 100,000 events of this stream.)"""

_SHORT_S = 60.0
_TELLING_S = 1800.0
"""A slope an hour can be told from a run of this length at least."""


def run(stage: Stage, result: Result) -> None:
    """Feed steadily for the time that `--soak` says, and fit a line to what each worker holds."""
    flow = Flow(6, 300.0, workers=2, changes=_BOUNDED)
    seconds = _SHORT_S if stage.short else stage.soak_s
    result.dose = {**flow.dose, "minutes": round(seconds / 60, 1)}
    found: dict[int, list[Usage]] = {}

    def fault(stream: Stream) -> None:
        with UsageSampler(stream.fleet, _EVERY_S if seconds > _TELLING_S else 1.0) as usage:
            time.sleep(seconds)
        found.update(usage.found)

    flow_under(stage, result, flow, fault)
    result.check("the same processes throughout", len(found) == flow.workers, f"{len(found)}")
    counted = [[u for u in f if u.seconds > _WARM_UP * seconds] for f in found.values()]
    rss = max(slope([(u.seconds, u.rss_bytes) for u in f]) * _HOUR_S / _MIB for f in counted)
    result.figure("memory, MiB an hour", round(rss, 2))
    result.figure("most memory MiB", round(max(u.rss_bytes for f in counted for u in f) / _MIB))
    if seconds >= _TELLING_S:
        result.check("memory is flat", rss <= _RSS_MIB_AN_HOUR_MAX, f"{rss:.2f} MiB an hour")
    for name in ("threads", "descriptors"):
        ends = [(getattr(f[0], name), getattr(f[-1], name)) for f in counted]
        grown = max(last - first for first, last in ends)
        result.figure(f"{name}, first and last", str(ends))
        result.check(f"{name} do not grow", grown <= 2, f"{ends}")
