"""Turns what detectors, diagnosers, policies and monitors say into drift events, in one order.

The order is that of the tape. At one label alarms come first, by the detectors' order, then what
was diagnosed, done and achieved; at one event its monitors' findings, by the monitors' order. So it
does not depend on where steps were cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from operators.adaptation.base import Action, Report
from operators.base import Feature
from operators.diagnosis.base import ChangePoint, Diagnosis
from operators.drift.base import Alarm
from operators.monitors.base import Finding
from operators.snapshot import State, nest, part
from operators.tape import LEARN, PREDICT, Tape
from stream.drift.build import (
    NOWHERE,
    action_event,
    alarm_event,
    diagnosis_event,
    finding_event,
    outcome_event,
)
from stream.drift.events import DriftEvent, Since, iso_time
from stream.drift.messages import message
from stream.drift.monitoring import Monitoring
from stream.drift.positions import LabelMarks, Mark

EPISODES_KEPT = 8
"""Drifts whose last diagnosis is remembered, for what is said of them later."""

LASTING = ("real", "virtual", "label")
"""Sources of drifts that stay until something is done or learnt."""


class Standing(msgspec.Struct, frozen=True):
    """Where a partition stands with its last drift, for metrics.

    Parameters
    ----------
    episode
        Its number; 0 before the first.
    is_open
        Whether it was diagnosed, and the model has not yet recovered as far as is known; only
        where that is judged.
    is_over
        Whether the model has recovered from it; a later look at it does not open it again.
    source, confidence
        As last diagnosed.
    since
        Labels learnt before it began.
    recovered_after
        Labels that the last drift that ended well took; None before that.
    """

    episode: int = 0
    is_open: bool = False
    is_over: bool = False
    source: str = ""
    confidence: float = 0.0
    since: int = 0
    recovered_after: int | None = None


class _Kept(msgspec.Struct):
    """What outlives a step: the last diagnosis of each recent episode, and the standing."""

    diagnoses: dict[int, DriftEvent] = {}
    standing: Standing = Standing()


@dataclass(frozen=True, slots=True)
class Places:
    """Where records of one step stand, in the order of the tape: offsets and event times (ms)."""

    offsets: Sequence[int]
    times: Sequence[int]


class Heard(NamedTuple):
    """What one monitor has found."""

    name: str
    monitoring: Monitoring
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one step.

    Parameters
    ----------
    alarms
        By detector, in the order of the configuration.
    reports
        In the order in which they were made.
    heard
        Of each monitor, in the order of the configuration.
    """

    alarms: Mapping[str, Sequence[Alarm]]
    reports: Sequence[Report] = ()
    heard: Sequence[Heard] = ()


