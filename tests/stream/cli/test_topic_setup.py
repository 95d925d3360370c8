"""Covers stream.cli.topic_setup: what is created, where partitions are added.

On an embedded log; on a real broker: tests/kafka/test_admin.py. What the command prints:
tests/stream/cli/test_topics.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cli.topic_setup import apply_topics, plan_topics
from stream.log.base import TopicSpec
from stream.log.embedded import EmbeddedAdmin

INPUTS = ("features", "labels")
NAMES = (*INPUTS, "predictions", "journal")
SPECS = [TopicSpec(name, 3) for name in NAMES]


@pytest.fixture
def admin() -> Iterator[EmbeddedAdmin]:
    opened = EmbeddedAdmin(f":memory:{uuid.uuid4().hex}")
    yield opened
    opened.close()


def made(admin: EmbeddedAdmin, **found: int) -> list[str]:
    """What is said when these topics were there."""
    admin.create([TopicSpec(name, count) for name, count in found.items()])
    changes = plan_topics(SPECS, INPUTS, admin.topics())
    apply_topics(admin, changes)
    assert admin.topics() == {change.spec.name: change.partitions for change in changes}
    return [str(change) for change in changes]


def test_topics_are_created_as_the_file_says_where_none_is_there(admin: EmbeddedAdmin) -> None:
    assert made(admin) == [f"{name}: created (3 partitions)" for name in NAMES]


def test_the_other_topics_follow_the_inputs(admin: EmbeddedAdmin) -> None:
    assert made(admin, features=5, labels=4, predictions=3) == [
        "features: was there already (5 partitions)",
        "labels: 1 partition added, now 5",
        "predictions: 2 partitions added, now 5",
        "journal: created (5 partitions)",
    ]


def test_a_topic_with_more_than_the_inputs_is_left_and_named(admin: EmbeddedAdmin) -> None:
    said = made(admin, features=2, labels=2, predictions=4, journal=2)
    assert said[2] == "predictions: was there already (4 partitions), 2 more than its inputs have"
    assert said[3] == "journal: was there already (2 partitions)"


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 6)))
def test_no_partition_is_taken_away_and_a_second_time_changes_nothing(
    found: dict[str, int],
) -> None:
    changes = plan_topics(SPECS, INPUTS, found)
    inputs = [found[name] for name in INPUTS if name in found]
    wanted = max(inputs) if inputs else 3
    after = {change.spec.name: change.partitions for change in changes}
    assert after == {name: max(wanted, found.get(name, 0)) for name in NAMES}
    again = plan_topics(SPECS, INPUTS, after)
    assert {change.spec.name: change.partitions for change in again} == after
