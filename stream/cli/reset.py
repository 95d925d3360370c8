"""`driftgate reset`: a pipeline's position moved, with or without its model."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stream.checkpoint.format import decode
from stream.checkpoint.store import CheckpointStore
from stream.config.pipeline import Config
from stream.errors import ConfigError, OvertakenError, SetupError
from stream.loading.load import load_config
from stream.log.base import GroupAdmin, Log
from stream.log.open import open_group, open_log
from stream.observe.logs import configure_logging
from stream.recovery.change import Change, carry_out
from stream.recovery.reset import Aim, Resets, read_aim
from stream.recovery.settings import Builds
from stream.topology import PartsBuilder, input_topics

_Plan = Callable[["Pipeline", list[int], Aim, bool], list[Change]]

_ATTEMPTS = 5  # at a partition that a worker is live on
_KEEP_ALL = 1_000_000  # nothing of the old life is pruned before the new one has begun


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline as a command sees it that is not one of its workers."""

    config: Config
    builds: Builds
    log: Log
    group: GroupAdmin
    store: CheckpointStore

    @property
    def resets(self) -> Resets:
        """Plans of resets."""
        return Resets(self.config, self.builds, self.log, self.group, self.store)

    def numbers(self, chosen: Sequence[int]) -> list[int]:
        """Partitions chosen, or all of them.

        Raises
        ------
        SetupError
            One of those chosen does not exist.
        """
        topics = (*input_topics(self.config), str(self.config.topics.journal))
        count = min(self.log.partition_counts(topics).values())
        beyond = [number for number in chosen if number >= count]
        if beyond or not count:
            raise SetupError(
                f"--partition: must be below {count}, as the inputs and the journal have that many "
                f"partitions; got {beyond}. `driftgate topics describe CONFIG` shows them."
            )
        return sorted(set(chosen)) or list(range(count))

    def begun(self, numbers: Sequence[int]) -> list[int]:
        """Those of these partitions of which anything is kept.

        Raises
        ------
        SetupError
            There are none.
        """
        begun = [number for number in numbers if self.resets.has_begun(number)]
        if not begun:
            raise SetupError(
                "a partition must have begun; nothing is kept of any: no journal entry, no "
                "committed offset, no checkpoint. A worker begins by itself."
            )
        return begun


@contextmanager
def opened(path: Path) -> Iterator[Pipeline]:
    """Open a pipeline, and close it."""
    configure_logging("human", "warning")
    config = load_config(path, os.environ)
    key = os.environ.get("DRIFTGATE_SNAPSHOT_KEY")
    builds = Builds(config, PartsBuilder(config, key.encode() if key else None))
    store = CheckpointStore(config.checkpoint.store, config.app, _KEEP_ALL)
    with ExitStack() as stack:
        log = open_log(config)
        stack.callback(log.close)
        group = open_group(config)
        stack.callback(group.close)
        yield Pipeline(config, builds, log, group, store)


def run_reset(
    path: Path,
    partitions: Sequence[int],
    to: str,
    keep_model: bool,
    learnt: Path | None,
    force: bool,
    yes: bool,
    as_machine: bool,
) -> None:
    """Show what will be done, ask, do it."""
    aim = read_aim(to, "--to")
    if keep_model and learnt is not None:
        raise ConfigError("--from-checkpoint: must stand without --keep-model; got both.")
    with opened(path) as pipeline:
        make: _Plan = _plan_kept if keep_model else _plan_anew
        if learnt is not None:
            make = _plan_learnt(learnt)
        plan = partial(make, pipeline, pipeline.numbers(partitions), aim, bool(partitions))
        changes = plan()
        if not force:
            _refuse_owned(pipeline.group, changes)
        console = Console(stderr=as_machine, highlight=False)
        _show(changes, console)
        done = yes or (not as_machine and confirmed("Do this?"))
        if done:
            changes = _carry_out(pipeline, changes, plan)
    if as_machine:
        print(json.dumps({"done": done, "partitions": [as_plain(change) for change in changes]}))
    else:
        console.print(f"Done. Next: driftgate run {escape(str(path))}")


