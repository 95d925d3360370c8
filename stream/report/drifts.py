"""The sections on drift: what was noticed, as sentences, and which features had a part in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stream.drift.events import DriftEvent
from stream.drift.timeline import Episode, Timeline, most_telling
from stream.report.drift_facts import TELLING, feature_rows, real_drifts, rose
from stream.report.feature_chart import FeatureRow, feature_chart
from stream.report.html import Html, code, element, join
from stream.report.numbers import NONE, plural
from stream.report.origin import Origin
from stream.report.table import Column, table

KINDS = {
    "real": "real drift: the same features lead to other labels",
    "virtual": "virtual drift: other records come, and mean what they meant",
    "label": "label drift: the labels come in other shares",
    "outliers": "outliers: a burst of unlike records, which passed",
}
_MORE_MAX = 150
_EVENTS_MAX = 100
_FEATURES_DRAWN, _FEATURES_MAX = 12, 60


_NO_TIME = (
    "Rows count as one second apart here, from 2000-01-01 on, for they have no event time or their "
    "labels were delayed by rows. Look at the labels, not at the times."
)


def drift_section(told: Timeline, origin: Origin) -> Html:
    """Write what was noticed, the drifts at which the error changed most first."""
    drifts = real_drifts(told)
    parts: list[Html] = [element("h2", "Drift")]
    if not origin.has_time and (told.episodes or told.alarms or told.findings):
        parts.append(element("p", _NO_TIME, class_="note"))
    if drifts:
        parts += _episodes(told, drifts)
    elif origin.config.drift.diagnose:
        parts.append(element("p", "No drift was diagnosed."))
    else:
        hint = "Drift was not diagnosed; ", element("code", "drift: {diagnose: true}")
        rest = " in the pipeline's file says what changed, since when, and which features."
        parts.append(element("p", *hint, rest))
    parts += _events(told.alarms, "Alarms of detectors", _alarm_words(told.alarms))
    parts += _events(
        told.findings,
        "Findings of monitors",
        f"Monitors, which need no labels, made {plural(len(told.findings), 'finding')}.",
    )
    return join(parts)


def drift_legend(kinds: Sequence[str], has_alarms: bool) -> Html:
    """Say what the marks of a chart mean."""
    parts: list[object] = []
    if kinds:
        parts.append(
            "A vertical line is the start of a drift, the band the interval in which it lies, the "
            "number that of its sentence below; short lines are drifts that changed the error "
            "less. "
        )
        for kind in kinds:
            parts += [element("span", class_=f"key {kind}", aria_hidden="true"), KINDS[kind], ". "]
    if has_alarms:
        parts.append("Arrows at the foot are alarms: up, the error rose; down, it fell.")
    return element("p", *parts, class_="note") if parts else Html("")


def feature_section(told: Timeline, learnt: int) -> Html:
    """Write which features changed, and when; nothing where nothing says it."""
    rows = feature_rows(told)
    if not rows:
        return Html("")
    drawn = rows[:_FEATURES_DRAWN]
    picture = feature_chart(drawn, learnt, _feature_alt(drawn))
    note = (
        "A circle is a feature's part in a drift, its area the size of that part, its colour the "
        "kind of drift. A diamond is a finding of a monitor."
    )
    return join(
        [
            element("h2", "Features that changed"),
            element("figure", picture, element("figcaption", note)),
            table(_CAPTION, _COLUMNS, [_feature(row) for row in rows[:_FEATURES_MAX]]),
        ]
    )


_CAPTION = "Changes by feature: drifts in which it had a part, and findings of monitors"
_COLUMNS = (
    Column("feature"),
    Column("drifts", True),
    Column("largest part", True),
    Column("first at label", True),
    Column("last at label", True),
    Column("findings", True),
)


def _feature(row: FeatureRow) -> tuple[object, ...]:
    parts = [change.share for change in row.changes if change.source != "monitor"]
    places = [change.x for change in row.changes]
    return (
        code(row.name),
        f"{len(parts):,}",
        f"{100 * max(parts):.0f} %" if parts else NONE,
        f"{min(places):,.0f}",
        f"{max(places):,.0f}",
        f"{len(row.changes) - len(parts):,}",
    )


def _feature_alt(rows: Sequence[FeatureRow]) -> str:
    named = ", ".join(f"{row.name} ({plural(len(row.changes), 'change')})" for row in rows)
    return f"Changes of features over the labels learnt. Most first: {named}."


def _episodes(told: Timeline, drifts: Sequence[Episode]) -> list[Html]:
    shown = most_telling(told.episodes, TELLING)
    others = [episode for episode in drifts if episode not in shown]
    false_alarms = len(told.episodes) - len(drifts)
    kinds = Counter(each.diagnosis.source for each in drifts if each.diagnosis)
    words = f"{plural(len(drifts), 'drift')}: "
    words += ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()) + "."
    if false_alarms:
        words += f" {plural(false_alarms, 'suspicion')} did not hold up."
    if others:
        words += f" The {len(shown)} at which the error changed most:"
    parts = [element("p", words), element("ol", *map(_episode, shown), class_="drifts")]
    if others:
        kept = others[:_MORE_MAX]
        summary = f"The other {len(others):,}" + (
            f", of which {len(kept)} are here" if len(kept) < len(others) else ""
        )
        listed = element("ol", *map(_episode, kept), class_="drifts")
        parts.append(element("details", element("summary", summary), listed))
    return parts


def _episode(episode: Episode) -> Html:
    known = episode.diagnosis
    assert known is not None
    lines = [
        element("p", event.message, class_=_kind(event))
        for event in episode.story
        if event.action != "none"
    ]
    badge = element("span", known.source, class_=f"badge {known.source}")
    return element("li", badge, *lines, id=f"drift-{episode.number}", class_=known.source)


def _kind(event: DriftEvent) -> str:
    if event.outcome is not None:
        return "well" if event.outcome.recovered_after is not None else "unwell"
    return event.event


def _alarm_words(alarms: Sequence[DriftEvent]) -> str:
    names = Counter(event.detector for event in alarms)
    raised = ", ".join(f"{count:,} of {name}" for name, count in names.most_common())
    rising = sum(map(rose, alarms))
    return (
        f"Detectors, which watch the error alone, raised {plural(len(alarms), 'alarm')} "
        f"({raised}): the error rose at {rising:,} and fell at {len(alarms) - rising:,}."
    )


def _events(events: Sequence[DriftEvent], title: str, words: str) -> list[Html]:
    if not events:
        return []
    summary = title if len(events) <= _EVENTS_MAX else f"{title}: the last {_EVENTS_MAX}"
    lines = [element("li", event.message) for event in events[-_EVENTS_MAX:]]
    details = element("details", element("summary", summary), element("ul", *lines))
    return [element("p", words), details]
