"""`driftgate rebuild`: a model learnt anew from the records kept, up to where the pipeline is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from stream.cli.kernel_cache import drop_stale
from stream.cli.reset import Pipeline, as_plain, confirmed, opened
from stream.errors import ConfigError, SetupError
from stream.log.base import TopicPartition
from stream.recovery.change import Change, carry_out
from stream.recovery.rebuild import Rebuilds
from stream.recovery.reset import Aim, read_aim

Ranges = dict[str, tuple[int, int]]


def run_rebuild(
    path: Path, partitions: Sequence[int], start: str, yes: bool, as_machine: bool
) -> None:
    """Show what will be learnt, ask, learn it; each partition is committed when it is done."""
    aim = read_aim(start, "--from")
    if aim in ("latest", "journal", "committed"):
        raise ConfigError(f"--from: must be earliest or a time; got {start!r}.")
    console = Console(stderr=as_machine, highlight=False)
    changes: list[Change] = []
    with opened(path) as pipeline:
        _refuse_members(pipeline)
        rebuilds = Rebuilds(pipeline.config, pipeline.builds, pipeline.log, pipeline.store)
        ranges = {
            number: _ranges(pipeline, number, rebuilds.ends(number), aim)
            for number in _chosen(pipeline, partitions)
        }
        console.print(_table(ranges))
        done = yes or (not as_machine and confirmed("Learn these anew?"))
        if done:
            drop_stale()
            with _Bar(console) as bar:
                for number, of_topics in ranges.items():
                    starts = {topic: first for topic, (first, _) in of_topics.items()}
                    changes.append(rebuilds.learn(number, starts, bar))
                    carry_out(changes[-1:], pipeline.log, pipeline.group, pipeline.store)
    if as_machine:
        print(json.dumps({"done": done, "ranges": ranges, "partitions": [*map(as_plain, changes)]}))
    else:
        console.print(f"Done. Next: driftgate run {escape(str(path))}")


def _chosen(pipeline: Pipeline, partitions: Sequence[int]) -> list[int]:
    numbers = pipeline.numbers(partitions)
    return numbers if partitions else pipeline.begun(numbers)


def _refuse_members(pipeline: Pipeline) -> None:
    owners = sorted(set(pipeline.group.owners().values()))
    if owners:
        raise SetupError(
            f"all workers must be stopped while a model is rebuilt; {', '.join(owners)} run. They "
            "would go on with the former one, and move on meanwhile."
        )


def _ranges(pipeline: Pipeline, number: int, ends: dict[str, int], aim: Aim) -> Ranges:
    firsts = {topic: pipeline.resets.offset(TopicPartition(topic, number), aim) for topic in ends}
    return {topic: (min(firsts[topic], end), end) for topic, end in ends.items()}


def _table(ranges: dict[int, Ranges]) -> Table:
    table = Table("partition", "topic", "learnt from", "up to", "records")
    for column in table.columns:
        column.no_wrap = True
    for number, of_topics in ranges.items():
        for topic, (first, end) in of_topics.items():
            table.add_row(f"{number}", topic, f"{first}", f"{end}", f"{end - first:,}")
    return table


class _Bar:
    """A progress bar for each partition; silent when the output is not a terminal."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[int, object] = {}

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, partition: int, passed: int, total: int) -> None:
        """Show how far a partition has come."""
        if partition not in self._tasks:
            self._tasks[partition] = self._bar.add_task(f"partition {partition}", total=total)
        self._bar.update(self._tasks[partition], completed=passed)  # type: ignore[arg-type]
