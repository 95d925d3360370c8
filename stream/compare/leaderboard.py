"""A leaderboard: what each model came to, with each seed, and what needs no model."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from operators.prequential import baseline_accuracy
from stream.config.pipeline import Model
from stream.evaluate import Evaluation

_FALLS = ("mae", "rmse", "log_loss")
"""Figures of which less is better."""


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation, and its seed."""

    seed: int
    result: Evaluation


@dataclass(slots=True)
class Entry:
    """A model of the comparison.

    Parameters
    ----------
    label
        What it is called, parameters included.
    model
        None if it was refused before it began.
    is_baseline
        Whether it is there to be beaten.
    runs
        One a seed, in their order; one alone if the seed changes nothing.
    uses_seed
        Whether the seed changes anything.
    failure
        Why it did not run, or not to the end; empty otherwise.
    """

    label: str
    model: Model | None
    is_baseline: bool = False
    runs: list[Run] = field(default_factory=list)
    uses_seed: bool = True
    failure: str = ""

    def values(self, name: str) -> list[float]:
        """Give a figure's value in each run that has one."""
        found = (run.result.figures.get(name, math.nan) for run in self.runs)
        return [value for value in found if not math.isnan(value)]

    def mean(self, name: str) -> float:
        """Mean of a figure over the runs; NaN if none has it."""
        values = self.values(name)
        return statistics.fmean(values) if values else math.nan

    def spread(self, name: str) -> float:
        """Standard deviation of a figure over the seeds; NaN for fewer than two."""
        values = self.values(name)
        return statistics.stdev(values) if len(values) > 1 else math.nan

    def reason(self, main: str) -> str:
        """Say why the entry has no figure by which it could be ranked; empty where it has one.

        A failure after the first seed is said, too.
        """
        if self.failure or self.values(main):
            return self.failure
        return "no label was learnt" if self.runs else "was not run to the end"

    @property
    def records_per_s(self) -> float:
        """Records predicted and learnt in a second of the model's own time, over all runs."""
        seconds = sum(run.result.model_seconds for run in self.runs)
        return sum(run.result.records for run in self.runs) / seconds if seconds else math.nan

    @property
    def state_bytes(self) -> int | None:
        """Size of the largest snapshot of the model; None if it has none."""
        sizes = [run.result.state_bytes for run in self.runs]
        return max((size for size in sizes if size is not None), default=None)


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """What came out.

    Parameters
    ----------
    main
        The figure by which models are ranked: `accuracy` or `mae`.
    entries
        Models without the baselines, best first; those without any figure last.
    baselines
        The main figure of what needs no model, by name.
    seeds
        That were asked for.
    is_complete
        False if it was interrupted.
    """

    main: str
    entries: list[Entry]
    baselines: dict[str, float]
    seeds: tuple[int, ...]
    is_complete: bool

    @property
    def ranked(self) -> list[Entry]:
        """Models with figures, best first."""
        return [entry for entry in self.entries if entry.values(self.main)]

    @property
    def best_baseline(self) -> tuple[str, float] | None:
        """Name and figure of the baseline that is hardest to beat."""
        best = min if self.main in _FALLS else max
        return best(self.baselines.items(), key=lambda pair: pair[1], default=None)


def leaderboard(
    entries: Sequence[Entry], main: str, seeds: Sequence[int], is_complete: bool
) -> Leaderboard:
    """Rank what has run."""
    models = [entry for entry in entries if not entry.is_baseline]
    return Leaderboard(
        main, _ranked(models, main), _baselines(entries, main), tuple(seeds), is_complete
    )


def _ranked(entries: Iterable[Entry], main: str) -> list[Entry]:
    """Order by the main figure, best first; without one, last, in the order given."""
    sign = 1.0 if main in _FALLS else -1.0

    def place(entry: Entry) -> float:
        value = entry.mean(main)
        return math.inf if math.isnan(value) else sign * value

    return sorted(entries, key=place)


def _baselines(entries: Sequence[Entry], main: str) -> dict[str, float]:
    """Give the main figure of what needs no model.

    Of classes the evaluator knows it, for every model alike; of numbers it was run beside them.
    """
    found = {entry.label: entry.mean(main) for entry in entries if entry.is_baseline}
    if main == "accuracy":
        figures = [run.result.figures for entry in entries for run in entry.runs]
        for label, skill in (("no change", "kappa_t"), ("majority class", "kappa_m")):
            solved = (baseline_accuracy(each["accuracy"], each[skill]) for each in figures)
            found[label] = next((value for value in solved if not math.isnan(value)), math.nan)
    return {label: value for label, value in found.items() if not math.isnan(value)}
