"""`driftgate warmup`: compile before anyone waits for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from rich.console import Console

from operators.catalog import DETECTORS, LEARNERS, RIVER
from operators.rehearsal import (
    N_CLASSES,
    is_classifier,
    rehearse_detector,
    rehearse_evaluator,
    rehearse_learner,
)
from stream.config import Config
from stream.config_file import load_config
from stream.errors import ConfigError
from stream.kernel_cache import Compiled, cache_folder, compiled, drop_stale


class Task(NamedTuple):
    """Something to rehearse."""

    kind: str
    name: str
    run: Callable[[], None]


def run_warmup(path: Path | None, models: Sequence[str], as_machine: bool) -> None:
    """Rehearse, and say of each operator how long it took and what had to be compiled."""
    tasks = list(_of_config(load_config(path, os.environ)) if path else _of_names(models))
    console = Console(stderr=as_machine, highlight=False, soft_wrap=True)
    drop_stale()
    done = []
    for number, task in enumerate(tasks, start=1):
        with console.status(f"{task.name} ({number} of {len(tasks)})"):
            seconds, kernels = _timed(task)
        console.print(
            f"{task.kind:9}  {task.name:36}  {seconds:6.1f} s  {kernels.anew:3} compiled, "
            f"{kernels.from_cache:3} found"
        )
        done.append(
            {
                "kind": task.kind,
                "name": task.name,
                "seconds": seconds,
                "compiled": kernels.anew,
                "found": kernels.from_cache,
            }
        )
    if as_machine:
        print(json.dumps({"cache": str(cache_folder()), "operators": done}))
    else:
        console.print(f"compiled kernels are in {cache_folder()}")


def _of_config(config: Config) -> Iterator[Task]:
    """All that a pipeline calls."""
    yield _evaluator(N_CLASSES if config.target.type == "classification" else 0)
    for detector in config.detectors:
        yield Task(
            "detector", detector.name, partial(rehearse_detector, detector.name, detector.params)
        )
    model = config.model
    if not model.name.startswith(RIVER):  # it has nothing to compile
        yield Task("model", model.name, partial(rehearse_learner, model.name, model.params))


def _of_names(models: Sequence[str]) -> Iterator[Task]:
    """Models with their defaults, all of the catalogue if none is named, and what goes with them.

    Raises
    ------
    ConfigError
        A name is not in the catalogue.
    """
    for name in models:
        try:
            is_classifier(name)
        except ValueError as error:
            raise ConfigError(f"--model: {str(error).removeprefix('name: ')}") from None
    yield from (_evaluator(N_CLASSES), _evaluator(0))
    for name in DETECTORS:
        yield Task("detector", name, partial(rehearse_detector, name, {}))
    for name in models or sorted(LEARNERS):
        yield Task("model", name, partial(rehearse_learner, name, {}))


def _evaluator(n_classes: int) -> Task:
    name = "classification" if n_classes else "regression"
    return Task("evaluator", name, partial(rehearse_evaluator, n_classes))


def _timed(task: Task) -> tuple[float, Compiled]:
    before, start = compiled(), perf_counter()
    task.run()
    return perf_counter() - start, compiled().since(before)
