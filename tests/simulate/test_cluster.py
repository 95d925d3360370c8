"""The simulated cluster keeps Kafka's rules: stable offsets, epochs, generations, sessions."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.log.base import Committed, TopicPartition
from stream.simulate.assignor import assign
from stream.simulate.broker import Cluster, Limits
from stream.simulate.clock import Scheduler
from stream.simulate.group import Assignment, Joined
from stream.simulate.partition import Entry, Outcome, Partition
from stream.simulate.transactions import BrokerError

OUT, IN = TopicPartition("out", 0), TopicPartition("in", 0)


def record(value: bytes, outcome: Outcome | None = None) -> Entry:
    return Entry(0, None, value, [], outcome)


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster(Scheduler(), random.Random(1), Limits())
    for topic in ("in", "out"):
        made.create(topic, 1)
    return made


def settle(cluster: Cluster, seconds: float = 1.0) -> None:
    cluster.scheduler.run(cluster.scheduler.now + seconds, lambda: False)


def read(cluster: Cluster) -> list[bytes | None]:
    return list(cluster.partition(OUT).committed().values)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(BrokerError) as caught:
        act()
    return caught.value.name


@given(st.lists(st.sampled_from(["plain", "open", "commit", "abort"]), max_size=30))
def test_what_may_be_read_ends_at_the_first_open_transaction(acts: list[str]) -> None:
    partition, open_, expected = Partition(OUT), [], []  # type: ignore[var-annotated]
    for number, act in enumerate(acts):
        value = b"%d" % number
        if act == "plain":
            partition.append([record(value)])
            expected.append((value, None))
        elif act == "open":
            open_.append(Outcome(number, 0, 0.0))
            partition.append([record(value, open_[-1])])
            expected.append((value, open_[-1]))
        elif open_:
            partition.mark(open_.pop(0), act == "commit", 0)
    readable = []
    for value, outcome in expected:
        if outcome in open_:
            break
        if outcome is None or outcome.committed:
            readable.append(value)
    assert list(partition.committed().values) == readable


def test_outputs_and_offsets_come_together_or_not_at_all(cluster: Cluster) -> None:
    transactions = cluster.transactions
    epoch = transactions.begin_producer("w0")
    transactions.produce("w0", epoch, OUT, [record(b"a")])
    transactions.add_offsets("w0", epoch, {IN: Committed(5, "")})
    assert refused(lambda: cluster.committed([IN])) == "UNSTABLE_OFFSET_COMMIT"
    transactions.end("w0", epoch, committed=True)
    settle(cluster)
    assert (read(cluster), cluster.committed([IN])) == ([b"a"], {IN: Committed(5, "")})


def test_a_new_producer_of_the_same_name_aborts_and_fences_the_old_one(cluster: Cluster) -> None:
    transactions = cluster.transactions
    epoch = transactions.begin_producer("w0")
    transactions.produce("w0", epoch, OUT, [record(b"a")])
    assert refused(lambda: transactions.begin_producer("w0")) == "CONCURRENT_TRANSACTIONS"
    settle(cluster)
    assert transactions.begin_producer("w0") > epoch
    assert refused(lambda: transactions.end("w0", epoch, committed=True)) == "PRODUCER_FENCED"
    assert read(cluster) == []


def test_a_transaction_that_nobody_ends_is_aborted(cluster: Cluster) -> None:
    transactions = cluster.transactions
    epoch = transactions.begin_producer("w0")
    transactions.produce("w0", epoch, OUT, [record(b"a")])
    settle(cluster, cluster.limits.transaction_s + 1.0)
    assert refused(lambda: transactions.end("w0", epoch, committed=True)) == "PRODUCER_FENCED"
    assert read(cluster) == []


def test_a_request_that_comes_late_begins_no_transaction(cluster: Cluster) -> None:
    epoch = cluster.transactions.begin_producer("w0")
    cluster.carry_out_late(lambda: cluster.transactions.produce("w0", epoch, OUT, [record(b"a")]))
    assert cluster.partition(OUT).end == 0


def join(cluster: Cluster, name: str, claims: Assignment = frozenset()) -> list[object]:
    answers: list[object] = []
    cluster.group.join(name, claims, answers.append)
    return answers


def test_a_rebalance_waits_for_all_and_refuses_the_generation_before(cluster: Cluster) -> None:
    (first,) = join(cluster, "")
    assert isinstance(first, Joined)
    assert join(cluster, "") == []
    assert refused(lambda: cluster.group.heartbeat(first.member, 1)) == "REBALANCE_IN_PROGRESS"
    (again,) = join(cluster, first.member)
    assert isinstance(again, Joined)
    assert again.generation == 2
    assert len(again.claims) == 2
    assert refused(lambda: cluster.group.check(first.member, 1)) == "ILLEGAL_GENERATION"


def test_a_silent_member_is_given_up(cluster: Cluster) -> None:
    (answer,) = join(cluster, "")
    assert isinstance(answer, Joined)
    cluster.group.sync(answer.member, 1, {answer.member: frozenset({0})}, lambda _: None)
    settle(cluster, cluster.limits.session_s + 1.0)
    assert refused(lambda: cluster.group.check(answer.member, 1)) == "UNKNOWN_MEMBER_ID"


def test_a_coordinator_that_moves_knows_what_was_written_down(cluster: Cluster) -> None:
    (answer,) = join(cluster, "")
    assert isinstance(answer, Joined)
    cluster.group.sync(answer.member, 1, {answer.member: frozenset({0})}, lambda _: None)
    pending = join(cluster, "")
    cluster.shut_down_coordinator(1.0)
    settle(cluster, 2.0)
    assert [str(reply) for reply in pending] == ["COORDINATOR_NOT_AVAILABLE"]
    assert list(cluster.group.members) == [answer.member]
    cluster.group.check(answer.member, 1)


@given(
    st.lists(st.frozensets(st.integers(0, 5)), min_size=1, max_size=4),
    st.integers(1, 6),
)
def test_partitions_go_round_in_two_rounds_at_most(claims: list[Assignment], count: int) -> None:
    names = [f"m{index}" for index in range(len(claims))]
    owned = dict(zip(names, claims, strict=True))
    for _ in range(3):
        placed = assign(owned, count)
        held = [number for numbers in placed.values() for number in numbers]
        assert len(held) == len(set(held))
        owned = placed
    assert sorted(held) == list(range(count))
    sizes = [len(numbers) for numbers in placed.values()]
    assert max(sizes) - min(sizes) <= 1


def test_of_two_claims_the_last_one_counts_as_the_owner() -> None:
    stale_last = assign({"new": frozenset({0, 1}), "stale": frozenset({0, 1})}, 2)
    assert stale_last == {"new": frozenset(), "stale": frozenset({0})}
