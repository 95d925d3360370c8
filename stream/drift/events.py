"""Drift events: what was noticed, diagnosed, done and achieved, one record each.

`docs/drift-events.md` explains every field. Records of one drift share its `episode` number, and
each of them repeats what is known of the drift, so that one record can be read alone.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

import msgspec

from stream.log.base import OutputBatch, TopicPartition

KINDS = ("alarm", "diagnosis", "action", "outcome", "monitor")
"""Values of `DriftEvent.event`."""


class Since(msgspec.Struct, frozen=True):
    """Where a change began: the likeliest label, and the bounds of its interval.

    Parameters
    ----------
    learnt, learnt_low, learnt_high
        Labels learnt in the partition before the change.
    level
        Probability that the interval holds the true one.
    offset, offset_low, offset_high
        Of the first label's record since the change, in `DriftEvent.topic`; None for one that is
        longer ago than what a task remembers.
    event_time, event_time_low, event_time_high
        ISO 8601 UTC, of the same labels.
    """

    learnt: int
    learnt_low: int
    learnt_high: int
    level: float
    offset: int | None = None
    offset_low: int | None = None
    offset_high: int | None = None
    event_time: str | None = None
    event_time_low: str | None = None
    event_time_high: str | None = None


class Channel(msgspec.Struct, frozen=True):
    """What one channel says; see `operators.diagnosis.base.Evidence`. None: no number says it."""

    channel: str
    statistic: float | None = None
    p_value: float | None = None
    before: float | None = None
    after: float | None = None


class FeatureChange(msgspec.Struct, frozen=True):
    """A feature's part in a change; see `operators.diagnosis.base.FeatureShare`."""

    name: str
    share: float | None = None
    p_value: float | None = None


class Judgement(msgspec.Struct, frozen=True):
    """How an episode went; see `operators.adaptation.base.Outcome`. None: there is no value."""

    before: float | None = None
    during: float | None = None
    after: float | None = None
    recovered_after: int | None = None
    shadow_after: float | None = None
    settles: bool = False
    half_life: float | None = None


class Found(msgspec.Struct, frozen=True):
    """What a monitor has found; see `operators.monitors.base.Finding`. None: there is no value."""

    aspect: str = ""
    test: str = ""
    statistic: float | None = None
    p_value: float | None = None
    category: str = ""
    effect: float | None = None
    low: float | None = None
    high: float | None = None


class DriftEvent(msgspec.Struct, frozen=True):
    """One record of the drift topic; new fields are only ever appended, with defaults.

    Parameters
    ----------
    app, partition
        Whose stream.
    detector
        Who spoke: a detector, a monitor, `diagnosis` or `policy`.
    kind
        `drift` or `warning` of an alarm; of the others the same as `event`.
    event_time
        ISO 8601 UTC: event time of the label (or of the event, for a monitor) that led to it.
    learnt
        Labels learnt in this partition up to and including that one.
    before, after
        Mean of what the detector watches, in the older and in the newer part of its window; of a
        diagnosis and what follows it, the model's error; of a monitor, the feature's mean or
        share. None where that has no value.
    message
        The same as a sentence.
    event
        One of `KINDS`.
    topic, offset
        Where the record of that label (or event) stands, in this partition.
    episode
        Number of the drift in this partition, from 1; 0 for alarms and monitors, which have none.
    revision
        0 for the first diagnosis of an episode; later ones replace earlier ones.
    source, tempo, recurs, confidence
        As diagnosed; see `operators.diagnosis.base.Diagnosis`.
    since
        Where the change began.
    evidence, features
        What each channel says; the features that changed, most telling first.
    action, why, detail
        What was done, by which rule, and the numbers that describe it.
    outcome
        How the episode went.
    finding
        What a monitor has found.
    """

    app: str
    partition: int
    detector: str
    kind: str
    event_time: str
    learnt: int
    before: float | None
    after: float | None
    message: str
    event: str = "alarm"
    topic: str = ""
    offset: int | None = None
    episode: int = 0
    revision: int = 0
    source: str = ""
    tempo: str = ""
    recurs: int | None = None
    confidence: float | None = None
    since: Since | None = None
    evidence: tuple[Channel, ...] = ()
    features: tuple[FeatureChange, ...] = ()
    action: str = ""
    why: str = ""
    detail: dict[str, float | None] = {}
    outcome: Judgement | None = None
    finding: Found | None = None


def iso_time(milliseconds: int) -> str:
    """ISO 8601 UTC with milliseconds.

    Examples
    --------
    >>> iso_time(1_357_034_400_000)
    '2013-01-01T10:00:00.000Z'
    """
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def finite(value: float) -> float | None:
    """Give a number as JSON can hold it.

    Examples
    --------
    >>> finite(0.5), finite(float("nan"))
    (0.5, None)
    """
    return float(value) if math.isfinite(value) else None


def drift_batch(
    target: TopicPartition, app: str, events: list[DriftEvent], timestamp: int
) -> OutputBatch:
    """Drift events as records; the key is the app's name."""
    keys = [app.encode()] * len(events)
    values = [msgspec.json.encode(event) for event in events]
    return OutputBatch(target, [timestamp] * len(events), keys, values)
