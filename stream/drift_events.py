"""Drift events: what a detector said, in words that an operator can use."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from operators.drift.base import Alarm


class DriftEvent(msgspec.Struct, frozen=True):
    """One record of the drift topic; new fields are only ever appended, with defaults.

    Parameters
    ----------
    app, partition
        Whose stream.
    detector
        Which detector spoke.
    kind
        `drift` or `warning`.
    event_time
        ISO 8601 UTC: event time of the label that raised the alarm.
    learnt
        Labels learnt in this partition up to and including that one.
    before, after
        Mean of what the detector watches, in the older and in the newer part of its window.
    message
        The same as a sentence.
    """

    app: str
    partition: int
    detector: str
    kind: str
    event_time: str
    learnt: int
    before: float
    after: float
    message: str


def iso_time(milliseconds: int) -> str:
    """ISO 8601 UTC with milliseconds.

    Examples
    --------
    >>> iso_time(1_357_034_400_000)
    '2013-01-01T10:00:00.000Z'
    """
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def drift_event(
    app: str, partition: int, detector: str, alarm: Alarm, learnt: int, event_time: int
) -> DriftEvent:
    """Describe an alarm of a detector that watches the prequential error.

    Parameters
    ----------
    learnt
        Labels learnt in this partition up to the alarm.
    event_time
        Milliseconds, of the label that raised it.
    """
    rises = alarm.after > alarm.before
    if alarm.kind == "warning":
        change = "may be rising," if rises else "may be falling,"
    else:
        change = "rose" if rises else "fell"
    when = iso_time(event_time)
    message = (
        f"{detector}: the prediction error {change} from {alarm.before:.4g} to "
        f"{alarm.after:.4g} in partition {partition}, noticed at {when} after {learnt} labels."
    )
    return DriftEvent(
        app,
        partition,
        detector,
        alarm.kind,
        when,
        learnt,
        alarm.before,
        alarm.after,
        message,
    )
