"""What a run's drift events hold for a page: marks of a chart, features and their changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from stream.drift.events import DriftEvent
from stream.drift.timeline import Episode, Timeline, most_telling
from stream.report.drift_marks import Alarm, Mark
from stream.report.feature_chart import Change, FeatureRow

MARKS_MAX = 150
"""Drawn on one picture: those at which the error changed most."""
TELLING = 10
"""Drifts that stand out: those at which the error changed most."""
_PART_MIN = 0.05
"""A feature with a smaller part in a drift is not named, as in the drift's own sentence."""
_PART_UNKNOWN = 0.1


def real_drifts(told: Timeline) -> list[Episode]:
    """Leave out false alarms, and what was never diagnosed."""
    return [each for each in told.episodes if each.diagnosis and each.diagnosis.source != "none"]


def weight(episode: Episode) -> float:
    """How much the model's error changed."""
    known = episode.diagnosis
    if known is None or known.before is None or known.after is None:
        return 0.0
    return abs(known.after - known.before)


def marks(told: Timeline) -> list[Mark]:
    """Give each drift its place among the labels."""
    found = []
    telling = most_telling(told.episodes, TELLING)
    for episode in real_drifts(told):
        known = episode.diagnosis
        assert known is not None
        since = known.since
        x, low, high = (
            (since.learnt, since.learnt_low, since.learnt_high) if since else (known.learnt,) * 3
        )
        stands_out = episode in telling
        found.append(Mark(x, low, high, known.source, episode.number, weight(episode), stands_out))
    return sorted(found, key=lambda mark: -mark.weight)[:MARKS_MAX]


def alarms(told: Timeline) -> list[Alarm]:
    """Give each alarm its place among the labels; warnings are left out."""
    return [Alarm(event.learnt, rose(event)) for event in told.alarms if event.kind == "drift"]


def rose(event: DriftEvent) -> bool:
    """Whether an alarm is one of an error that rose."""
    return (event.after or 0.0) > (event.before or 0.0)


def feature_rows(told: Timeline) -> list[FeatureRow]:
    """Join the changes of each feature; the one that changed most comes first."""
    found: dict[str, list[Change]] = defaultdict(list)
    for episode in real_drifts(told):
        known = episode.diagnosis
        assert known is not None
        x = known.since.learnt if known.since else known.learnt
        for feature in known.features:
            share = _PART_UNKNOWN if feature.share is None else feature.share
            if share >= _PART_MIN:
                found[feature.name].append(Change(x, min(share, 1.0), known.source))
    for event in told.findings:
        for feature in event.features:
            found[feature.name].append(Change(event.learnt, 0.0, "monitor"))
    rows = [FeatureRow(name, changes) for name, changes in found.items()]
    return sorted(rows, key=_telling, reverse=True)


def _telling(row: FeatureRow) -> tuple[float, int]:
    return sum(change.share for change in row.changes), len(row.changes)


def sources(told: Timeline) -> Sequence[str]:
    """Kinds of drift that there were, the most frequent first."""
    kinds = [each.diagnosis.source for each in real_drifts(told) if each.diagnosis]
    return sorted(set(kinds), key=lambda kind: -kinds.count(kind))
