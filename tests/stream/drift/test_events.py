"""What drift events say, and their sentences. When there is one to make: tests/operators."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import msgspec
import numpy as np
import pytest

from operators.adaptation.base import Action, Outcome
from operators.base import Feature, Space
from operators.diagnosis.base import ChangePoint, Diagnosis, Evidence, FeatureShare
from operators.drift.base import Alarm
from operators.monitors.base import Finding
from operators.snapshot import digest
from operators.tape import LEARN, PREDICT, Rows, Tape
from stream.config.drift import MonitorConfig
from stream.drift.build import finding_event
from stream.drift.collector import EPISODES_KEPT, DriftWatch, Heard, Places, Said, Standing
from stream.drift.events import DriftEvent, FeatureChange, Since
from stream.drift.messages import said_features, span_words
from stream.drift.monitoring import monitors_of

NAN = math.nan
SPACE = Space(
    (
        Feature("dep_delay"),
        Feature("origin", 4, ("EWR", "JFK", "LGA")),
        Feature("carrier", 32, ("AA", "UA")),
    ),
    2,
    [False, True],
)
START = 1_362_391_200_000  # 2013-03-04T10:00:00Z
REAL = Diagnosis(
    episode=3,
    revision=0,
    index=99,
    learnt=1000,
    source="real",
    tempo="abrupt",
    recurs=None,
    confidence=0.93,
    since=ChangePoint(870, 812, 940),
    evidence=(
        Evidence("error", 8.5, 1e-9, 0.21, 0.35),
        Evidence("features", math.inf, 0.0, NAN, NAN),
    ),
    features=(FeatureShare(0, 0.6, 1e-6), FeatureShare(2, 0.31, 1e-3), FeatureShare(1, 0.01, 1.0)),
)
CONTEST = (("answers", 1.0), ("error_old", 0.4), ("error_new", 0.2))
ACTION = Action(3, 99, 1000, "reset", "P(y|x) has changed", (("records", 130.0), *CONTEST))
OUTCOME = Outcome(3, 99, 1000, 0.21, 0.35, 0.22, 640, NAN, True, 410.0)


def watch(is_regression: bool = False, look_back: int = 500) -> DriftWatch:
    topics = ("flights.features", "flights.labels")
    return DriftWatch("flights", 2, *topics, SPACE.features, is_regression, True, look_back)


def learnt(mine: DriftWatch, places: Places, said: Said) -> list[DriftEvent]:
    """Let a step learn labels and predict nothing."""
    count = len(places.offsets)
    tape = Tape(np.full(count, LEARN, dtype=np.uint8), np.arange(count))
    return mine.step(tape, places, Places([], []), said)


def told(*said: Any, of: DriftWatch | None = None) -> list[DriftEvent]:
    """Events of the 1,000th label, said in its step; offsets are ten times the label's number."""
    mine = of or watch()
    for first in (0, 900):
        count = 900 if first == 0 else 100
        labels = range(first + 1, first + count + 1)
        alarms = {"ddm": [each for each in said if isinstance(each, Alarm)]} if first else {}
        reports = [each for each in said if not isinstance(each, Alarm)] if first else []
        places = Places([10 * n for n in labels], [START + 60_000 * (n - 871) for n in labels])
        events = learnt(mine, places, Said(alarms, reports))
    return events


@pytest.mark.parametrize(
    ("kind", "before", "after", "said"),
    [
        ("drift", 0.1, 0.3, "ddm: the prediction error rose from 0.1 to 0.3 in partition 2,"),
        ("drift", 0.3, 0.1, "ddm: the prediction error fell from 0.3 to 0.1 in partition 2,"),
        ("warning", 0.1, 0.3, "ddm: the prediction error may be rising, from 0.1 to 0.3 in"),
        ("warning", 0.3, 0.1, "ddm: the prediction error may be falling, from 0.3 to 0.1 in"),
    ],
)
def test_an_alarm_says_no_more_than_the_detector(
    kind: Literal["drift", "warning"], before: float, after: float, said: str
) -> None:
    (event,) = told(Alarm(99, kind, before, after))
    assert event.message.startswith(said)
    assert event.message.endswith("noticed at 2013-03-04T12:09:00.000Z after 1000 labels.")
    assert (event.kind, event.learnt, event.event, event.offset) == (kind, 1000, "alarm", 10_000)


