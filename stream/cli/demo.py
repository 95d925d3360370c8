"""`driftgate demo`: New York's flights of 2013 through the embedded log."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from stream.cli.kernel_cache import drop_stale
from stream.cli.plot import plot_evaluation
from stream.cli.report import LiveProgress, as_json, print_summary
from stream.datasets.flights import PIPELINE, read_flights
from stream.evaluate import evaluate, pieces, warm_up
from stream.loading.load import load_config
from stream.observe.logs import configure_logging

_TITLE = "Late arrivals of flights from New York, 2013"


def run_demo(limit: int | None, plot: Path | None, as_machine: bool) -> None:
    """Evaluate the flights pipeline with labels that come when each flight lands."""
    console = Console(stderr=as_machine, highlight=False)
    configure_logging("human", "warning")
    config = load_config(PIPELINE, {})
    console.print(
        "[bold]driftgate demo[/]: will this flight land more than 15 minutes late? Asked when it "
        "leaves the gate,\nanswered at once, and learnt from when it has landed, hours later."
    )
    with console.status("reading the flights"):
        events, labels = read_flights(limit)
    with console.status("compiling (the first time takes up to half a minute)"):
        drop_stale()
        warm_up(config, pieces(events, labels))
    with LiveProgress(len(events), console) as progress:
        result = evaluate(config, events, labels, progress)
    if as_machine:
        print(json.dumps(as_json(result, config.model.name, config.seed)))
    else:
        print_summary(result, f"{_TITLE}: {config.model.name}", console)
    if plot is not None:
        plot_evaluation(result, plot, _TITLE, by_time=True)
        console.print(f"Wrote {plot}: accuracy over the year, with the drift that was noticed")
