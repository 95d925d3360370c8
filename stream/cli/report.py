"""How an evaluation is shown: a live line, a table, or one JSON object."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from stream.cli.drift import print_story
from stream.datasets.malformed import Malformed
from stream.drift.timeline import timeline
from stream.evaluate import Evaluation
from stream.report.figures import MEANING

_PERCENT = ("accuracy", "kappa", "kappa_m", "kappa_t", "auc")
_DRIFTS_SHOWN = 5
_DEAD_SHOWN = 12


class LiveProgress:
    """A progress bar with the accuracy so far; silent when the output is not a terminal.

    Parameters
    ----------
    total
        Records to come, where that is known.
    console
        Where to draw.
    """

    def __init__(self, total: int | None, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[quality]}"),
            TimeRemainingColumn(),
            console=console,
            transient=False,
            disable=not console.is_terminal,
        )
        self._total = total
        self._console = console
        self._told: set[str] = set()
        self._task = self._bar.add_task("predicting", total=total, quality="")

    def __enter__(self) -> LiveProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, result: Evaluation) -> None:
        """Show an evaluation so far; say at once that a bound has been reached."""
        for sentence in result.bounds_reached:
            if sentence not in self._told:
                self._told.add(sentence)
                at = f"within the first {result.records:,} records"
                self._console.print(f"note: {at}, {escape(sentence)}.")
        name = "accuracy" if "accuracy" in result.figures else "mae"
        value, recent = result.figures[name], result.figures[f"faded_{name}"]
        quality = f"{name} {value:.4f}  recent {recent:.4f}  drift {len(result.drift)}"
        self._bar.update(self._task, completed=result.records, quality=quality)


def as_json(
    result: Evaluation, model: str, seed: int, malformed: Malformed | None = None
) -> dict[str, Any]:
    """One object for machines; figures without a value are null."""
    figures = {name: None if math.isnan(value) else value for name, value in result.figures.items()}
    return {
        "model": model,
        "seed": seed,
        "records": result.records,
        "learnt": result.learnt,
        **figures,
        "dead_letters": dict(sorted(result.dead.items())),
        "dead_letter_lines": [asdict(line) for line in result.dead_table.lines],
        "malformed_rows": malformed.count if malformed is not None else 0,
        "expired": result.expired,
        "pending": result.pending,
        "bounds_reached": result.bounds_reached,
        "drift_events": len(result.drift),
        "drift_story": [
            event.message for each in timeline(result.drift).episodes for event in each.story
        ],
        "model_seconds": result.model_seconds,
        "pipeline_seconds": result.pipeline_seconds,
        "model_records_per_s": result.model_records_per_s,
        "pipeline_records_per_s": result.pipeline_records_per_s,
        "stage_seconds": result.stage_seconds,
        "snapshot_digest": result.snapshot_digest or None,
        "predictions_digest": result.predictions_digest,
    }


def print_summary(
    result: Evaluation, title: str, console: Console, malformed: Malformed | None = None
) -> None:
    """A table of figures, then what was refused, noticed, and how fast it went."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for column, justify in (("figure", "left"), ("whole stream", "right"), ("recent", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    table.add_column("meaning", style="dim")
    for name, value in result.figures.items():
        if name in MEANING:
            recent = result.figures.get(f"faded_{name}", math.nan)
            table.add_row(name, _show(name, value), _show(name, recent), MEANING[name])
    console.print(table)
    console.print(
        f"{result.records:,} predicted, {result.learnt:,} learnt, {result.pending:,} still wait "
        f"for their label, {result.expired:,} expired, {result.dead.total():,} dead letters"
        + (f" ({_counts(result)})" if result.dead else "")
    )
    _print_dead_letters(result, console)
    if malformed is not None and malformed.count:
        console.print(
            f"{malformed.count:,} rows of the file are no rows of its table, and were passed over:"
        )
        for line in malformed.shown:
            console.print(f"  {escape(line)}")
    console.print(
        f"model alone {result.model_records_per_s:,.0f} records/s, whole pipeline "
        f"{result.pipeline_records_per_s:,.0f} records/s ({result.pipeline_seconds:.1f} s)"
    )
    console.print(
        f"snapshot {result.snapshot_digest[:16] or 'none'}  "
        f"predictions {result.predictions_digest[:16]}"
    )
    print_story(timeline(result.drift), console, _DRIFTS_SHOWN)


def _print_dead_letters(result: Evaluation, console: Console) -> None:
    lines = result.dead_table.lines
    if not lines:
        return
    table = Table(title="dead letters", title_justify="left", title_style="bold")
    for column, justify in (("count", "right"), ("reason", "left"), ("first row", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    table.add_column("what was wrong there")
    for line in lines[:_DEAD_SHOWN]:
        table.add_row(f"{line.count:,}", line.reason, f"{line.offset + 1:,}", escape(line.message))
    console.print(table)
    if len(lines) > _DEAD_SHOWN:
        console.print(f"and {len(lines) - _DEAD_SHOWN} more kinds; --json has them all")


def _show(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{100 * value:.2f} %" if name in _PERCENT else f"{value:.4f}"


def _counts(result: Evaluation) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(result.dead.items()))
