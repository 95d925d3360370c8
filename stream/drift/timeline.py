"""Drift events joined to episodes: what was found, what was done, how it went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stream.drift.events import DriftEvent


@dataclass(slots=True)
class Episode:
    """One drift of one partition.

    Parameters
    ----------
    partition, number
        Which.
    events
        All that was said of it, in order.
    """

    partition: int
    number: int
    events: list[DriftEvent] = field(default_factory=list)

    @property
    def diagnosis(self) -> DriftEvent | None:
        """The last diagnosis, which replaces those before; None if only what followed is known."""
        return self._last("diagnosis")

    @property
    def actions(self) -> list[DriftEvent]:
        """What was done to the model."""
        return [e for e in self.events if e.event == "action" and e.action != "none"]

    @property
    def outcome(self) -> DriftEvent | None:
        """How it went, as last judged."""
        return self._last("outcome")

    @property
    def begins(self) -> str:
        """When it began, as far as is known (ISO 8601 UTC)."""
        known = self.diagnosis or self.events[0]
        return (known.since and known.since.event_time) or self.events[0].event_time

    @property
    def story(self) -> list[DriftEvent]:
        """The events that tell it: the last diagnosis, what was done (or why nothing), the end."""
        held = [e for e in self.events if e.event == "action"]
        done = self.actions or held[-1:]
        told = [self.diagnosis, *done, self.outcome]
        return [event for event in told if event is not None]

    def _last(self, kind: str) -> DriftEvent | None:
        return next((event for event in reversed(self.events) if event.event == kind), None)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a drift topic tells.

    Parameters
    ----------
    episodes
        By the time at which each began.
    alarms, findings
        Of detectors and of monitors, which belong to no episode, in the order of the topic.
    """

    episodes: list[Episode]
    alarms: list[DriftEvent]
    findings: list[DriftEvent]


def timeline(events: Iterable[DriftEvent], since: datetime | None = None) -> Timeline:
    """Join events to episodes.

    Parameters
    ----------
    events
        In the order of the topic, one partition after the other or as they came.
    since
        Leaves out what was said before; an episode of which something was said later stays whole.
    """
    joined: dict[tuple[int, int], Episode] = {}
    alone: list[DriftEvent] = []
    for event in events:
        if event.episode == 0:
            alone.append(event)
            continue
        place = (event.partition, event.episode)
        joined.setdefault(place, Episode(*place)).events.append(event)
    kept = [episode for episode in joined.values() if _is_after(episode.events, since)]
    alone = [event for event in alone if _is_after([event], since)]
    return Timeline(
        sorted(kept, key=lambda episode: (episode.begins, episode.partition, episode.number)),
        [event for event in alone if event.event == "alarm"],
        [event for event in alone if event.event == "monitor"],
    )


def most_telling(episodes: Sequence[Episode], count: int) -> list[Episode]:
    """Choose those at which the model's error changed most, and keep their order; no false alarms.

    Examples
    --------
    >>> most_telling([], 3)
    []
    """
    real = [each for each in episodes if each.diagnosis and each.diagnosis.source != "none"]
    chosen = sorted(real, key=_change, reverse=True)[:count]
    return [episode for episode in real if episode in chosen]


def _change(episode: Episode) -> float:
    known = episode.diagnosis
    if known is None or known.before is None or known.after is None:
        return 0.0
    return abs(known.after - known.before)


def _is_after(events: Sequence[DriftEvent], since: datetime | None) -> bool:
    return since is None or datetime.fromisoformat(events[-1].event_time) >= since
