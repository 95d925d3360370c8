"""What operators say of drift, as drift events that have yet no place, and no sentence."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from operators.adaptation.base import Action, Outcome
from operators.base import Feature
from operators.diagnosis.base import Diagnosis, Evidence
from operators.drift.base import Alarm
from operators.monitors.base import Finding
from stream.drift.events import (
    Channel,
    DriftEvent,
    FeatureChange,
    Found,
    Judgement,
    Since,
    finite,
)
from stream.drift.monitoring import Monitoring

OTHER = "(other)"
"""Categories beyond those that a feature or a monitor keeps apart."""
NOWHERE = DriftEvent(
    app="",
    partition=0,
    detector="",
    kind="",
    event_time="",
    learnt=0,
    before=None,
    after=None,
    message="",
)
"""An event of which nothing is known."""


def alarm_event(detector: str, alarm: Alarm) -> DriftEvent:
    """A detector's alarm."""
    return replace(
        NOWHERE, detector=detector, kind=alarm.kind, before=alarm.before, after=alarm.after
    )


def diagnosis_event(diagnosis: Diagnosis, since: Since, features: Sequence[Feature]) -> DriftEvent:
    """A diagnosis; `before` and `after` are the model's error."""
    evidence = tuple(map(_channel, diagnosis.evidence))
    error = next((each for each in evidence if each.channel == "error"), Channel("error"))
    return replace(
        NOWHERE,
        detector="diagnosis",
        kind="diagnosis",
        before=error.before,
        after=error.after,
        event="diagnosis",
        episode=diagnosis.episode,
        revision=diagnosis.revision,
        source=diagnosis.source,
        tempo=diagnosis.tempo,
        recurs=diagnosis.recurs,
        confidence=finite(diagnosis.confidence),
        since=since,
        evidence=evidence,
        features=tuple(
            FeatureChange(features[each.column].name, finite(each.share), finite(each.p_value))
            for each in diagnosis.features
        ),
    )


def action_event(action: Action, known: DriftEvent) -> DriftEvent:
    """An action; `known` is the diagnosis that it answers."""
    return replace(
        known,
        detector="policy",
        kind="action",
        event="action",
        evidence=(),
        action=action.name,
        why=action.why,
        detail={name: finite(value) for name, value in action.detail},
    )


def outcome_event(outcome: Outcome, known: DriftEvent) -> DriftEvent:
    """An outcome; `known` is the last diagnosis of its episode."""
    return replace(
        known,
        detector="policy",
        kind="outcome",
        event="outcome",
        evidence=(),
        before=finite(outcome.before),
        after=finite(outcome.after),
        outcome=Judgement(
            before=finite(outcome.before),
            during=finite(outcome.during),
            after=finite(outcome.after),
            recovered_after=outcome.recovered_after,
            shadow_after=finite(outcome.shadow_after),
            settles=bool(outcome.settles),
            half_life=finite(outcome.half_life),
        ),
    )


def finding_event(monitor: str, found: Finding, of: Monitoring) -> DriftEvent:
    """A monitor's finding; `before` and `after` are the feature's mean, or a share."""
    feature = of.features[found.column] if found.column >= 0 else None
    category = "" if found.category < 0 else of.names(found.category, found.column) or OTHER
    p_value = finite(found.p_value)
    return replace(
        NOWHERE,
        detector=monitor,
        kind="monitor",
        before=finite(found.before),
        after=finite(found.now),
        event="monitor",
        features=(FeatureChange(feature.name, None, p_value),) if feature is not None else (),
        finding=Found(
            aspect=found.aspect,
            test=found.test,
            statistic=finite(found.statistic),
            p_value=p_value,
            category=category,
            effect=finite(found.effect),
            low=finite(found.low),
            high=finite(found.high),
        ),
    )


def _channel(evidence: Evidence) -> Channel:
    return Channel(
        evidence.channel,
        finite(evidence.statistic),
        finite(evidence.p_value),
        finite(evidence.before),
        finite(evidence.after),
    )
