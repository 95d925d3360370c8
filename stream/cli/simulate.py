"""`driftgate simulate`: many histories of workers and faults, each compared with a calm run."""

from __future__ import annotations

import json
from typing import Any

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stream.cli.kernel_cache import drop_stale
from stream.simulate.history import History
from stream.simulate.run import Failure, Summary, simulate

_CRITICAL = 50
_NOTES_MAX = 25


def run_simulate(seeds: int, first: int, as_machine: bool) -> int:
    """Run histories and print what they came to; returns 1 if any diverges."""
    # Hundreds of workers would warn here of what was done to them.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))
    # Some modules take up a logger for good when they are imported.
    from stream.simulate.worker import SimulatedWorker

    console = Console(stderr=as_machine, highlight=False)
    drop_stale()
    bar = Progress(
        TextColumn("histories"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[diverged]} diverge"),
        TimeElapsedColumn(),
        console=console,
    )
    diverged = 0
    with bar:
        task = bar.add_task("", total=seeds, diverged=0)

        def progress(history: History) -> None:
            nonlocal diverged
            diverged += bool(history.divergences)
            bar.update(task, advance=1, diverged=diverged)

        summary = simulate(range(first, first + seeds), SimulatedWorker, progress)
    if as_machine:
        print(json.dumps(as_json(summary)))
    else:
        print_summary(summary, console)
    return 1 if summary.failures else 0


def as_json(summary: Summary) -> dict[str, Any]:
    """Make the object that machines read."""
    return {
        "seeds": summary.seeds,
        "faults": dict(sorted(summary.faults.items())),
        "divergences": [
            {
                "seed": failure.plan.seed,
                "divergences": [str(divergence) for divergence in failure.history.divergences],
                "history": str(failure.shrunk).splitlines(),
                "rerun": rerun(failure),
            }
            for failure in summary.failures
        ],
    }


def rerun(failure: Failure) -> str:
    """Say how to run a seed again."""
    return f"driftgate simulate --seeds 1 --from {failure.plan.seed}"


def print_summary(summary: Summary, console: Console) -> None:
    """Print what struck how often, and every divergence with its shrunk history."""
    struck = ", ".join(f"{kind} {count}" for kind, count in summary.faults.most_common())
    console.print(f"{summary.seeds} seeds; faults that struck: {struck or 'none'}")
    for failure in summary.failures:
        _print_failure(failure, console)
    console.print(f"{len(summary.failures)} divergences from the undisturbed run")


def _print_failure(failure: Failure, console: Console) -> None:
    console.rule(f"seed {failure.plan.seed}")
    for divergence in failure.history.divergences:
        console.print(f"  {divergence}", markup=False)
    console.print("shrunk:")
    console.print(str(failure.shrunk), markup=False)
    for divergence in failure.shrunk_history.divergences:
        console.print(f"  {divergence}", markup=False)
    console.print("what happened, at the end:")
    for now, text in failure.shrunk_history.notes[-_NOTES_MAX:]:
        console.print(f"  {now:8.2f} s  {text}", markup=False)
    console.print(f"again: {rerun(failure)}")
