"""Events joined to episodes, and errors joined from topics; what is printed: cli/test_drift.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from stream.cli.topic_setup import topic_specs
from stream.drift.build import NOWHERE
from stream.drift.events import DriftEvent, Judgement, Since
from stream.drift.timeline import most_telling, timeline
from stream.log.base import OutputBatch, TopicPartition
from stream.log.open import open_admin
from stream.observe.error_curve import averaged, error_curve
from tests.builders import EVENTS, LABELS, toy_config


def said(day: int, **fields: Any) -> DriftEvent:
    return replace(NOWHERE, event_time=f"2013-03-{day:02}T00:00:00.000Z", **fields)


def diagnosed(day: int, episode: int, since: int, **fields: Any) -> DriftEvent:
    begins = Since(1, 1, 1, 0.9, event_time=f"2013-03-{since:02}T00:00:00.000Z")
    return said(day, episode=episode, event="diagnosis", since=begins, **fields)


STORY = [
    said(1, kind="drift", detector="adwin"),
    diagnosed(4, 1, since=3, source="virtual"),
    said(4, episode=1, event="action", action="none", why="wait"),
    diagnosed(5, 1, since=2, source="real", revision=1),
    said(5, episode=1, event="action", action="reset"),
    said(6, episode=1, event="action", action="none", why="it has been done"),
    said(7, event="monitor", detector="psi"),
    said(9, episode=1, event="outcome", outcome=Judgement(recovered_after=3)),
    diagnosed(8, 2, since=8, source="none"),
    said(8, episode=2, event="action", action="none", why="nothing has changed"),
    diagnosed(3, 1, since=1, source="label", partition=1),
]


def test_events_of_a_drift_are_joined_by_partition_and_number() -> None:
    told = timeline(STORY)
    assert [(each.partition, each.number) for each in told.episodes] == [(1, 1), (0, 1), (0, 2)]
    assert [event.detector for event in told.alarms] == ["adwin"]
    assert [event.detector for event in told.findings] == ["psi"]
    first = told.episodes[1]
    assert first.begins == "2013-03-02T00:00:00.000Z"
    assert first.diagnosis is STORY[3]
    assert first.outcome is STORY[7]


def test_the_story_has_what_was_done_or_why_nothing_was() -> None:
    _, first, second = timeline(STORY).episodes
    assert first.story == [STORY[3], STORY[4], STORY[7]]
    assert second.story == [STORY[8], STORY[9]]


def test_an_episode_that_goes_on_after_a_moment_stays_whole() -> None:
    told = timeline(STORY, datetime(2013, 3, 9, tzinfo=UTC))
    assert [each.number for each in told.episodes] == [1]
    assert len(told.episodes[0].events) == 6
    assert (told.alarms, told.findings) == ([], [])


def test_an_episode_of_which_the_diagnosis_is_gone_is_told_all_the_same() -> None:
    (episode,) = timeline(STORY[7:8]).episodes
    assert (episode.diagnosis, episode.begins) == (None, "2013-03-09T00:00:00.000Z")
    assert episode.story == STORY[7:8]


def test_the_drifts_with_the_greatest_change_of_the_error_are_told_in_their_order() -> None:
    changes = [0.1, -0.3, 0.2, 0.0, None, 0.5]
    events = [
        diagnosed(
            day,
            day,
            since=day,
            source="none" if change == 0.5 else "real",
            before=0.4,
            after=None if change is None else 0.4 + change,
        )
        for day, change in enumerate(changes, start=1)
    ]
    told = timeline(events).episodes
    assert [each.number for each in most_telling(told, 2)] == [2, 3]
    assert [each.number for each in most_telling(told, 9)] == [1, 2, 3, 4, 5]


def test_means_of_nothing_and_of_many() -> None:
    assert len(averaged([], [], 10).times) == 0
    curve = averaged(range(1000), np.arange(1000) / 1000, 10)
    assert curve.labels_each == 100
    assert curve.errors.tolist() == pytest.approx([0.0495 + 0.1 * k for k in range(10)])


@pytest.mark.parametrize("source", ["inline", "topic"])
def test_errors_are_joined_from_predictions_and_labels(source: str, tmp_path: Path) -> None:
    config = toy_config(
        log={"type": "embedded", "path": str(tmp_path / "toy.db")}, labels={"source": source}
    )
    admin = open_admin(config)
    admin.create(topic_specs(config))

    def append(target: TopicPartition, keys: list[str], values: list[Any]) -> None:
        encoded = [msgspec.json.encode(value) for value in values]
        times = list(range(len(keys)))
        admin.append([OutputBatch(target, times, [key.encode() for key in keys], encoded)])

    answers = {"a": "yes", "b": "no", "c": "no", "d": "yes", "e": "yes"}
    labels = {"a": "yes", "b": "yes", "c": "no", "x": "no", "d": "no"}
    record = {"a": 0.5, "b": 1.0, "c": "x"}
    if source == "inline":
        append(EVENTS, [*labels], [{**record, "y": label} for label in labels.values()])
    else:
        append(LABELS, [*labels], [{"y": label} for label in labels.values()])
    predicted = [{"id": key, "prediction": answer} for key, answer in answers.items()]
    append(TopicPartition("toy.predictions", 0), [*answers], predicted)
    curve = error_curve(config, admin, 0)
    admin.close()
    assert curve.errors.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert curve.times.tolist() == [0, 1, 2, 4]