def _carry_out(
    pipeline: Pipeline, changes: list[Change], plan: Callable[[], list[Change]]
) -> list[Change]:
    """Carry changes out; those of a partition that a worker has moved meanwhile, as it is then."""
    for _ in range(_ATTEMPTS):
        try:
            carry_out(changes, pipeline.log, pipeline.group, pipeline.store)
        except OvertakenError as error:
            why, changes = error, plan()
        else:
            return changes
    raise OvertakenError(
        "a partition must stand still to be moved; its worker has committed at each of "
        f"{_ATTEMPTS} attempts. No checkpoint was removed; stop the worker, and run the command "
        "again."
    ) from why


def confirmed(question: str) -> bool:
    """Ask on the terminal; no, or no terminal, ends the command."""
    return typer.confirm(question, abort=True)


def as_plain(change: Change) -> dict[str, Any]:
    """Describe a change for machines."""
    return {
        "partition": change.partition,
        "life": change.life,
        "model": change.model,
        "topics": {
            topic: {"now": change.before[topic], "then": after}
            for topic, after in change.after.items()
        },
        "removed": sorted({*change.strays, *change.obsolete}),
    }


def _plan_anew(pipeline: Pipeline, numbers: list[int], aim: Aim, are_chosen: bool) -> list[Change]:
    resets, numbers = pipeline.resets, _with_place(pipeline, numbers, aim, are_chosen)
    if aim != "journal":
        return [resets.begin_anew(number, aim) for number in numbers]
    return [resets.restore_positions(number) for number in numbers]


def _plan_kept(pipeline: Pipeline, numbers: list[int], aim: Aim, are_chosen: bool) -> list[Change]:
    resets, numbers = pipeline.resets, _with_place(pipeline, numbers, aim, are_chosen)
    return [resets.keep_model(number, aim) for number in numbers]


def _plan_learnt(path: Path) -> _Plan:
    try:
        learnt = decode(path.read_bytes(), str(path))
    except OSError as error:
        raise SetupError(f"{path}: must be a file that can be read; got `{error}`.") from None

    def plan(pipeline: Pipeline, numbers: list[int], aim: Aim, are_chosen: bool) -> list[Change]:
        resets, numbers = pipeline.resets, _with_place(pipeline, numbers, aim, are_chosen)
        return [resets.take_model(number, aim, str(path), learnt) for number in numbers]

    return plan


def _with_place(pipeline: Pipeline, numbers: list[int], aim: Aim, are_chosen: bool) -> list[int]:
    """Partitions to be moved; those that never began have no place that their work tells."""
    if are_chosen or aim not in ("journal", "committed"):
        return numbers
    return pipeline.begun(numbers)


def _refuse_owned(group: GroupAdmin, changes: Sequence[Change]) -> None:
    owners = group.owners()
    owned = {
        change.partition: owner
        for change in changes
        for source in change.committed
        if (owner := owners.get(source)) is not None
    }
    if owned:
        named = ", ".join(f"partition {number} of {owner}" for number, owner in owned.items())
        raise SetupError(
            f"partitions must belong to no worker; {named}. Stop the worker; or --force, if it "
            "has failed that partition: it tries again by itself, and goes on from the new "
            "position. What it has in hand is then not committed."
        )


def _show(changes: Sequence[Change], console: Console) -> None:
    table = Table("partition", "topic", "position now", "then", "records")
    for column in table.columns:
        column.no_wrap = True
    for change in changes:
        for topic, after in change.after.items():
            before = change.before[topic]
            at = "none" if before is None else f"{before}"
            table.add_row(f"{change.partition}", topic, at, f"{after}", _passed(before, after))
    console.print(table)
    for change in changes:
        removed = {*change.strays, *change.obsolete}
        line = f"partition {change.partition}: the model {change.model}; "
        line += "checkpoints removed: " + (", ".join(sorted(removed)) or "none")
        console.print(escape(line), soft_wrap=True)


def _passed(before: int | None, after: int) -> str:
    if before is None or before == after:
        return ""
    return f"{after - before:,} skipped" if after > before else f"{before - after:,} read again"
