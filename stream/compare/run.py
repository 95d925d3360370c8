"""Runs models over the same records, with several seeds.

Each run is an evaluation (`stream.evaluate`) of the same pipeline with another model. A model that
fails keeps its reason, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from textwrap import shorten

from stream.compare.leaderboard import Entry, Leaderboard, Run, leaderboard
from stream.config.drift import Drift
from stream.config.masking import mask_text
from stream.config.pipeline import Config
from stream.errors import DriftgateError
from stream.evaluate import WARM_UP_RECORDS, Evaluation, Series, evaluate

_CURVE_POINTS = 120
_STEP_MIN = 25
_REASON_MAX = 500
"""Characters of what a model's failure is said in; some errors print whole arrays."""


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
    listener = listener or Listener()
    is_complete = True
    try:
        for entry in entries:
            if not entry.failure:
                listener.begins(entry)
                _fill(
                    _config_of(entry, config, len(events)), events, labels, entry, seeds, listener
                )
            listener.ends(entry)
    except KeyboardInterrupt:
        is_complete = False
    main = "accuracy" if config.target.type == "classification" else "mae"
    return leaderboard(entries, main, seeds, is_complete)


def diagnose_best(
    config: Config,
    events: Series,
    labels: Series | None,
    board: Leaderboard,
    progress: Callable[[Evaluation], None] = lambda _: None,
) -> None:
    """Add what is found of drift with the best model, by one more run, to its first one.

    Nothing is run where no model has a figure, where nothing is to be diagnosed, or where the runs
    were diagnosed already, because the pipeline acts on what is found.
    """
    if not board.ranked or config.drift.respond or config.drift == Drift():
        return
    best = board.ranked[0]
    first = best.runs[0]
    whole = finer_steps(config, len(events)).model_copy(
        update={"model": best.model, "seed": first.seed}
    )
    first.result.drift = evaluate(whole, events, labels, progress).drift


def finer_steps(config: Config, records: int) -> Config:
    """Let steps be so small that a curve of their figures has a shape; no output depends on it."""
    size = max(records // _CURVE_POINTS, _STEP_MIN)
    steps = config.steps.model_copy(update={"records_max": min(size, config.steps.records_max)})
    return config.model_copy(update={"steps": steps})


def _config_of(entry: Entry, config: Config, records: int) -> Config:
    """Put an entry's model into the pipeline, without what costs time and changes no figure.

    Diagnosis and monitors matter to the figures only where the pipeline acts on them; it does not
    act for what is there to be beaten.
    """
    changes: dict[str, object] = {"model": entry.model}
    if entry.is_baseline or not config.drift.respond:
        changes["drift"] = Drift()
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
        some = None if labels is None else labels.cut(0, count)
        return evaluate(chosen, events.cut(0, count), some, progress)

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
    return shorten(mask_text(text), _REASON_MAX, placeholder=" ...")