def test_a_diagnosis_says_since_when_and_where() -> None:
    (event,) = told(REAL)
    assert event.since is not None
    assert (event.since.learnt, event.since.learnt_low, event.since.learnt_high) == (870, 812, 940)
    # The first label after 870 others is number 871.
    assert (event.since.offset, event.since.offset_low, event.since.offset_high) == (
        8710,
        8130,
        9410,
    )
    assert event.since.event_time == "2013-03-04T10:00:00.000Z"
    assert event.topic == "flights.labels"
    assert [feature.name for feature in event.features] == ["dep_delay", "carrier", "origin"]
    assert (event.kind, event.before, event.after) == ("diagnosis", 0.21, 0.35)
    assert event.evidence[1].statistic is None  # JSON has no infinity


def test_offsets_that_count_labels_are_said_once() -> None:
    since = Since(870, 812, 940, 0.9, 870, 812, 940)
    assert span_words(since) == "labels and offsets 812 to 940"


def test_what_is_longer_ago_than_is_remembered_has_no_place() -> None:
    (event,) = told(REAL, of=watch(look_back=150))
    assert event.since is not None
    assert event.since.offset == 8710
    assert event.since.offset_low is event.since.event_time_low is None
    assert "(labels 812 to 940)" in event.message
    (event,) = told(REAL, of=watch(look_back=100))
    assert event.message.startswith("Drift 3: since about label 870 (labels 812 to 940) the labels")


WHEN = "about 2013-03-04T10:00Z (labels 812 to 940, offsets 8,130 to 9,410)"


@pytest.mark.parametrize(
    ("changes", "is_regression", "sentence"),
    [
        (
            {},
            False,
            f"Drift 3: since {WHEN} the labels mean something else (real drift, abrupt, 93 % "
            "sure): mostly dep_delay and carrier; error 0.21 before, 0.35 since.",
        ),
        (
            {"tempo": "gradual", "recurs": 2},
            True,
            f"Drift 3: since {WHEN} the same features lead to other values (real drift, gradual, "
            "93 % sure): mostly dep_delay and carrier; mean absolute error 0.21 before, 0.35 "
            "since; concept 2 has come back.",
        ),
        (
            {"source": "virtual", "tempo": "unknown", "evidence": ()},
            False,
            f"Drift 3: since {WHEN} other records come, and mean what they meant (virtual drift, "
            "93 % sure): mostly dep_delay and carrier.",
        ),
        (
            {"source": "label", "features": (), "revision": 1},
            False,
            f"Drift 3: since {WHEN} the classes come in other shares (label drift, abrupt, 93 % "
            "sure); error 0.21 before, 0.35 since; as seen after 1,000 labels.",
        ),
        (
            {"source": "label", "features": (), "evidence": ()},
            True,
            f"Drift 3: since {WHEN} the values are spread in another way (label drift, abrupt, "
            "93 % sure).",
        ),
        (
            {"source": "outliers", "features": REAL.features[:1], "evidence": ()},
            False,
            f"Drift 3: {WHEN} a burst of records unlike all others came, and passed (outliers, "
            "93 % sure): mostly dep_delay.",
        ),
        (
            {"source": "none", "features": (), "evidence": (), "confidence": 0.998},
            True,
            "Drift 3: nothing has changed that would hold up (a false alarm, over 99 % sure).",
        ),
    ],
)
def test_the_sentence_of_a_diagnosis(
    changes: dict[str, Any], is_regression: bool, sentence: str
) -> None:
    (event,) = told(replace(REAL, **changes), of=watch(is_regression))
    assert event.message == sentence


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (
            ACTION,
            "Drift 3: after 1,000 labels the model was reset and learnt 130 records again, and "
            "answers now (error 0.4 of the old, 0.2 of the new one): P(y|x) has changed.",
        ),
        (
            replace(ACTION, name="none", why="no reset: the budget is spent", detail=()),
            "Drift 3: after 1,000 labels nothing was done: no reset: the budget is spent.",
        ),
        (
            replace(ACTION, why="better on the same records", detail=CONTEST),
            "Drift 3: after 1,000 labels the new model answers from now on (error 0.4 of the old, "
            "0.2 of the new one): better on the same records.",
        ),
        (
            replace(ACTION, why="worse: taken back", detail=(("answers", 0.0),)),
            "Drift 3: after 1,000 labels the old model answers again: worse: taken back.",
        ),
        (
            replace(ACTION, name="warm_up", why="", detail=(("models", 3.0),)),
            "Drift 3: after 1,000 labels a new model was begun (models 3).",
        ),
    ],
)
def test_the_sentence_of_an_action(action: Action, sentence: str) -> None:
    diagnosed, event = told(REAL, action)
    assert event.message == sentence
    assert (event.kind, event.action, event.why) == ("action", action.name, action.why)
    assert (event.source, event.since, event.features) == (
        diagnosed.source,
        diagnosed.since,
        diagnosed.features,
    )


