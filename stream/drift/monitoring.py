"""Monitors of a task: what each one watches, and what its columns are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from operators.catalog import create_monitor
from operators.monitors.base import Finding, Monitor
from operators.monitors.predictions import PREDICTED, prediction_rows, prediction_space
from operators.snapshot import State
from operators.tape import Rows
from stream.codec.classes import class_key
from stream.config.drift import MonitorConfig
from stream.config.operators import operator_names


@dataclass(frozen=True, slots=True)
class Monitoring:
    """A monitor, and what it is shown of the rows of a step.

    Parameters
    ----------
    features
        What its columns are called.
    view
        Makes its rows of those that were predicted.
    """

    monitor: Monitor
    features: tuple[Feature, ...]
    view: Callable[[Rows], NDArray[np.float64]]

    def watch(self, predicted: Rows) -> list[Finding]:
        """Show it rows in the order in which they were predicted."""
        return self.monitor.watch(self.view(predicted))

    def names(self, code: int, column: int) -> str | None:
        """Name a category; None where it has no name of its own."""
        categories = self.features[column].categories
        return class_key(categories[code]) if 0 <= code < len(categories) else None

    def snapshot(self) -> State:
        """Return the monitor's state."""
        return self.monitor.snapshot()

    def restore(self, state: State) -> None:
        """Take over a snapshot."""
        self.monitor.restore(state)


def monitors_of(configs: tuple[MonitorConfig, ...], space: Space) -> dict[str, Monitoring]:
    """Make the monitors of a task, by name.

    Parameters
    ----------
    space
        The model's.
    """
    return {
        name: _monitoring(config, space)
        for name, config in zip(operator_names(configs), configs, strict=True)
    }


def _monitoring(config: MonitorConfig, space: Space) -> Monitoring:
    if config.watches == "features":
        monitor = create_monitor(config.name, space, config.params)
        return Monitoring(monitor, space.features, lambda rows: rows.x)
    watched = prediction_space(space)
    monitor = create_monitor(config.name, watched, config.params)
    return Monitoring(
        monitor,
        tuple(_named(feature, space) for feature in watched.features),
        lambda rows: prediction_rows(space, rows.output),
    )


def _named(feature: Feature, space: Space) -> Feature:
    """Let codes of the predicted class have the classes' names, which keep growing."""
    if feature.name != PREDICTED or not space.n_classes:
        return feature
    return replace(feature, categories=space.classes)  # type: ignore[arg-type]
