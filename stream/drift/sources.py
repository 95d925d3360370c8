"""Who watches a pipeline for drift, as its configuration says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from operators.adaptation.policy import ACTIONS
from operators.diagnosis.base import Source
from stream.config.operators import operator_names
from stream.config.pipeline import Config


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who watches, and what can be said of drift; for counters that start at 0.

    Parameters
    ----------
    detectors, monitors
        Names, as drift events have them.
    sources, actions
        What a diagnosis can name, what a response can do; empty where there is none.
    """

    detectors: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


NOBODY = Watchers()


def watchers_of(config: Config) -> Watchers:
    """List who watches a pipeline."""
    drift = config.drift
    return Watchers(
        tuple(operator_names(config.detectors)),
        tuple(operator_names(drift.monitors)),
        get_args(Source) if drift.diagnose else (),
        tuple(name for name in ACTIONS if name != "none") if drift.respond else (),
    )