@pytest.mark.parametrize(
    ("outcome", "is_regression", "sentence"),
    [
        (
            OUTCOME,
            False,
            "Drift 3: recovered 640 labels after it began: error 0.21 before, 0.35 during, 0.22 "
            "after; by itself half of the excess goes away in 410 labels.",
        ),
        (
            replace(OUTCOME, recovered_after=None, shadow_after=0.36, settles=False, half_life=NAN),
            True,
            "Drift 3: not recovered after 1,000 labels: mean absolute error 0.21 before, 0.35 "
            "during, 0.22 after; a copy to which nothing was done is at 0.36; by itself the error "
            "does not come back.",
        ),
        (
            replace(OUTCOME, recovered_after=0, half_life=NAN),
            False,
            "Drift 3: the model never got worse: error 0.21 before, 0.35 during, 0.22 after.",
        ),
        (
            replace(OUTCOME, before=NAN, during=NAN, after=NAN, half_life=NAN),
            False,
            "Drift 3: recovered 640 labels after it began.",
        ),
    ],
)
def test_the_sentence_of_an_outcome(outcome: Outcome, is_regression: bool, sentence: str) -> None:
    *_, event = told(REAL, ACTION, outcome, of=watch(is_regression))
    assert event.message == sentence
    assert event.outcome is not None
    assert event.outcome.recovered_after == outcome.recovered_after
    assert event.source == "real"


def test_at_one_label_alarms_come_first_and_labels_rule() -> None:
    events = told(
        replace(REAL, learnt=941, episode=2),
        REAL,
        ACTION,
        Alarm(99, "drift", 0.2, 0.4),
        Alarm(7, "warning", 0.2, 0.4),
    )
    assert [event.kind for event in events] == [
        "warning",
        "diagnosis",
        "drift",
        "diagnosis",
        "action",
    ]
    assert [event.learnt for event in events] == [908, 941, 1000, 1000, 1000]


def test_records_can_be_read_by_who_knows_only_the_first_fields() -> None:
    class Old(msgspec.Struct):
        app: str
        partition: int
        detector: str
        kind: str
        event_time: str
        learnt: int
        before: float | None
        after: float | None
        message: str

    assert DriftEvent.__struct_fields__[:9] == Old.__struct_fields__
    assert DriftEvent.__struct_defaults__[:1] == ("alarm",), "all later fields have defaults"
    for event in told(Alarm(99, "drift", 0.1, 0.3), REAL, ACTION, OUTCOME):
        encoded = msgspec.json.encode(event)
        assert msgspec.json.decode(encoded, type=DriftEvent) == event
        assert msgspec.json.decode(encoded, type=Old).message == event.message
    written = {name: getattr(event, name) for name in Old.__struct_fields__}
    read = msgspec.json.decode(msgspec.json.encode(written), type=DriftEvent)
    assert (read.event, read.episode) == ("alarm", 0)


def test_a_standing_is_open_until_the_model_has_recovered() -> None:
    mine = watch()
    assert (mine.standing.episode, mine.standing.is_open) == (0, False)
    told(REAL, ACTION, of=mine)
    assert (mine.standing.episode, mine.standing.is_open, mine.standing.since) == (3, True, 870)

    def after(report: Any, number: int) -> Standing:
        learnt(mine, Places([1], [1]), Said({}, [replace(report, learnt=1000 + number)]))
        return mine.standing

    assert after(replace(OUTCOME, recovered_after=None), 1).is_open
    # An earlier drift's outcome does not close this one.
    assert after(replace(OUTCOME, episode=2, recovered_after=10), 2).is_open
    assert after(OUTCOME, 3) == Standing(3, False, True, "real", 0.93, 870, 640)
    # A later look at a drift that is over does not open it again.
    assert after(replace(REAL, revision=1), 4) == Standing(3, False, True, "real", 0.93, 870, 640)
    assert after(replace(REAL, episode=4, source="none"), 5).is_open is False
    assert after(replace(REAL, episode=4, revision=1), 6).is_open is True


