"""`driftgate init`: a pipeline drafted from a data file."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from stream.cli.outputs import check_output, writing
from stream.datasets.draft import Draft, draft_config
from stream.datasets.target_facts import Task


def run_init(file: str, target: str, task: Task | None, output: Path | None) -> None:
    """Write the draft to a file or to standard output, and what to know of it to standard error."""
    check_output("-o", output, file)
    draft = draft_config(file, target, task)
    if draft.doubt and task is None and sys.stdin.isatty() and sys.stderr.isatty():
        draft = _asked(file, target, draft)
    for note in draft.notes:
        typer.echo(f"note: {note}.", err=True)
    if output is None:
        typer.echo(draft.text, nl=False)
        return
    with writing("-o", output):
        _keep_other(output, draft.text)
        output.write_text(draft.text, encoding="utf-8")
    typer.echo(f"Wrote {output}. Next: driftgate evaluate {output} --data {file}", err=True)


def _keep_other(output: Path, text: str) -> None:
    """Keep a file that is there and says something else: somebody may have worked on it."""
    if not output.is_file() or output.read_bytes() == text.encode():
        return
    kept = output.with_name(f"{output.name}.bak")
    output.replace(kept)
    typer.echo(f"note: {output} was there already; it is {kept} now.", err=True)


def _asked(file: str, target: str, draft: Draft) -> Draft:
    """Ask what the target is, where it may be either."""
    typer.echo(f"`{target}` has {draft.doubt}.", err=True)
    names_classes = typer.confirm(
        "Does each number name a class (rather than an amount)?",
        default=draft.task == "classification",
        err=True,
    )
    task: Task = "classification" if names_classes else "regression"
    return draft if task == draft.task else draft_config(file, target, task)
