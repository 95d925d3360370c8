"""Covers stream.recovery.settings: what shapes a state, what may change, and what a change keeps.

That a change is a journal entry which a replay reproduces is in tests/replay/test_lives.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from operators.snapshot import digest
from stream.config.pipeline import Config
from stream.recovery.settings import Builds, changeable, fingerprint, legacy_fingerprint, under
from stream.task import PartitionTask
from stream.topology import PartsBuilder, input_topics
from tests.builders import EVENTS, batch, event, toy_config

BASE: dict[str, Any] = {
    "labels": {"source": "topic", "max_delay": "1h"},
    "model": {"name": "hoeffding_tree", "params": {"grace_period": 25}},
    "detectors": [{"name": "adwin"}],
}
SCHEMA = toy_config().model_dump(mode="json", by_alias=True)["schema"]


def config(**changes: Any) -> Config:
    return toy_config(**{**BASE, **changes})


HIDDEN = [{**feature, "hidden": feature["name"] == "a"} for feature in SCHEMA["features"]]
COUNT = {"name": "n", "type": "rolling", "by": "c", "window": "1h", "function": "count"}

SHAPES: dict[str, dict[str, Any]] = {
    "app": {"app": "other"},
    "a column": {"schema": {"features": [{"name": "a", "type": "float"}]}},
    "a hidden column": {"schema": {**SCHEMA, "features": HIDDEN}},
    "a derived column": {"schema": {**SCHEMA, "derived": [COUNT]}},
    "a derived column's window": {"schema": {**SCHEMA, "derived": [{**COUNT, "window": "2h"}]}},
    "a derived column's keys": {"schema": {**SCHEMA, "derived": [{**COUNT, "keys_max": 9}]}},
    "the records' ids": {"schema": {**SCHEMA, "id": "$.x"}},
    "the records' times": {"schema": {**SCHEMA, "event_time": "$.t"}},
    "target": {"target": {"type": "classification", "path": "$.z", "classes": ["no", "yes"]}},
    "a class": {"target": {"type": "classification", "path": "$.y", "classes": ["no", "yes", "z"]}},
    "label source": {"labels": {"source": "inline"}},
    "the labels' ids": {"labels": {"source": "topic", "max_delay": "1h", "id": "$.x"}},
    "the labels' times": {"labels": {"source": "topic", "max_delay": "1h", "event_time": "$.t"}},
    "model": {"model": {"name": "naive_bayes"}},
    "the model's parameters": {"model": {"name": "hoeffding_tree", "params": {"grace_period": 26}}},
    "seed": {"seed": 2},
    "diagnosis": {"drift": {"diagnose": True}},
    "response": {"drift": {"diagnose": True, "respond": True}},
    "topic of events": {"topics": {"features": "elsewhere"}},
    "topic of labels": {"topics": {"labels": "elsewhere"}},
}
FREE: dict[str, dict[str, Any]] = {
    "max_delay": {"labels": {"source": "topic", "max_delay": "2h"}},
    "pending_max": {"labels": {"source": "topic", "max_delay": "1h", "pending_max": 9}},
    "record bytes": {"schema": {**SCHEMA, "record_bytes_max": 5000}},
    "duplicates": {"schema": {**SCHEMA, "duplicates_window": 5000}},
    "ahead": {"schema": {**SCHEMA, "event_time_ahead_max": "5m"}},
    "detectors": {"detectors": [{"name": "adwin", "params": {"delta": 0.1}}]},
    "no detectors": {"detectors": []},
    "monitors": {"drift": {"monitors": [{"name": "psi", "watches": "predictions"}]}},
    "fading factor": {"metrics": {"fading_factor": 0.9}},
}
NOT_KEPT: dict[str, dict[str, Any]] = {
    "waiting for the other topic": {
        "labels": {"source": "topic", "max_delay": "1h", "wait_for_other": "7s"}
    },
    "size of steps": {"steps": {"records_max": 7}},
    "checkpoints": {"checkpoint": {"store": "memory://other", "interval": "3s"}},
    "explanations": {"predictions": {"explain": True}},
    "failures": {"on_failure": "isolate"},
    "port": {"metrics": {"port": 1}},
    "topic of predictions": {"topics": {"predictions": "elsewhere"}},
}


def test_what_shapes_a_state_changes_its_fingerprint() -> None:
    prints = {name: fingerprint(config(**changes)) for name, changes in SHAPES.items()}
    prints["nothing"] = fingerprint(config())
    assert [name for name, each in prints.items() if list(prints.values()).count(each) > 1] == []


def test_a_schema_without_derived_features_has_the_fingerprint_that_it_always_had() -> None:
    """Checkpoints of pipelines that do not use them go on to fit."""
    assert fingerprint(toy_config()) == "4f82d3c7f925ec18"
    assert legacy_fingerprint(toy_config()) == "6b92b954e1cb6890"


def test_another_app_on_the_same_topics_has_another_state() -> None:
    topics = {"features": "events", "labels": "answers"}
    one, other = config(topics=topics), config(topics=topics, app="other")
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("changes", FREE.values(), ids=FREE)
def test_what_may_change_is_kept_beside_the_state(changes: dict[str, Any]) -> None:
    assert fingerprint(config(**changes)) == fingerprint(config())
    assert changeable(config(**changes)) != changeable(config())


@pytest.mark.parametrize("changes", NOT_KEPT.values(), ids=NOT_KEPT)
def test_what_touches_no_state_is_not_kept(changes: dict[str, Any]) -> None:
    assert fingerprint(config(**changes)) == fingerprint(config())
    assert changeable(config(**changes)) == changeable(config())


@pytest.mark.parametrize("changes", FREE.values(), ids=FREE)
def test_former_settings_come_back_whole(changes: dict[str, Any]) -> None:
    former = config(**changes)
    now = config(seed=9, model={"name": "naive_bayes"})
    assert changeable(under(now, changeable(former))) == changeable(former)
    assert fingerprint(under(now, changeable(former))) == fingerprint(now)


def test_former_settings_leave_the_log_as_it_is() -> None:
    kafka = {
        "type": "kafka",
        "bootstrap": "b:9092",
        "security": {
            "protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "username": "u",
            "password": "secret",
        },
    }
    now = config(log=kafka)
    assert under(now, changeable(config())).log == now.log


def test_a_state_of_an_older_version_had_no_bound_of_times_ahead() -> None:
    former = under(config(), "")
    assert former.record.event_time_ahead_max.days == 36500
    assert former.detectors == config().detectors


def test_what_an_older_version_made_fits_by_its_own_fingerprint() -> None:
    now = config()
    builds = Builds(now, PartsBuilder(now))
    assert builds.fits(fingerprint(now), changeable(now))
    assert builds.fits(legacy_fingerprint(now), "")
    assert not builds.fits(legacy_fingerprint(now), changeable(now))
    assert not builds.fits("another", "")


def test_states_of_the_version_before_are_known_by_its_fingerprint() -> None:
    """Printed by `stream.topology.fingerprint` of that version."""
    assert legacy_fingerprint(toy_config()) == "6b92b954e1cb6890"
    other = toy_config(labels={"source": "topic"}, detectors=[])
    assert legacy_fingerprint(other) == "569ae8563b268516"
    features = [{"name": "a", "type": "float"}]
    bounded = toy_config(schema={"features": features, "event_time_ahead_max": "2d"})
    assert legacy_fingerprint(bounded) == "952855dd3367df93"


def fed(task: PartitionTask) -> PartitionTask:
    for at in range(3):
        values = [event(a=n / 10, y="yes" if n % 2 else "no") for n in range(10)]
        task.accept(batch(EVENTS, values, first=10 * at))
        assert task.step(dict.fromkeys(task.parts.input_topics, False), 100) is not None
    return task


def inline(**changes: Any) -> Config:
    return config(labels={"source": "inline"}, **changes)


@pytest.mark.parametrize("derived", [[], [COUNT, {"name": "r", "type": "target_mean"}]])
def test_a_change_keeps_all_but_the_operators_that_changed(derived: list[dict[str, Any]]) -> None:
    schema = {**SCHEMA, "derived": derived}
    adwin = {"name": "adwin", "params": {"delta": 0.1}}
    old = inline(schema=schema, detectors=[{"name": "adwin"}, {"name": "ddm"}])
    new = inline(schema=schema, detectors=[adwin, {"name": "ddm"}])
    task = fed(PartitionTask(PartsBuilder(old)(0), dict.fromkeys(input_topics(old), 0), life="l"))
    changed = Builds(new, PartsBuilder(new)).change(task, changeable(old), changeable(new))
    first = PartitionTask(PartsBuilder(new)(0), dict.fromkeys(input_topics(new), 0))
    assert (changed.steps, changed.offsets, changed.life) == (3, task.offsets, "l")
    assert part_digests(changed, "detector/adwin") == part_digests(first, "detector/adwin")
    assert part_digests(task, "detector/adwin") != part_digests(first, "detector/adwin")
    for name in task.parts.stateful().keys() - {"detector/adwin"}:
        assert part_digests(changed, name) == part_digests(task, name), name
    assert part_digests(task, "model") != part_digests(first, "model")


@pytest.mark.parametrize("is_known", [True, False])
def test_an_operator_that_is_new_begins(is_known: bool) -> None:
    old, new = inline(), inline(detectors=[{"name": "adwin"}, {"name": "ddm"}])
    task = fed(PartitionTask(PartsBuilder(old)(0), dict.fromkeys(input_topics(old), 0)))
    former = changeable(old) if is_known else ""
    changed = Builds(new, PartsBuilder(new)).change(task, former, changeable(new))
    assert part_digests(changed, "detector/adwin") == part_digests(task, "detector/adwin")
    assert "detector/ddm" in changed.parts.stateful()


def test_under_unknown_former_settings_every_state_is_kept() -> None:
    now = inline()
    task = fed(PartitionTask(PartsBuilder(now)(0), dict.fromkeys(input_topics(now), 0)))
    changed = Builds(now, PartsBuilder(now)).change(task, "", changeable(now))
    assert digest(changed.snapshot()) == digest(task.snapshot())


def part_digests(task: PartitionTask, name: str) -> str:
    return digest({k: np.asarray(v) for k, v in task.parts.stateful()[name].snapshot().items()})


def test_keys_that_came_later_leave_a_fingerprint_as_it_was() -> None:
    """Both digests are those that version 0008b6e made of these settings."""
    day = {"name": "t", "type": "timestamp", "parts": ["month"]}
    features = [{"name": "a", "type": "float"}, day]
    features.append({"name": "c", "type": "category", "path": "$.x.c"})
    config = toy_config(schema={"features": features, "event_time": "$.t"})
    assert fingerprint(config) == "6c836d6d32d156c8"
    assert legacy_fingerprint(config) == "89f81a033ce5ac64"
    other = toy_config(
        schema={"features": [features[0], {**day, "format": "%d/%m/%Y"}, features[2]]}
    )
    assert fingerprint(other) != fingerprint(toy_config(schema={"features": features}))