def test_a_restored_watch_knows_what_was_diagnosed_and_is_bounded() -> None:
    mine, number = watch(), 1000
    told(REAL, of=mine)

    def again(report: Any, episode: int, of: DriftWatch) -> DriftEvent:
        said = Said({}, [replace(report, learnt=number, episode=episode)])
        (event,) = learnt(of, Places([1], [1]), said)
        return event

    for number in range(1001, 1101):
        again(REAL, number, mine)
        if number == 1000 + EPISODES_KEPT:
            size = np.asarray(mine.snapshot()["kept"]).nbytes
    assert np.asarray(mine.snapshot()["kept"]).nbytes == size
    resumed = watch()
    resumed.restore(mine.snapshot())
    assert digest(resumed.snapshot()) == digest(mine.snapshot())
    number = 1101
    event = again(ACTION, 1100, mine)
    assert event == again(ACTION, 1100, resumed)
    assert event.source == "real"
    number = 1102
    forgotten = again(ACTION, 1001, mine)
    assert (forgotten.source, forgotten.since, forgotten.episode) == ("", None, 1001)


MOVED = Finding(1, 900, 0, "values", "psi", 0.2, 1e-6, 12.5, 20.25, -1, 0.18, 0.1, 0.26)


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (
            MOVED,
            "psi: the values of dep_delay have moved, their mean from 12.5 to 20.25 (psi 0.2, p ",
        ),
        (
            replace(MOVED, column=1, aspect="values", before=0.3, now=0.5, category=1),
            "psi: the shares of origin have moved, that of 'JFK' from 0.3 to 0.5 (psi 0.2, p ",
        ),
        (
            replace(MOVED, aspect="missing", before=0.0, now=0.25),
            "psi: dep_delay is missing more or less often, the share from 0 to 0.25 (psi ",
        ),
        (
            replace(MOVED, column=2, aspect="category", before=0.0, now=0.1, category=7),
            "psi: carrier has a new category, '(other)', its share from 0 to 0.1 (psi 0.2, ",
        ),
        (
            replace(MOVED, column=-1, aspect="rows", before=NAN, now=NAN),
            "psi: whole rows have changed (psi 0.2, p 1e-06), ",
        ),
    ],
)
def test_the_sentence_of_a_finding(finding: Finding, sentence: str) -> None:
    mine = watch()
    tape = Tape(np.array([PREDICT, LEARN, PREDICT, LEARN, PREDICT], dtype=np.uint8), np.arange(5))
    places, events = Places([7, 8], [0, 0]), Places([90, 91, 92], [0, START, 0])
    alarm = Alarm(1, "drift", 0.1, 0.2)
    heard = Heard("psi", monitors_of((MonitorConfig(name="psi"),), SPACE)["psi"], [finding])
    said = Said({"adwin": [alarm]}, heard=[heard])
    event, later = mine.step(tape, places, events, said)
    assert event.message.startswith(sentence)
    assert event.message.endswith("noticed at 2013-03-04T10:00Z without any label.")
    # Found at the second event, which was predicted after the first label.
    assert (event.topic, event.offset, event.learnt) == ("flights.features", 91, 1)
    assert (later.kind, later.topic, later.offset) == ("drift", "flights.labels", 8)
    assert (event.event, event.kind, event.episode) == ("monitor", "monitor", 0)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([], ""),
        ([0.9], "a"),
        ([0.5, 0.4], "a and b"),
        ([0.4, 0.3, 0.2, 0.1], "a, b and c"),
        ([0.9, 0.04], "a"),
        ([0.02] * 4, ""),
    ],
)
def test_the_features_that_are_named(shares: list[float], said: str) -> None:
    named = tuple(FeatureChange("abcd"[i], share) for i, share in enumerate(shares))
    assert said_features(named) == said


def test_findings_of_predictions_name_classes() -> None:
    config = MonitorConfig(name="chi_square", watches="predictions", params={"window": 40})
    monitors = monitors_of((config, config), SPACE)
    assert list(monitors) == ["chi_square", "chi_square#2"]
    watching = monitors["chi_square"]
    rows = Rows(np.empty((4000, 3)), np.empty(4000), np.empty((4000, 2)), np.empty((4000, 0)))
    rows.output[:, 1] = np.where(np.arange(4000) < 3500, 0.25, 0.75)
    rows.output[::3, 1] = 0.4
    rows.output[:, 0] = 1 - rows.output[:, 1]
    finding = watching.watch(rows)[0]
    event = finding_event("chi_square", finding, watching)
    assert event.features[0].name == "prediction"
    assert event.finding is not None
    assert event.finding.category in ("false", "true")
