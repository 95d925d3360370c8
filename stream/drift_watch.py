"""Turns what detectors, diagnosers and policies say into drift events, in one order.

The order is that of the tape; at one label alarms come first, by the detectors' order, then what
was diagnosed, done and achieved. So it does not depend on where steps were cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from operators.adaptation.base import Action, Outcome, Report
from operators.diagnosis.base import ChangePoint, Diagnosis
from operators.drift.base import Alarm
from operators.snapshot import State, nest, part
from stream.drift_events import (
    Channel,
    DriftEvent,
    FeatureChange,
    Judgement,
    Since,
    finite,
    iso_time,
)
from stream.drift_words import message
from stream.label_marks import LabelMarks

EPISODES_KEPT = 8
"""Drifts whose last diagnosis is remembered, for what is said of them later."""

LASTING = ("real", "virtual", "label")
"""Sources of drifts that stay until something is done or learnt."""

_NOWHERE: dict[str, Any] = {
    "app": "", "partition": 0, "event_time": "", "learnt": 0, "message": ""
}  # fmt: skip


class Standing(msgspec.Struct, frozen=True):
    """Where a partition stands with its last drift, for metrics.

    Parameters
    ----------
    episode
        Its number; 0 before the first.
    is_open
        Whether it was diagnosed and its outcome is still to come, or was bad.
    source, confidence
        As last diagnosed.
    since
        Labels learnt before it began.
    recovered_after
        Labels that the last drift that ended well took; None before that.
    """

    episode: int = 0
    is_open: bool = False
    source: str = ""
    confidence: float = 0.0
    since: int = 0
    recovered_after: int | None = None


class _Kept(msgspec.Struct):
    """What outlives a step: the last diagnosis of each recent episode, and the standing."""

    diagnoses: dict[int, DriftEvent] = {}
    standing: Standing = Standing()


class DriftWatch:
    """Makes the drift events of one task.

    Parameters
    ----------
    app, partition
        Whose stream.
    topic
        Where labels come from.
    features
        Names of the model's features, by column.
    is_regression
        Whether the target is a number.
    look_back
        Labels whose offset and time are kept; see `LabelMarks`.
    """

    def __init__(
        self,
        app: str,
        partition: int,
        topic: str,
        features: Sequence[str],
        is_regression: bool,
        look_back: int,
    ) -> None:
        self._app = app
        self._partition = partition
        self._topic = topic
        self._features = features
        self._is_regression = is_regression
        self._marks = LabelMarks(look_back)
        self._kept = _Kept()

    @property
    def standing(self) -> Standing:
        """Where the partition stands with its last drift."""
        return self._kept.standing

    def step(
        self,
        offsets: Sequence[int],
        times: Sequence[int],
        alarms: Mapping[str, Sequence[Alarm]],
        reports: Sequence[Report],
    ) -> list[DriftEvent]:
        """Describe what was said of the labels of one step.

        Parameters
        ----------
        offsets, times
            Of the labels learnt: where each one's record stands, and its event time (ms).
        alarms
            By detector, in the order of the configuration.
        reports
            In the order in which they were made.

        Returns
        -------
        list
            In the order of labels; at one label alarms first.
        """
        before = self._marks.count
        self._marks.extend(offsets, times)
        said: list[tuple[int, str, Alarm | Report]] = [
            (alarm.index, name, alarm) for name, of_one in alarms.items() for alarm in of_one
        ]
        said += [(report.index, "", report) for report in reports]
        # A stable sort: what is said at one label stays in the order above.
        return [
            self._event(before + index + 1, name, what)
            for index, name, what in sorted(said, key=lambda entry: entry[0])
        ]

    def _event(self, label: int, detector: str, said: Alarm | Report) -> DriftEvent:
        mark = self._marks.find(label, now=label)
        assert mark is not None, "what is said of a label is said in its step"
        if isinstance(said, Alarm):
            event = self._alarm(detector, said)
        elif isinstance(said, Diagnosis):
            event = self._diagnosis(said, label)
        elif isinstance(said, Action):
            event = self._action(said)
        else:
            event = self._outcome(said)
        placed = replace(
            event,
            app=self._app,
            partition=self._partition,
            event_time=iso_time(mark.time),
            learnt=label,
            topic=self._topic,
            offset=mark.offset,
        )
        event = replace(placed, message=message(placed, self._is_regression))
        self._note(event)
        return event

    def _alarm(self, detector: str, alarm: Alarm) -> DriftEvent:
        return DriftEvent(
            **_NOWHERE, detector=detector, kind=alarm.kind, before=alarm.before, after=alarm.after
        )

    def _diagnosis(self, diagnosis: Diagnosis, now: int) -> DriftEvent:
        evidence = tuple(
            Channel(
                each.channel,
                finite(each.statistic),
                finite(each.p_value),
                finite(each.before),
                finite(each.after),
            )
            for each in diagnosis.evidence
        )
        error = next((each for each in evidence if each.channel == "error"), Channel("error"))
        return DriftEvent(
            **_NOWHERE,
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
            confidence=diagnosis.confidence,
            since=self._since(diagnosis.since, now),
            evidence=evidence,
            features=tuple(
                FeatureChange(self._features[each.column], finite(each.share), finite(each.p_value))
                for each in diagnosis.features
            ),
        )

    def _action(self, action: Action) -> DriftEvent:
        return replace(
            self._of_episode(action.episode),
            detector="policy",
            kind="action",
            event="action",
            action=action.name,
            why=action.why,
            detail={name: finite(value) for name, value in action.detail},
        )

    def _outcome(self, outcome: Outcome) -> DriftEvent:
        return replace(
            self._of_episode(outcome.episode),
            detector="policy",
            kind="outcome",
            event="outcome",
            before=finite(outcome.before),
            after=finite(outcome.after),
            outcome=Judgement(
                finite(outcome.before),
                finite(outcome.during),
                finite(outcome.after),
                outcome.recovered_after,
                finite(outcome.shadow_after),
                outcome.settles,
                finite(outcome.half_life),
            ),
        )

    def _of_episode(self, episode: int) -> DriftEvent:
        """What is known of a drift from its last diagnosis, without the evidence."""
        known = self._kept.diagnoses.get(episode)
        if known is None:
            return DriftEvent(
                **_NOWHERE, detector="", kind="", before=None, after=None, episode=episode
            )
        return replace(known, evidence=())

    def _since(self, change: ChangePoint, now: int) -> Since:
        labels = (change.at, change.low, change.high)
        # The first label since a change that began at once is the one that told of it.
        marks = [self._marks.find(min(label + 1, now), now) for label in labels]
        offsets = [mark.offset if mark is not None else None for mark in marks]
        times = [iso_time(mark.time) if mark is not None else None for mark in marks]
        return Since(*labels, change.level, *offsets, *times)

    def _note(self, event: DriftEvent) -> None:
        """Remember what later events, and metrics, need of this one."""
        kept = self._kept
        if event.event == "diagnosis":
            kept.diagnoses.pop(event.episode, None)
            kept.diagnoses[event.episode] = event
            while len(kept.diagnoses) > EPISODES_KEPT:
                del kept.diagnoses[next(iter(kept.diagnoses))]
        kept.standing = _standing(kept.standing, event)

    def snapshot(self) -> State:
        """Return the ring of labels, and what is remembered of drifts."""
        packed = np.frombuffer(msgspec.msgpack.encode(self._kept), dtype=np.uint8)
        return {"kept": packed, **nest("marks", self._marks.snapshot())}

    def restore(self, state: State) -> None:
        """Take over a snapshot."""
        packed = np.asarray(state["kept"], dtype=np.uint8).tobytes()
        self._kept = msgspec.msgpack.decode(packed, type=_Kept)
        self._marks.restore(part("marks", state))


def _standing(was: Standing, event: DriftEvent) -> Standing:
    """Where things stand after an event."""
    if event.event == "diagnosis":
        assert event.since is not None
        return Standing(
            episode=event.episode,
            is_open=event.source in LASTING,
            source=event.source,
            confidence=event.confidence or 0.0,
            since=event.since.learnt,
            recovered_after=was.recovered_after,
        )
    if event.outcome is None or event.outcome.recovered_after is None:
        return was
    is_open = was.is_open and event.episode != was.episode
    return replace(was, is_open=is_open, recovered_after=event.outcome.recovered_after)
