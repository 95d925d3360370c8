"""`driftgate evaluate`: a pipeline over a data file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from stream.cli.kernel_cache import drop_stale
from stream.cli.plot import plot_evaluation
from stream.cli.report import LiveProgress, as_json, print_summary
from stream.config.pipeline import Config
from stream.datasets import read_rows, to_events
from stream.errors import ConfigError
from stream.evaluate import Series, delay_labels, evaluate, warm_up
from stream.loading.load import load_config
from stream.observe.logs import configure_logging


def run_evaluate(
    path: Path,
    data: Path,
    model: str | None,
    params: Sequence[str],
    label_delay: int,
    limit: int | None,
    seed: int | None,
    plot: Path | None,
    as_machine: bool,
) -> None:
    """Evaluate and print; the exit code is 0 whatever the accuracy."""
    configure_logging("human", "warning")
    config = load_config(path, os.environ, model, read_params(params))
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    console = Console(stderr=as_machine, highlight=False)
    with console.status("reading the data"):
        config, events, labels = read_series(config, data, limit, label_delay)
    with console.status("compiling (the first time takes up to half a minute)"):
        drop_stale()
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


def read_params(given: Sequence[str]) -> dict[str, Any]:
    """Read `key=value` pairs; a value is JSON, or else text.

    Examples
    --------
    >>> read_params(["delta=1e-5", "hidden=[8, 8]", "combine=soft"])
    {'delta': 1e-05, 'hidden': [8, 8], 'combine': 'soft'}
    """
    params = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise ConfigError(f"--param: must be key=value; got {pair!r}.")
        try:
            params[name] = json.loads(text)
        except json.JSONDecodeError:
            params[name] = text
    return params


def read_series(
    config: Config, data: Path, limit: int | None, label_delay: int
) -> tuple[Config, Series, Series | None]:
    """Read a data file into what the input topics hold, and fit the pipeline to a label delay."""
    table = read_rows(data, limit)
    if label_delay == 0:
        events, _ = to_events(config, table, inline=True)
        return config, events, None
    config = with_delay(config, label_delay)
    events, labels = to_events(config, table, inline=False)
    times = strictly_rising(events.timestamps)
    delayed = delay_labels(times, label_delay)
    at = positions(events.keys, labels.keys)
    return (
        config,
        replace(events, timestamps=times),
        replace(labels, timestamps=[delayed[position] for position in at]),
    )


def with_delay(config: Config, label_delay: int) -> Config:
    """Let the order of the rows be the order of time, and let every label come in time."""
    settings = config.model_dump(mode="json", by_alias=True)
    settings["schema"]["event_time"] = "$timestamp"
    if config.record.id == "$offset":
        settings["schema"]["id"] = "$key"
    settings["labels"] |= {
        "source": "topic",
        "id": "$key",
        "event_time": "$timestamp",
        "max_delay": "36500d",
        "pending_max": max(config.labels.pending_max, label_delay + 2),
    }
    return Config.model_validate(settings)


def positions(keys: Sequence[bytes | None], some: Sequence[bytes | None]) -> list[int]:
    """Where each of `some` stands in `keys`, of which they are a part in the same order.

    Examples
    --------
    >>> positions([b"a", b"b", b"c"], [b"a", b"c"])
    [0, 2]
    """
    found: list[int] = []
    position = 0
    for key in some:
        while keys[position] != key:
            position += 1
        found.append(position)
        position += 1
    return found


def strictly_rising(times: Sequence[int]) -> list[int]:
    """Raise each time that does not follow the one before it.

    Examples
    --------
    >>> strictly_rising([5, 5, 3, 9])
    [5, 6, 7, 9]
    """
    risen: list[int] = []
    for time in times:
        risen.append(max(time, risen[-1] + 1) if risen else time)
    return risen
