"""Several models over the same records, with several seeds: what a leaderboard is made of.

Each run is an evaluation (`stream.evaluate`) of the same pipeline with another model. A model that
fails keeps its reason, and the others go on.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from operators.prequential import baseline_accuracy
from stream.config.drift import Drift
from stream.config.masking import mask_text
from stream.config.pipeline import Config, Model
from stream.errors import DriftgateError
from stream.evaluate import WARM_UP_RECORDS, Evaluation, Series, evaluate

_CURVE_POINTS = 120
_STEP_MIN = 25
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


class Listener:
    """Sees a comparison go on; this one does nothing."""

    def begins(self, entry: Entry) -> None:
        """The entry's kernels are compiled or loaded now."""

    def evaluates(self, entry: Entry, seed: int, so_far: Evaluation) -> None:
        """A step of one run is done."""

    def ends(self, entry: Entry) -> None:
        """Nothing more will come of the entry."""


def compare(
    config: Config,
    events: Series,
    labels: Series | None,
    entries: Sequence[Entry],
    seeds: Sequence[int],
    listener: Listener | None = None,
) -> Leaderboard:
    """Evaluate each entry with each seed, one after the other; Ctrl-C ends it with what is there.

    Parameters
    ----------
    config
        The pipeline; its own model and seed are not looked at.
    events, labels
        As `stream.evaluate.evaluate` takes them.
    entries
        What to run; each is filled. Those with a failure are left as they are.
    seeds
        At least one.
    """
    heard = listener or Listener()
    is_complete = True
    try:
        for entry in entries:
            if not entry.failure:
                heard.begins(entry)
                _fill(_config_of(entry, config, len(events)), events, labels, entry, seeds, heard)
            heard.ends(entry)
    except KeyboardInterrupt:
        is_complete = False
    main = "accuracy" if config.target.type == "classification" else "mae"
    models = [entry for entry in entries if not entry.is_baseline]
    return Leaderboard(
        main, _ranked(models, main), _baselines(entries, main), tuple(seeds), is_complete
    )


def finer_steps(config: Config, records: int) -> Config:
    """Let steps be so small that a curve of their figures has a shape; no output depends on it."""
    size = max(records // _CURVE_POINTS, _STEP_MIN)
    steps = config.steps.model_copy(update={"records_max": min(size, config.steps.records_max)})
    return config.model_copy(update={"steps": steps})


def _config_of(entry: Entry, config: Config, records: int) -> Config:
    """Put an entry's model into the pipeline; what is there to be beaten is not watched."""
    changes: dict[str, object] = {"model": entry.model}
    if entry.is_baseline:
        changes |= {"drift": Drift(), "detectors": ()}
    return finer_steps(config, records).model_copy(update=changes)


def _fill(
    config: Config,
    events: Series,
    labels: Series | None,
    entry: Entry,
    seeds: Sequence[int],
    listener: Listener,
) -> None:
    """Run one entry with each seed, or until it fails."""

    def run(seed: int, count: int, progress: Callable[[Evaluation], None]) -> Evaluation:
        chosen = config.model_copy(update={"seed": seed})
        some = None if labels is None else labels.head(count)
        return evaluate(chosen, events.head(count), some, progress)

    try:
        # Compiles or loads the kernels, outside of what is timed.
        trials = [run(seed, WARM_UP_RECORDS, lambda _: None) for seed in seeds[:2]]
        entry.uses_seed = not _are_equal(trials)
        for seed in seeds if entry.uses_seed else seeds[:1]:
            result = run(seed, len(events), partial(listener.evaluates, entry, seed))
            entry.runs.append(Run(seed, result))
            if _same_answers(entry.runs):
                entry.uses_seed = False
                del entry.runs[1:]
                break
    except Exception as error:  # of whatever kind: it is this model's line, not the end of all
        entry.failure = _reason(error)


def _are_equal(trials: Sequence[Evaluation]) -> bool:
    """Whether runs with different seeds came to the same state, whatever is random in it."""
    states = {trial.snapshot_digest for trial in trials}
    has_learnt = all(trial.learnt and trial.snapshot_digest for trial in trials)
    return len(trials) > 1 and has_learnt and len(states) == 1


def _same_answers(runs: Sequence[Run]) -> bool:
    """Whether the first two runs predicted the same: then so will all, for a model without state.

    Only asked of models that have no snapshot; others with equal answers differ in their state.
    """
    if len(runs) != 2 or runs[0].result.snapshot_digest:
        return False
    return runs[0].result.predictions_digest == runs[1].result.predictions_digest


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, DriftgateError) else f"{type(error).__name__}: {error}"
    return mask_text(" ".join(text.split())) or type(error).__name__


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
