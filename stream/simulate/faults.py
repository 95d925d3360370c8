"""What befalls a history: kinds of faults, and the schedule that a seed draws."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from stream.simulate.inputs import Shape

CALLS = ("join", "committed", "bounds", "read", "produce", "offsets", "end", "reopen", "poll")
"""Kinds of requests, at the n-th of which a fault may strike."""

_COMMIT_CALLS = ("produce", "offsets", "end")
_WAKE_S = 12.0


class Fault(NamedTuple):
    """One thing that goes wrong.

    Parameters
    ----------
    kind
        See `KINDS`.
    at
        Simulated seconds, from when on it may strike.
    worker
        Whom it strikes, where that matters.
    seconds
        How long it lasts.
    call, nth
        If given, it strikes at the n-th request of this kind that the worker makes after `at`.
    carried_out
        Whether it strikes once that request has been carried out, or before.
    part
        Whether a request, its answer, or its punctuality is lost; or what becomes of a file.
    partition
        Which one it strikes, where that matters.
    """

    kind: str
    at: float
    worker: int = 0
    seconds: float = 0.0
    call: str = ""
    nth: int = 0
    carried_out: bool = False
    part: str = ""
    partition: int = 0

    def __str__(self) -> str:
        """One line for people."""
        when = f"{self.at:6.1f} s"
        if self.call:
            moment = "after" if self.carried_out else "before"
            when += f", {moment} {self.call} number {self.nth} of worker {self.worker}"
        what = f"{self.kind} {self.part}".strip()
        lasts = f" for {self.seconds:.1f} s" if self.seconds else ""
        whom = {
            "worker": f" of worker {self.worker}",
            "partition": f" of partition {self.partition}",
            "": "",
        }[KINDS[self.kind].whom]
        return f"{when}: {what}{whom}{lasts}"


class Kind(NamedTuple):
    """How often a kind is drawn, whom it strikes, and how long it may last."""

    weight: float
    whom: str
    seconds: tuple[float, float]
    calls: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("",)


KINDS: dict[str, Kind] = {
    "freeze": Kind(3, "worker", (0.5, 25.0), ("join", "join", "committed", *CALLS)),
    "crash": Kind(3, "worker", (0.5, 12.0), ("join", *_COMMIT_CALLS)),
    "stop": Kind(3, "worker", (0.5, 12.0), ("read", "poll", "end")),
    "broker down": Kind(3, "", (0.5, 15.0), ("committed", "read", "end", "reopen")),
    "coordinator away": Kind(2, "", (0.5, 9.0), ("committed", "committed", "read", "join")),
    "cut off": Kind(2, "worker", (1.0, 15.0)),
    "lost": Kind(3, "worker", (0.0, 0.0), _COMMIT_CALLS, ("request", "answer", "late")),
    "offsets gone": Kind(1.5, "", (0.0, 0.0)),
    "disk slow": Kind(1.5, "", (2.0, 20.0)),
    "disk reads fail": Kind(1.5, "", (0.5, 15.0)),
    "disk writes fail": Kind(1.5, "", (1.0, 30.0)),
    "checkpoint": Kind(2, "partition", (0.0, 0.0), (), ("flipped", "cut", "removed")),
    "open transaction": Kind(
        1.5, "partition", (1.0, 40.0), (), ("features", "predictions", "journal")
    ),
    "trim": Kind(1, "partition", (0.0, 0.0)),
}


@dataclass(frozen=True)
class Plan:
    """A whole history before it happens: equal plans happen equally."""

    seed: int
    shape: Shape
    faults: tuple[Fault, ...] = field(default=())

    def __str__(self) -> str:
        """Lines for people: the inputs, then the faults in order."""
        shape = self.shape
        lines = [
            f"{shape.workers} workers, {shape.partitions} partitions of {shape.events} events, "
            f"labels {'in their own topic' if shape.own_topic else 'inline'}, "
            f"{shape.records_max} records a step, {shape.fetch_records} a fetch, "
            f"{shape.replay_s:g} s a replayed record, checkpoints every {shape.checkpoint_s:g} s"
            + (", inputs in transactions" if shape.transactional else "")
        ]
        return "\n".join([*lines, *(f"  {fault}" for fault in sorted(self.faults, key=_when))])


def _when(fault: Fault) -> float:
    return fault.at


class Theme(NamedTuple):
    """What the faults of a history have in common.

    Parameters
    ----------
    kinds
        Which kinds there are; none for any few.
    calls
        At which requests they strike.
    seconds_min
        How long they last at least.
    workers, partitions
        How many there are.
    fetch_records
        How many records a fetch brings: few keep coming, of many one topic's come long before the
        other's.
    is_joined
        Whether labels always have a topic of their own, and steps are short.
    """

    kinds: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    seconds_min: float = 0.0
    workers: tuple[int, ...] = (1, 2, 2, 3, 3, 4)
    partitions: tuple[int, ...] = (1, 2, 2, 3, 4, 6)
    fetch_records: tuple[int, ...] = (10, 30, 100)
    is_joined: bool = False


THEMES = (
    Theme(),
    Theme(),
    Theme(("freeze",), ("join", "committed"), seconds_min=7.0, workers=(3, 4)),
    Theme(("freeze",), ("join",), seconds_min=7.0, workers=(3, 4)),
    Theme(
        ("crash", "coordinator away", "broker down", "freeze"),
        ("committed", "read"),
        seconds_min=4.0,
        workers=(2, 3),
        partitions=(4, 6),
        fetch_records=(3,),
    ),
    Theme(("lost", "broker down", "freeze"), fetch_records=(100,), is_joined=True),
)
"""Drawn from equally. Much of what goes wrong goes wrong only in a takeover, or in doubt."""


def draw(seed: int) -> Plan:
    """Draw a history."""
    rng = random.Random(seed)
    theme = rng.choice(THEMES)
    shape = _draw_shape(rng, theme)
    # A swarm: each history draws from a few kinds only, so that rare ones meet each other.
    names = theme.kinds or tuple(
        sorted(set(rng.choices(list(KINDS), [kind.weight for kind in KINDS.values()], k=3)))
    )
    faults: list[Fault] = []
    at = 0.0
    for name in rng.choices(names, k=rng.choice((1, 2, 3, 4, 6, 8, 10))):
        # Many a fault strikes while the one before is being dealt with.
        follows = bool(faults) and rng.random() < 0.6
        at = at + rng.uniform(0.0, _WAKE_S) if follows else rng.uniform(0.0, shape.work_s)
        faults.append(_draw_fault(rng, name, theme, shape, at, nth_max=2 if follows else 6))
    return Plan(seed, shape, tuple(sorted(faults, key=_when)))


def _draw_shape(rng: random.Random, theme: Theme) -> Shape:
    return Shape(
        seed=rng.randrange(8),
        partitions=rng.choice(theme.partitions),
        events=rng.choice((40, 80, 150)),
        own_topic=theme.is_joined or rng.random() < 0.7,
        label_delay_s=rng.choice((5, 20, 40)),
        workers=rng.choice(theme.workers),
        records_max=5 if theme.is_joined else rng.choice((5, 10, 25)),
        fetch_records=rng.choice(theme.fetch_records),
        work_s=rng.choice((20.0, 40.0, 60.0)),
        replay_s=rng.choice((0.001, 0.01, 0.15, 0.15)),
        checkpoint_s=rng.choice((0.5, 5.0, 1000.0, 1000.0)),
        transactional=rng.random() < 0.3,
    )


def _draw_fault(
    rng: random.Random, name: str, theme: Theme, shape: Shape, at: float, nth_max: int
) -> Fault:
    kind = KINDS[name]
    calls = tuple(call for call in theme.calls if call in kind.calls) or kind.calls
    by_call = bool(calls) and (name == "lost" or rng.random() < 0.6)
    call = rng.choice(calls) if by_call else ""
    part = rng.choice(kind.parts)
    if (call, part) == ("offsets", "late"):
        part = "request"  # see docs/simulation.md, what is left out
    low, high = kind.seconds
    return Fault(
        kind=name,
        at=round(at, 1),
        worker=rng.randrange(shape.workers),
        seconds=round(rng.uniform(min(high, max(low, theme.seconds_min)), high), 1),
        call=call,
        nth=rng.choice((1, rng.randint(1, nth_max))) if by_call else 0,
        carried_out=part == "answer" if name == "lost" else by_call and rng.random() < 0.5,
        part=part,
        partition=rng.randrange(shape.partitions),
    )
