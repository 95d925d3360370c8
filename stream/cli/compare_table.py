"""How a comparison is shown: bars while it runs, a table, or one JSON object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from stream.compare.leaderboard import Entry, Leaderboard
from stream.compare.run import Listener
from stream.evaluate import Evaluation
from stream.report.figures import COLUMNS, TITLES
from stream.report.numbers import figure, rate, size, spread

_NAME_MIN, _WIDE = 24, 100
_SECONDARY = ("kappa", "kappa_t")
"""Figures that are left out where the terminal is narrow."""


class CompareProgress(Listener):
    """A bar for each model; where the output is not a terminal, a line when one has ended.

    Parameters
    ----------
    entries
        Models to come.
    seeds, records
        Runs of each, and records of one run.
    console
        Where to draw.
    """

    def __init__(
        self, entries: Sequence[Entry], seeds: int, records: int, console: Console
    ) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._console = console
        self._records = records
        self._tasks = {
            entry.label: self._bar.add_task(
                escape(entry.label), total=seeds * records, start=False, state="waits"
            )
            for entry in entries
        }

    def __enter__(self) -> CompareProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begins(self, entry: Entry) -> None:
        self._bar.start_task(self._tasks[entry.label])
        self._bar.update(self._tasks[entry.label], state="compiling (the first time: a minute)")

    def evaluates(self, entry: Entry, seed: int, so_far: Evaluation) -> None:
        done = len(entry.runs) * self._records + so_far.records + so_far.dead.total()
        name = "accuracy" if "accuracy" in so_far.figures else "mae"
        state = f"seed {seed}: {name} {figure(name, so_far.figures[name])}"
        self._bar.update(self._tasks[entry.label], completed=done, state=state)

    def ends(self, entry: Entry) -> None:
        name = next((name for name in COLUMNS if entry.values(name)), "")
        told = f"{name} {_value(entry, name)}" if name else "no figure"
        said = "failed" if entry.failure else told
        task = self._tasks[entry.label]
        # One run stands for all where the seed changes nothing.
        total = len(entry.runs) * self._records or None
        self._bar.update(task, completed=total, total=total, state=said)
        self._bar.stop_task(task)
        if not self._console.is_terminal:
            self._console.print(f"{escape(entry.label)}: {said}", soft_wrap=True)


def print_leaderboard(board: Leaderboard, title: str, console: Console) -> None:
    """Print a table, best model first, baselines among them, then what failed and why."""
    table = Table(
        title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    table.add_column("model", overflow="fold", min_width=_NAME_MIN)
    names = [n for n in COLUMNS[board.main] if console.width >= _WIDE or n not in _SECONDARY]
    for name in (*(TITLES[name] for name in names), "records/s", "state"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [(entry.mean(board.main), _row(entry, board.main, names), "") for entry in board.ranked]
    rows += [
        (value, (f"{name} (baseline)", figure(board.main, value)), "dim")
        for name, value in board.baselines.items()
    ]
    sign = 1 if board.main == "mae" else -1
    for _, row, style in sorted(rows, key=lambda row: sign * row[0]):
        table.add_row(*row, style=style)
    console.print(table)
    console.print(
        f"records/s: of the model alone; state: its snapshot; ± over {len(board.seeds)} seeds "
        f"({', '.join(map(str, board.seeds))}), one run where the seed changes nothing",
        style="dim",
        soft_wrap=True,
    )
    for entry in board.entries:
        reason = entry.reason(board.main)
        if reason:
            said = f"{entry.label}: {reason}"
            console.print(escape(said), style="red", soft_wrap=True)
    if not board.is_complete:
        console.print("Interrupted: this is what there was.", style="yellow")


def as_json(board: Leaderboard, title: str) -> dict[str, Any]:
    """One object for machines; figures without a value are null."""
    return {
        "title": title,
        "ranked_by": board.main,
        "is_complete": board.is_complete,
        "seeds": list(board.seeds),
        "baselines": board.baselines,
        "models": [_entry_json(entry) for entry in board.entries],
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    names = sorted({name for run in entry.runs for name in run.result.figures})
    return {
        "model": entry.label,
        "params": entry.model.params if entry.model is not None else None,
        "failure": entry.failure or None,
        "uses_seed": entry.uses_seed,
        "figures": {
            name: {
                "mean": _finite(entry.mean(name)),
                "standard_deviation": _finite(entry.spread(name)),
                "values": entry.values(name),
            }
            for name in names
        },
        "records_per_s": _finite(entry.records_per_s),
        "state_bytes": entry.state_bytes,
        "runs": [
            {
                "seed": run.seed,
                "records": run.result.records,
                "learnt": run.result.learnt,
                "dead_letters": dict(sorted(run.result.dead.items())),
                "drift_events": len(run.result.drift),
                "model_seconds": run.result.model_seconds,
                "predictions_digest": run.result.predictions_digest,
            }
            for run in entry.runs
        ],
    }


def _row(entry: Entry, main: str, names: Sequence[str]) -> tuple[str, ...]:
    return (
        escape(entry.label),
        _value(entry, main),
        *[figure(name, entry.mean(name)) for name in names if name != main],
        rate(entry.records_per_s),
        size(entry.state_bytes),
    )


def _value(entry: Entry, name: str) -> str:
    return f"{figure(name, entry.mean(name))} {spread(name, entry.spread(name))}".strip()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
