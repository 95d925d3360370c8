"""Covers stream.recovery.settings: which settings shape a state and which may change.

That a change is replayed where it took place is in tests/replay/test_lives.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from stream.recovery.settings import (
    changeable,
    fingerprint,
    legacy_fingerprint,
    under,
)
from tests.builders import toy_config

FEATURES = [{"name": "a", "type": "float"}]
SHAPING: list[dict[str, Any]] = [
    {"schema": {"features": FEATURES}},
    {"schema": {"features": FEATURES, "id": "$.id"}},
    {"schema": {"features": FEATURES, "event_time": "$.at"}},
    {"target": {"type": "classification", "path": "$.y", "classes": ["no", "yes", "may"]}},
    {"target": {"type": "classification", "path": "$.z", "classes": ["no", "yes"]}},
    {"labels": {"source": "topic"}},
    {"labels": {"source": "topic"}, "topics": {"labels": "other"}},
    {"topics": {"features": "other"}},
    {"model": {"name": "naive_bayes"}},
    {"model": {"name": "hoeffding_tree", "params": {"grace_period": 77}}},
    {"drift": {"diagnose": True}},
    {"drift": {"diagnose": True, "respond": True}},
    {"seed": 2},
    {"app": "other"},
]
CHANGEABLE: list[dict[str, Any]] = [
    {"labels": {"max_delay": "1h"}},
    {"labels": {"pending_max": 7}},
    {"detectors": []},
    {"detectors": [{"name": "adwin", "params": {"delta": 0.1}}]},
    {"drift": {"monitors": [{"name": "psi"}]}},
    {"metrics": {"fading_factor": 0.9}},
]
FREE: list[dict[str, Any]] = [
    {"labels": {"wait_for_other": "9s"}},
    {"steps": {"records_max": 7}},
    {"checkpoint": {"store": "memory://elsewhere", "interval": "9s", "keep": 9}},
    {"predictions": {"explain": True}},
    {"on_failure": "isolate"},
    {"metrics": {"port": 1}},
    {"topics": {"predictions": "other"}},
]


def test_what_shapes_a_state_changes_its_fingerprint() -> None:
    prints = [fingerprint(toy_config(**changes)) for changes in ({}, *SHAPING)]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("changes", CHANGEABLE)
def test_what_may_change_is_no_part_of_the_fingerprint(changes: dict[str, Any]) -> None:
    calm, changed = toy_config(), toy_config(**changes)
    assert fingerprint(changed) == fingerprint(calm)
    assert changeable(changed) != changeable(calm)


@pytest.mark.parametrize("changes", FREE)
def test_what_no_record_depends_on_is_part_of_neither(changes: dict[str, Any]) -> None:
    calm, changed = toy_config(), toy_config(**changes)
    assert (fingerprint(changed), changeable(changed)) == (fingerprint(calm), changeable(calm))


@pytest.mark.parametrize("changes", CHANGEABLE)
def test_a_configuration_can_be_put_under_former_settings(changes: dict[str, Any]) -> None:
    then, now = toy_config(**changes), toy_config(seed=9, model={"name": "naive_bayes"})
    restored = under(now, changeable(then))
    assert changeable(restored) == changeable(then)
    assert fingerprint(restored) == fingerprint(now)


def test_states_of_the_version_before_are_known_by_its_fingerprint() -> None:
    """Printed by `stream.topology.fingerprint` of that version."""
    assert legacy_fingerprint(toy_config()) == "6b92b954e1cb6890"
    other = toy_config(labels={"source": "topic"}, detectors=[])
    assert legacy_fingerprint(other) == "569ae8563b268516"
    bounded = toy_config(schema={"features": FEATURES, "event_time_ahead_max": "2d"})
    assert legacy_fingerprint(bounded) == "952855dd3367df93"
