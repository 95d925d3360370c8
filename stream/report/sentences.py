"""What came out, in plain sentences: no more than the figures say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from operators.prequential import baseline_accuracy, mean_rmse
from stream.compare.leaderboard import Entry, Leaderboard
from stream.drift.timeline import Timeline
from stream.evaluate import Evaluation
from stream.report.drift_facts import feature_rows, real_drifts
from stream.report.html import Html, code, join
from stream.report.numbers import figure, plural, rate, significant, spread
from stream.report.origin import Origin

_NAMES = {"kappa_t": "the last label known", "kappa_m": "the majority class"}
_MANY_DEAD = 0.05
_CLOSE = 0.0005
_FEATURES_NAMED = 3


def setting(origin: Origin) -> Html:
    """Say what was predicted of what, and how."""
    features = plural(len(origin.config.record.features), "feature")
    late = f", {plural(origin.label_delay, 'event')} later" if origin.label_delay else ""
    return join(
        [
            f"Each record was predicted before its label was learnt{late}: ",
            code(origin.target),
            f" from {features} of ",
            code(origin.data),
            ", in the order of the file.",
        ]
    )


def score(result: Evaluation, origin: Origin) -> Html:
    """Say how good the model was, in all and lately."""
    now, lately = (
        result.figures.get(origin.main, math.nan),
        result.figures.get(f"faded_{origin.main}", math.nan),
    )
    if math.isnan(now):
        return join([code(origin.config.model.name), " has learnt no label: there is no figure."])
    model, shown = code(origin.config.model.name), figure(origin.main, now)
    recent = f"the last {origin.recent:,} labels or so: {figure(origin.main, lately)}"
    if origin.is_regression:
        return join([model, f" was wrong by {shown} on average ({recent})."])
    of = f" of {plural(result.learnt, 'record')}"
    return join([model, f" was right in {shown}{of} ({recent})."])


def against_baselines(result: Evaluation, origin: Origin) -> str:
    """Say how that compares with what needs no model."""
    if origin.is_regression:
        rmse, r2 = result.figures["rmse"], result.figures["r2"]
        mean = mean_rmse(rmse, r2)
        if math.isnan(mean):
            return ""
        verdict = "less than" if rmse < mean else "no less than"
        return (
            f"Its root mean squared error is {significant(rmse)}, {verdict} the "
            f"{significant(mean)} of always answering the mean of all labels."
        )
    accuracy = result.figures["accuracy"]
    solved = {
        name: baseline_accuracy(accuracy, result.figures[skill]) for skill, name in _NAMES.items()
    }
    known = {name: value for name, value in solved.items() if not math.isnan(value)}
    parts = [
        f"{_points(accuracy, value)} always answering {name} ({figure('accuracy', value)})"
        for name, value in known.items()
    ]
    return f"That is {' and '.join(parts)}." if parts else ""


def drift(told: Timeline, origin: Origin) -> Html:
    """Say whether the world changed, and in what."""
    drifts, alarms = real_drifts(told), len(told.alarms)
    if drifts:
        verb = "was" if len(drifts) == 1 else "were"
        head = f"{plural(len(drifts), 'drift')} {verb} diagnosed"
        names = [code(row.name) for row in feature_rows(told)[:_FEATURES_NAMED]]
        return join([head, "; what changed most: " if names else "", *_listed(names), "."])
    if origin.config.drift.diagnose:
        return Html("No drift was diagnosed.")
    raised = f"Detectors raised {plural(alarms, 'alarm')}."
    return Html(raised if alarms else "No detector raised an alarm.")


def losses(result: Evaluation) -> str:
    """Say what could not be used, and what is still without a label."""
    dead, whole = result.dead.total(), result.records + result.dead.total()
    parts = []
    if dead > _MANY_DEAD * whole:
        parts.append(f"Look at this first: {dead:,} of {whole:,} records could not be used.")
    elif dead:
        parts.append(f"{dead:,} of {whole:,} records could not be used.")
    if result.pending:
        parts.append(f"{plural(result.pending, 'record')} had no label by the end.")
    if result.expired:
        parts.append(f"{plural(result.expired, 'label')} never came in time.")
    return " ".join(parts)


def winner(board: Leaderboard) -> Html:
    """Say which model is best, and by how much."""
    if not board.ranked:
        return Html("No model has a figure.")
    best, *others = board.ranked
    parts: list[object] = [code(best.label), f" is best: {_value(best, board.main)}"]
    if others:
        parts += [". Next is ", code(others[0].label), f" with {_value(others[0], board.main)}"]
        if _is_close(best, others[0], board.main):
            parts.append(", which is within the spread over seeds")
    return join([*parts, "."])


def field(board: Leaderboard) -> str:
    """Say how many models beat the baselines, and that the best does."""
    best = board.best_baseline
    if best is None or not board.ranked:
        return ""
    name, value = best
    better = [entry for entry in board.ranked if beats(entry, board)]
    count, whole = len(better), len(board.ranked)
    many = "All" if count == whole else "None" if not count else f"{count}"
    of = f" {plural(whole, 'model')}" if count == whole else f" of {plural(whole, 'model')}"
    if whole == 1:
        many, of = ("It", "") if count else ("It does not", "")
        beat = "beats" if count else "beat"
    else:
        beat = "beats" if count == 1 or not count else "beat"
    return f"{many}{of} {beat} the hardest baseline, {name} ({figure(board.main, value)})."


def fastest(board: Leaderboard) -> Html:
    """Say what the best model costs beside the fastest one."""
    timed = [entry for entry in board.ranked if entry.records_per_s > 0]
    if len(timed) < 2:
        return Html("")
    quick = max(timed, key=lambda entry: entry.records_per_s)
    best = board.ranked[0]
    if quick is best:
        return join([code(best.label), " is also the fastest of them."])
    times = quick.records_per_s / best.records_per_s if best.records_per_s > 0 else math.nan
    said = f", {times:.0f} times as fast as the best" if times >= 2 else ""
    return join(
        [
            code(quick.label),
            f" is the fastest, at {rate(quick.records_per_s)} records/s{said}, with ",
            f"{_value(quick, board.main)}.",
        ]
    )


def curve_words(name: str, values: Mapping[str, Sequence[float]]) -> str:
    """Say what the lines of a chart do, for those who do not see it.

    Examples
    --------
    >>> curve_words("accuracy", {"recent": [0.5, 0.9, 0.8]})
    'recent: from 50.00 % to 80.00 %, between 50.00 % and 90.00 %.'
    """
    parts = []
    for label, ys in values.items():
        finite = [value for value in ys if math.isfinite(value)]
        if finite:
            first, last, low, high = (
                figure(name, value) for value in (finite[0], finite[-1], min(finite), max(finite))
            )
            parts.append(f"{label}: from {first} to {last}, between {low} and {high}")
    return "; ".join(parts) + "."


def _listed(names: Sequence[Html]) -> list[object]:
    """Put commas and an `and` between names."""
    parts: list[object] = []
    for number, name in enumerate(names):
        between = " and " if number == len(names) - 1 else ", "
        parts += [between if number else "", name]
    return parts


def _points(accuracy: float, baseline: float) -> str:
    difference = 100 * (accuracy - baseline)
    if abs(difference) < 100 * _CLOSE:
        return "no better than"
    word = "better" if difference > 0 else "worse"
    return f"{abs(difference):.1f} points {word} than"


def _value(entry: Entry, main: str) -> str:
    name = "" if main == "accuracy" else "a mean absolute error of "
    mean = figure(main, entry.mean(main))
    # Not to be broken at the end of a line.
    return name + f"{mean} {spread(main, entry.spread(main))}".strip().replace(
        " ", "\N{NO-BREAK SPACE}"
    )


def _is_close(best: Entry, other: Entry, main: str) -> bool:
    """Whether seeds alone make as much of a difference as there is between two models."""
    spreads = [each for each in (best.spread(main), other.spread(main)) if not math.isnan(each)]
    return bool(spreads) and abs(best.mean(main) - other.mean(main)) <= sum(spreads)


def beats(entry: Entry, board: Leaderboard) -> bool:
    """Whether a model is better than all baselines; true where there are none."""
    if board.best_baseline is None:
        return True
    value, baseline = entry.mean(board.main), board.best_baseline[1]
    return value > baseline if board.main == "accuracy" else value < baseline
