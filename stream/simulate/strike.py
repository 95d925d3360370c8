"""How each kind of fault strikes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from stream.log.base import TopicPartition
from stream.simulate.faults import Fault
from stream.simulate.inputs import APP
from stream.simulate.partition import Entry, Outcome

if TYPE_CHECKING:
    from stream.simulate.world import Life, World

_STRANGER = 9000
_TRIMMED = 30


def strike(world: World, fault: Fault, life: Life | None) -> None:
    """Let one fault strike; one that finds nobody to strike does nothing."""
    if _OF_WORKERS.get(fault.kind) is not None:
        if life is None or life.ended:
            return
        _OF_WORKERS[fault.kind](world, fault, life)
    else:
        _OF_THE_REST[fault.kind](world, fault)
    world.history.struck[fault.kind] += 1
    world.note(str(fault).split(": ", 1)[1])


def _freeze(world: World, fault: Fault, life: Life) -> None:
    life.actor.freeze(fault.seconds)


def _crash(world: World, fault: Fault, life: Life) -> None:
    life.actor.kill()
    world.scheduler.after(fault.seconds, lambda: world.start(life.index))


def _stop(world: World, fault: Fault, life: Life) -> None:
    life.terminate()
    world.watch_stop(life)


def _cut_off(world: World, fault: Fault, life: Life) -> None:
    life.network.cut_until = world.scheduler.now + fault.seconds


def _lose(world: World, fault: Fault, life: Life) -> None:
    life.network.lose(fault.part)


def _broker_down(world: World, fault: Fault) -> None:
    world.cluster.shut_down(fault.seconds)


def _coordinator_away(world: World, fault: Fault) -> None:
    world.cluster.shut_down_coordinator(fault.seconds)


def _offsets_gone(world: World, fault: Fault) -> None:
    """Stop everything; once nobody is a member any more, the offsets go, and all start again."""
    world.restarts_held = True
    for life in world.lives.values():
        if not life.ended:
            life.terminate()
            world.watch_stop(life)

    def remove() -> None:
        ended = all(life.ended for life in world.lives.values())
        if not ended or world.cluster.group.members or any(world.cluster.pending.values()):
            world.scheduler.after(0.5, remove)
            return
        world.cluster.offsets.clear()
        world.restarts_held = False

    world.scheduler.after(0.5, remove)


def _disk_slow(world: World, fault: Fault) -> None:
    world.disk.slow_s = 1.0
    world.disk.slow_until = world.scheduler.now + fault.seconds


def _disk_reads_fail(world: World, fault: Fault) -> None:
    world.disk.reads_fail_until = world.scheduler.now + fault.seconds


def _disk_writes_fail(world: World, fault: Fault) -> None:
    world.disk.writes_fail_until = world.scheduler.now + fault.seconds


def _damage(world: World, fault: Fault) -> None:
    paths = world.disk.checkpoints(fault.partition)
    if not paths or not world.disk.files[paths[-1]]:
        return
    path, files = paths[-1], world.disk.files
    data = files[path]
    place = random.Random(f"{world.plan.seed}/{path}").randrange(len(data))
    if fault.part == "flipped":
        files[path] = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    elif fault.part == "cut":
        files[path] = data[:place]
    else:
        del files[path]


def _open_transaction(world: World, fault: Fault) -> None:
    """A stranger's transaction, which ends after a while.

    Not in one of two inputs: what the other one holds would be taken meanwhile.
    """
    is_held = fault.part == "features" and world.plan.shape.own_topic
    topic = f"{APP}.{'journal' if is_held else fault.part}"
    partition = world.cluster.partition(TopicPartition(topic, fault.partition))
    outcome = Outcome(_STRANGER, 0, world.scheduler.now)
    partition.append([Entry(world.cluster.timestamp, None, b"stranger", [], outcome)])
    world.scheduler.after(
        fault.seconds, lambda: partition.mark(outcome, False, world.cluster.timestamp)
    )


def _trim(world: World, fault: Fault) -> None:
    """Remove events that were not read yet: this partition cannot go on, and all others must.

    One that has never committed would begin at what is left.
    """
    source = TopicPartition(f"{APP}.features", fault.partition)
    committed = world.cluster.offsets.get(source)
    if committed is None:
        return
    world.cluster.partition(source).trim(committed.offset + _TRIMMED)
    world.excused.add(fault.partition)


_OF_WORKERS: dict[str, Callable[[World, Fault, Life], None]] = {
    "freeze": _freeze,
    "crash": _crash,
    "stop": _stop,
    "cut off": _cut_off,
    "lost": _lose,
}
_OF_THE_REST: dict[str, Callable[[World, Fault], None]] = {
    "broker down": _broker_down,
    "coordinator away": _coordinator_away,
    "offsets gone": _offsets_gone,
    "disk slow": _disk_slow,
    "disk reads fail": _disk_reads_fail,
    "disk writes fail": _disk_writes_fail,
    "checkpoint": _damage,
    "open transaction": _open_transaction,
    "trim": _trim,
}
