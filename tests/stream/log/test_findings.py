"""What `doctor` says of partition counts and positions, without a log.

On logs: tests/kafka/test_doctor.py, tests/stream/cli/test_doctor.py.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.log.base import Bounds, Probe, TopicPartition
from stream.log.findings import judge_counts, judge_positions

INPUTS = ["features", "labels"]


def positions(
    offsets: dict[tuple[str, int], int | None],
    journaled: tuple[int, ...] = (),
) -> list[Probe]:
    committed = {TopicPartition(*source): offset for source, offset in offsets.items()}
    bounds = dict.fromkeys(committed, Bounds(10, 20))
    return judge_positions("app", committed, bounds, lambda number: number in journaled)


def test_equal_counts() -> None:
    probe = judge_counts(INPUTS, {"features": 2, "journal": 2, "labels": 2})
    assert (probe.ok, probe.detail) == (True, "2 in every topic")


def test_topics_with_fewer_partitions_can_be_given_more() -> None:
    probe = judge_counts(["features"], {"features": 4, "journal": 2})
    assert not probe.ok
    assert probe.detail == "`features` has 4, but `journal` has 2"
    assert "adds partitions" in probe.remedy
    assert "nothing is deleted" in probe.remedy
    assert "cannot lose" not in probe.remedy


def test_topics_with_more_partitions_than_the_inputs_cannot_lose_them() -> None:
    probe = judge_counts(["features"], {"features": 2, "journal": 4})
    assert not probe.ok
    assert "cannot lose partitions" in probe.remedy
    assert "`journal`" in probe.remedy
    assert "adds partitions" not in probe.remedy
    both = judge_counts(INPUTS, {"features": 2, "labels": 3, "journal": 4})
    assert "adds partitions" in both.remedy
    assert "than `journal`" in both.remedy


def test_positions_among_the_records_that_are_kept() -> None:
    for offset in (10, 15, 20):
        (probe,) = positions({("features", 0): offset, ("labels", 0): 10})
        assert probe.ok, probe
    (probe,) = positions({("features", 0): None})
    assert (probe.ok, probe.detail) == (True, "nothing is committed yet")


def test_a_position_below_the_first_record_kept() -> None:
    (probe,) = positions({("features", 0): 12, ("features", 3): 7})
    assert not probe.ok
    assert probe.detail == (
        "`features[3]`: group `app` has committed 7, but the first record kept is 10: "
        "3 are gone unread"
    )
    assert "driftgate reset CONFIG --partition 3 --to earliest" in probe.remedy


def test_a_position_beyond_the_end() -> None:
    (probe,) = positions({("labels", 1): 21})
    assert not probe.ok
    assert "has committed 21, but the partition ends at 20" in probe.detail
    assert "--partition 1 --to earliest" in probe.remedy


def test_positions_that_are_gone_while_the_journal_stands() -> None:
    found = positions(
        {("features", 0): None, ("labels", 0): None, ("features", 1): None, ("labels", 1): 12},
        journaled=(0,),
    )
    (probe,) = found
    assert not probe.ok
    assert probe.detail.startswith("`features[0]`, `labels[0]`: group `app` has committed nothing")
    assert "restores them from the journal at its start" in probe.remedy
    assert "driftgate reset CONFIG --partition 0 --to journal" in probe.remedy


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(INPUTS), st.integers(0, 3)),
        st.none() | st.integers(0, 30),
        min_size=1,
    ),
    st.sets(st.integers(0, 3)),
)
def test_every_wrong_position_is_named_and_no_other(
    offsets: dict[tuple[str, int], int | None], journaled: set[int]
) -> None:
    found = positions(offsets, journaled=tuple(journaled))
    said = " ".join(probe.detail for probe in found if not probe.ok)
    for (topic, partition), offset in offsets.items():
        lost = offset is None and partition in journaled
        outside = offset is not None and not 10 <= offset <= 20
        assert (f"`{topic}[{partition}]`" in said) == (lost or outside)
    assert all(probe.ok for probe in found) == (said == "")
