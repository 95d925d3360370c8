"""`driftgate compare`: several models over one data file, as a leaderboard."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rich.console import Console

from operators.catalog import RIVER
from stream.cli.compare_table import CompareProgress, as_json, print_leaderboard
from stream.cli.evaluate import collect_seldom, read_series
from stream.cli.html_report import origin_of, write_report
from stream.cli.kernel_cache import drop_stale
from stream.cli.outputs import check_output, writing
from stream.cli.plot_compare import plot_leaderboard
from stream.cli.report import LiveProgress
from stream.compare.leaderboard import Entry
from stream.compare.model_labels import parse_label, split_labels
from stream.compare.run import compare, diagnose_best
from stream.config.masking import mask_text
from stream.config.pipeline import Config, Model
from stream.errors import ConfigError
from stream.loading.load import load_config
from stream.observe.logs import configure_logging
from stream.report.comparison_page import comparison_page

_INTERRUPTED = 130  # what a shell makes of Ctrl-C
CLASSIFIERS = ("hoeffding_tree", "adaptive_random_forest", "naive_bayes", "logistic_regression")
REGRESSORS = (
    "linear_regression",
    "recursive_least_squares",
    "hoeffding_tree_regressor",
    "adaptive_random_forest_regressor",
)
"""What is compared beside the pipeline's own model where `--models` is not given."""


def run_compare(
    path: Path,
    data: str,
    models: str | None,
    seeds: int,
    label_delay: int,
    limit: int | None,
    html: Path | None,
    plot: Path | None,
    as_machine: bool,
) -> int:
    """Compare and print; return the exit code: 1 if no model has a figure, 130 after Ctrl-C."""
    configure_logging("human", "error")
    collect_seldom()
    for option, output in {"--plot": plot, "--html": html}.items():
        check_output(option, output, path, data)
    own = load_config(path, os.environ)
    entries = entries_of(path, own, models)
    console = Console(stderr=as_machine, highlight=False)
    with console.status("reading the data"):
        config, events, labels = read_series(own, data, limit, label_delay)
        drop_stale()
    with CompareProgress(entries, seeds, len(events), console) as progress:
        board = compare(
            config, events, labels, entries, range(own.seed, own.seed + seeds), progress
        )
    title = f"{len(board.entries)} models on {Path(data).name}"
    if label_delay:
        title += f", labels {label_delay} events late"
    if as_machine:
        print(json.dumps(as_json(board, title)))
    else:
        print_leaderboard(board, title, console)
    if plot is not None:
        with writing("--plot", plot):
            plot_leaderboard(board, plot, title)
        console.print(f"Wrote {plot}")
    if html is not None:
        with LiveProgress(len(events), console) as bar:
            diagnose_best(config, events, labels, board, bar)
        write_report(html, comparison_page(board, origin_of(own, data, label_delay)))
        console.print(f"Wrote {html}")
    if not board.is_complete:
        return _INTERRUPTED
    return 0 if board.ranked else 1


def entries_of(path: Path, own: Config, models: str | None) -> list[Entry]:
    """Give what is run: the models named, or the pipeline's own and a usual set; baselines.

    A model that the configuration refuses is an entry that says why.

    Parameters
    ----------
    models
        `--models`: names with commas, each with its parameters in braces if it has any.
    """
    is_regression = own.target.type == "regression"
    if models is None:
        usual = REGRESSORS if is_regression else CLASSIFIERS
        first = Entry(_label(own.model), own.model)
        entries = [first, *[_entry(path, name) for name in usual if name != own.model.name]]
    else:
        entries = [_entry(path, label) for label in dict.fromkeys(split_labels(models))]
        if not entries:
            raise ConfigError(f"--models: must name at least one model; got {models!r}.")
    return [*entries, *(regression_baselines() if is_regression else [])]


def _entry(path: Path, label: str) -> Entry:
    """Read one of `--models`, and check it as the file's own model is checked."""
    try:
        library, name, params = parse_label(label)
        name = name if library is None else f"{library}:{name}"
        return Entry(label, load_config(path, os.environ, name, params).model)
    except ConfigError as error:
        said = mask_text(" ".join(str(error).split()))
        return Entry(label, None, failure=said.removeprefix("--model: "))


def _label(model: Model) -> str:
    """Write a model of the file as `--models` takes it; long parameters are left out."""
    params = ",".join(f"{key}={value}" for key, value in model.params.items())
    plain = not any(isinstance(value, dict | list | tuple) for value in model.params.values())
    return f"{model.name}{{{params}}}" if params and plain else model.name


def regression_baselines() -> list[Entry]:
    """Give what needs no model; of classes the evaluator itself knows it."""
    statistics = (
        ("no change", {"name": "stats.Shift", "params": {"amount": 0}}),
        ("mean so far", {"name": "stats.Mean"}),
    )
    return [
        Entry(
            label,
            Model(name=f"{RIVER}dummy.StatisticRegressor", params={"statistic": statistic}),
            is_baseline=True,
        )
        for label, statistic in statistics
    ]
