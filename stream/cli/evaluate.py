"""`driftgate evaluate`: a pipeline over a data file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rich.console import Console

from stream.cli.report import LiveProgress, as_json, print_summary
from stream.config import Config, Model
from stream.config_file import check_operators, load_config
from stream.datasets import read_rows, to_events
from stream.evaluate import Series, delay_labels, evaluate, warm_up
from stream.plot import plot_evaluation


def run_evaluate(
    path: Path,
    data: Path,
    model: str | None,
    label_delay: int,
    limit: int | None,
    seed: int | None,
    plot: Path | None,
    as_machine: bool,
) -> None:
    """Evaluate and print; the exit code is 0 whatever the accuracy."""
    config = override(load_config(path, os.environ), model, seed)
    console = Console(stderr=as_machine, highlight=False)
    with console.status("reading the data"):
        events, labels = read_series(config, data, limit, label_delay)
    with console.status("compiling (the first time takes up to a minute)"):
        warm_up(config, events, labels)
    with LiveProgress(len(events), console) as progress:
        result = evaluate(config, events, labels, progress)
    title = f"{config.model.name} on {data.name}"
    if label_delay:
        title += f", labels {label_delay} events late"
    if as_machine:
        print(json.dumps(as_json(result, config.model.name, config.seed)))
    else:
        print_summary(result, title, console)
    if plot is not None:
        plot_evaluation(result, plot, title, by_time=False)
        console.print(f"Wrote {plot}")


def override(config: Config, model: str | None, seed: int | None) -> Config:
    """Put another model (with its default parameters) or another seed in."""
    changes: dict[str, object] = {}
    if model is not None and model != config.model.name:
        changes["model"] = Model(name=model)
    if seed is not None:
        changes["seed"] = seed
    changed = config.model_copy(update=changes)
    check_operators(changed, "--model")
    return changed


def read_series(
    config: Config, data: Path, limit: int | None, label_delay: int
) -> tuple[Series, Series | None]:
    """Read a data file into what the input topics hold."""
    events, labels = to_events(config, read_rows(data, limit), inline=label_delay == 0)
    if label_delay == 0:
        return Series(events.keys, events.values, events.timestamps), None
    times = delay_labels(events.timestamps, label_delay)
    return (
        Series(events.keys, events.values, events.timestamps),
        Series(labels.keys, labels.values, times),
    )
