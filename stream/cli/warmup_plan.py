"""What to rehearse, so that kernels are compiled before anyone waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

from operators.catalog import DETECTORS, LEARNERS, RIVER
from operators.rehearsal import (
    N_CLASSES,
    is_classifier,
    rehearse_detector,
    rehearse_diagnoser,
    rehearse_evaluator,
    rehearse_learner,
    rehearse_managed,
    rehearse_monitor,
    rehearse_rolling,
)
from stream.cli.kernel_cache import Compiled, compiled
from stream.config.derived import LagFeature, RollingFeature
from stream.config.pipeline import Config
from stream.errors import ConfigError


class Rehearsal(NamedTuple):
    """Something to rehearse."""

    kind: str
    name: str
    run: Callable[[], None]

    def timed(self) -> tuple[float, Compiled]:
        """Run it; return the seconds that it took, and the kernels that it called."""
        before, start = compiled(), perf_counter()
        self.run()
        return perf_counter() - start, compiled().since(before)


def of_pipeline(config: Config) -> Iterator[Rehearsal]:
    """All that a pipeline calls."""
    yield _of_evaluator(N_CLASSES if config.target.type == "classification" else 0)
    for detector in config.detectors:
        yield Rehearsal(
            "detector", detector.name, partial(rehearse_detector, detector.name, detector.params)
        )
    if config.drift.diagnose:
        n_classes = N_CLASSES if config.target.type == "classification" else 0
        run = partial(rehearse_diagnoser, n_classes, config.drift.diagnoser)
        yield Rehearsal("diagnoser", "drift", run)
    for monitor in config.drift.monitors:
        yield Rehearsal(
            "monitor", monitor.name, partial(rehearse_monitor, monitor.name, monitor.params)
        )
    if any(isinstance(each, RollingFeature | LagFeature) for each in config.record.derived):
        yield Rehearsal("feature", "rolling", rehearse_rolling)
    model = config.model
    if not model.name.startswith(RIVER):  # it has nothing to compile
        yield Rehearsal("model", model.name, partial(rehearse_learner, model.name, model.params))
        if config.drift.respond:
            run = partial(rehearse_managed, model.name, model.params, config.drift.policy)
            yield Rehearsal("response", model.name, run)


def of_models(names: Sequence[str]) -> Iterator[Rehearsal]:
    """Models with their defaults, all of the catalogue if none is named, and what goes with them.

    Raises
    ------
    ConfigError
        A name is not in the catalogue.
    """
    for name in names:
        try:
            is_classifier(name)
        except ValueError as error:
            raise ConfigError(f"--model: {str(error).removeprefix('name: ')}") from None
    yield from (_of_evaluator(N_CLASSES), _of_evaluator(0))
    for name in DETECTORS:
        yield Rehearsal("detector", name, partial(rehearse_detector, name, {}))
    for name in names or sorted(LEARNERS):
        yield Rehearsal("model", name, partial(rehearse_learner, name, {}))


def _of_evaluator(n_classes: int) -> Rehearsal:
    name = "classification" if n_classes else "regression"
    return Rehearsal("evaluator", name, partial(rehearse_evaluator, n_classes))