class DriftWatch:
    """Makes the drift events of one task.

    Parameters
    ----------
    app, partition
        Whose stream.
    event_topic, label_topic
        Where events and labels come from; the same where labels come inline.
    features
        The model's, by column.
    is_regression
        Whether the target is a number.
    is_judged
        Whether outcomes are to come; without them no drift is known to be open or over.
    look_back
        Labels whose offset and time are kept; see `LabelMarks`.
    """

    def __init__(
        self,
        app: str,
        partition: int,
        event_topic: str,
        label_topic: str,
        features: Sequence[Feature],
        is_regression: bool,
        is_judged: bool,
        look_back: int,
    ) -> None:
        self._app = app
        self._partition = partition
        self._event_topic = event_topic
        self._label_topic = label_topic
        self._features = features
        self._is_regression = is_regression
        self._is_judged = is_judged
        self._marks = LabelMarks(look_back)
        self._kept = _Kept()

    @property
    def standing(self) -> Standing:
        """Where the partition stands with its last drift."""
        return self._kept.standing

    @property
    def learnt(self) -> int:
        """Labels learnt in the partition so far."""
        return self._marks.count

    def step(self, tape: Tape, labels: Places, events: Places, said: Said) -> list[DriftEvent]:
        """Describe what was said of one step.

        Parameters
        ----------
        tape
            The step's.
        labels
            Those learnt.
        events
            Those predicted.
        said
            By whoever watched.
        """
        before = self._marks.count
        self._marks.extend(labels.offsets, labels.times)
        learns = np.flatnonzero(tape.action == LEARN)
        placed = [
            (int(learns[alarm.index]), before + alarm.index + 1, alarm_event(name, alarm))
            for name, of_one in said.alarms.items()
            for alarm in of_one
        ]
        for report in said.reports:
            at = int(learns[report.learnt - before - 1])
            placed.append((at, report.learnt, self._report(report)))
        made = [(at, self._of_label(label, event)) for at, label, event in placed]
        made += self._found(tape, before, events, said.heard)
        # The sort is stable: what is said at one place stays in the order above.
        return [event for _, event in sorted(made, key=lambda entry: entry[0])]

    def _report(self, report: Report) -> DriftEvent:
        if isinstance(report, Diagnosis):
            since = self._since(report.since, report.learnt)
            event = diagnosis_event(report, since, self._features)
        elif isinstance(report, Action):
            event = action_event(report, self._of_episode(report.episode))
        else:
            event = outcome_event(report, self._of_episode(report.episode))
        self._note(event)
        return event

    def _of_label(self, label: int, event: DriftEvent) -> DriftEvent:
        """Put an event where the label stands that led to it."""
        mark = self._marks.find(label, now=label)
        assert mark is not None, "what is said of a label is said in its step"
        return self._finished(event, self._label_topic, mark, label)

    def _found(
        self,
        tape: Tape,
        before: int,
        events: Places,
        heard: Sequence[Heard],
    ) -> list[tuple[int, DriftEvent]]:
        """Put findings where the event stands that led to each."""
        predicts = np.flatnonzero(tape.action == PREDICT)
        made = []
        for name, monitoring, findings in heard:
            for finding in findings:
                at = int(predicts[finding.index])
                mark = Mark(events.offsets[finding.index], events.times[finding.index])
                label = before + int(np.count_nonzero(tape.action[:at] == LEARN))
                event = finding_event(name, finding, monitoring)
                made.append((at, self._finished(event, self._event_topic, mark, label)))
        return made

    def _finished(self, event: DriftEvent, topic: str, mark: Mark, label: int) -> DriftEvent:
        placed = replace(
            event,
            app=self._app,
            partition=self._partition,
            event_time=iso_time(mark.time),
            learnt=label,
            topic=topic,
            offset=mark.offset,
        )
        return replace(placed, message=message(placed, self._is_regression))

    def _of_episode(self, episode: int) -> DriftEvent:
        """What is known of a drift from its last diagnosis."""
        return self._kept.diagnoses.get(episode) or replace(NOWHERE, episode=episode)

    def _since(self, change: ChangePoint, now: int) -> Since:
        labels = (change.at, change.low, change.high)
        # The first label since a change that began at once is the one that told of it.
        marks = [self._marks.find(min(label + 1, now), now) for label in labels]
        offsets = [mark.offset if mark is not None else None for mark in marks]
        times = [iso_time(mark.time) if mark is not None else None for mark in marks]
        at, low, high = zip(labels, offsets, times, strict=True)
        return Since(
            learnt=at[0], learnt_low=low[0], learnt_high=high[0], level=change.level,
            offset=at[1], offset_low=low[1], offset_high=high[1],
            event_time=at[2], event_time_low=low[2], event_time_high=high[2],
        )  # fmt: skip

    def _note(self, event: DriftEvent) -> None:
        """Remember what later events, and metrics, need of this one."""
        kept = self._kept
        if event.event == "diagnosis":
            kept.diagnoses.pop(event.episode, None)
            kept.diagnoses[event.episode] = event
            while len(kept.diagnoses) > EPISODES_KEPT:
                del kept.diagnoses[next(iter(kept.diagnoses))]
        kept.standing = _standing(kept.standing, event, self._is_judged)

    def snapshot(self) -> State:
        """Return the ring of labels, and what is remembered of drifts."""
        packed = np.frombuffer(msgspec.msgpack.encode(self._kept), dtype=np.uint8)
        return {"kept": packed, **nest("marks", self._marks.snapshot())}

    def restore(self, state: State) -> None:
        """Take over a snapshot."""
        packed = np.asarray(state["kept"], dtype=np.uint8).tobytes()
        self._kept = msgspec.msgpack.decode(packed, type=_Kept)
        self._marks.restore(part("marks", state))


def _standing(was: Standing, event: DriftEvent, is_judged: bool) -> Standing:
    """Where things stand after an event."""
    is_same = event.episode == was.episode
    if event.event == "diagnosis":
        assert event.since is not None
        is_over = is_same and was.is_over
        return Standing(
            episode=event.episode,
            is_open=is_judged and event.source in LASTING and not is_over,
            is_over=is_over,
            source=event.source,
            confidence=event.confidence or 0.0,
            since=event.since.learnt,
            recovered_after=was.recovered_after,
        )
    if event.outcome is None or event.outcome.recovered_after is None:
        return was
    return replace(
        was,
        is_open=was.is_open and not is_same,
        is_over=was.is_over or is_same,
        recovered_after=event.outcome.recovered_after,
    )
