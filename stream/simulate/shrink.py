"""Makes a history that fails smaller, as long as it still fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from stream.simulate.faults import Plan

RUNS_MAX = 80


def shrink(plan: Plan, fails: Callable[[Plan], bool], runs_max: int = RUNS_MAX) -> Plan:
    """Return the smallest plan found that fails.

    Parameters
    ----------
    fails
        Runs a plan, and tells whether it fails in the way that is looked for.
    runs_max
        Bound of the runs.
    """
    left = runs_max
    smaller = True
    while smaller and left > 0:
        smaller = False
        for candidate in _smaller(plan):
            if left == 0:
                break
            left -= 1
            if fails(candidate):
                plan, smaller = candidate, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans with one thing less, the greatest steps first."""
    faults = plan.faults
    half = len(faults) // 2
    if half:
        yield replace(plan, faults=faults[:half])
        yield replace(plan, faults=faults[half:])
    for index in range(len(faults)):
        yield replace(plan, faults=faults[:index] + faults[index + 1 :])
    yield from _smaller_shapes(plan)
    for index, fault in enumerate(faults):
        if fault.seconds > 1.0:
            shorter = fault._replace(seconds=round(fault.seconds / 2, 1))
            yield replace(plan, faults=(*faults[:index], shorter, *faults[index + 1 :]))


def _smaller_shapes(plan: Plan) -> Iterator[Plan]:
    shape = plan.shape
    if shape.workers > 1:
        faults = tuple(fault._replace(worker=0) for fault in plan.faults)
        yield replace(plan, shape=replace(shape, workers=1), faults=faults)
        if all(fault.worker < shape.workers - 1 for fault in plan.faults):
            yield replace(plan, shape=replace(shape, workers=shape.workers - 1))
    if shape.partitions > 1:
        faults = tuple(fault._replace(partition=0) for fault in plan.faults)
        yield replace(plan, shape=replace(shape, partitions=1), faults=faults)
        yield replace(plan, shape=replace(shape, partitions=shape.partitions - 1), faults=faults)
    if shape.transactional:
        yield replace(plan, shape=replace(shape, transactional=False))
    if shape.own_topic:
        yield replace(plan, shape=replace(shape, own_topic=False))
    if shape.events > 60:
        yield replace(plan, shape=replace(shape, events=60))
