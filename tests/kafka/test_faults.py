"""Lost requests and responses of a commit: never a false acknowledgement, never a torn commit.

The last tests show what the bare client makes of the same losses, which is why the Kafka log has
the sequence of `stream/log/kafka/transactions.py`. Fencing and rebalances: test_group.py.
"""

from __future__ import annotations

import logging
import random
import time
import uuid

import kafka
import pytest

from deploy.kafka.dev_broker import Broker
from stream.errors import CommitUncertainError, RecordRefusedError
from stream.log.base import Committed, TopicPartition
from stream.log.kafka import KafkaLog
from tests.kafka.proxy import (
    ADD_OFFSETS,
    END_TXN,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    Direction,
    LossyProxy,
)
from tests.stream.log.worlds import KafkaWorld, join, output, read, transaction, values

pytestmark = pytest.mark.kafka
_INCOMPRESSIBLE = random.Random(1).randbytes(5000)


class Setup:
    """A worker that has committed once (`before`) and is about to commit again (`during`)."""

    def __init__(self, world: KafkaWorld, **log: object) -> None:
        self.world = world
        world.config |= log
        topics = world.topic("in"), world.topic("out")
        self.source, self.target = (TopicPartition(topic, 0) for topic in topics)
        self.log = world.log()
        join(self.log, [self.source.topic])
        self.commit(b"before", 1)

    def commit(self, value: bytes, offset: int) -> None:
        outputs = [output(self.target.topic, [value])]
        self.log.commit(transaction(self.log, outputs, {self.source: offset}))

    def outputs(self) -> list[bytes | None]:
        end = self.world.admin.bounds(self.target).end
        return values(read(self.world.admin, self.target, 0, end))

    def position(self) -> int:
        committed = self.log.committed([self.source])[self.source]
        assert isinstance(committed, Committed)
        return committed.offset


@pytest.mark.parametrize(
    ("api_key", "direction", "committed"),
    [
        (END_TXN, "request", False),
        (END_TXN, "response", True),
        (TXN_OFFSET_COMMIT, "request", False),
        (ADD_OFFSETS, "response", False),
    ],
)
def test_a_loss_leaves_doubt_that_reopen_settles(
    lossy_world: KafkaWorld,
    proxy: LossyProxy,
    api_key: int,
    direction: Direction,
    committed: bool,
) -> None:
    setup = Setup(lossy_world)
    proxy.lose(api_key, direction)
    with pytest.raises(CommitUncertainError):
        setup.commit(b"during", 2)
    assert proxy.lost == [(api_key, direction)]
    setup.log.reopen()
    assert setup.position() == (2 if committed else 1)
    assert setup.outputs() == ([b"before", b"during"] if committed else [b"before"])
    setup.commit(b"after", 3)
    assert setup.outputs()[-1] == b"after"
    assert setup.position() == 3


def test_a_lost_produce_request_is_sent_again_and_counts_once(
    lossy_world: KafkaWorld, proxy: LossyProxy
) -> None:
    setup = Setup(lossy_world)
    proxy.lose(PRODUCE, "request")
    setup.commit(b"during", 2)
    assert proxy.lost == [(PRODUCE, "request")]
    assert setup.outputs() == [b"before", b"during"]


def test_a_lost_produce_response_counts_once(lossy_world: KafkaWorld, proxy: LossyProxy) -> None:
    setup = Setup(lossy_world)
    proxy.lose(PRODUCE, "response")
    setup.commit(b"during", 2)
    assert proxy.lost == [(PRODUCE, "response")]
    assert setup.outputs() == [b"before", b"during"]


@pytest.mark.parametrize("direction", ["request", "response"])
def test_an_expired_batch_is_never_reported_committed(
    lossy_world: KafkaWorld, proxy: LossyProxy, direction: Direction
) -> None:
    setup = Setup(lossy_world, commit_timeout="2s")
    proxy.lose(PRODUCE, direction, times=100)
    with pytest.raises(CommitUncertainError):
        setup.commit(b"during", 2)
    proxy.pass_all()
    setup.log.reopen()
    assert setup.position() == 1
    assert setup.outputs() == [b"before"]
    setup.commit(b"again", 2)
    assert setup.outputs() == [b"before", b"again"]


def test_the_watchdog_ends_a_commit_that_nobody_answers(
    lossy_world: KafkaWorld, proxy: LossyProxy
) -> None:
    setup = Setup(lossy_world, commit_timeout="2s", request_timeout="30s")
    proxy.lose(END_TXN, "response")
    started = time.monotonic()
    with pytest.raises(CommitUncertainError, match="2 s"):
        setup.commit(b"during", 2)
    assert time.monotonic() - started < 5
    setup.log.reopen()
    assert setup.position() == 2
    assert setup.outputs() == [b"before", b"during"]


@pytest.mark.parametrize(
    ("setting", "value", "outputs", "words"),
    [
        ("max.message.bytes", "2000", [_INCOMPRESSIBLE], "larger than its topic takes"),
        ("max.message.bytes", "2000", [b"", *[b"x" * 500] * 20, _INCOMPRESSIBLE], "larger than"),
        ("message.timestamp.before.max.ms", "60000", [b"old"], "record of this time"),
    ],
)
def test_a_record_that_its_topic_does_not_take_is_refused_with_its_partition(
    lossy_world: KafkaWorld, setting: str, value: str, outputs: list[bytes], words: str
) -> None:
    setup = Setup(lossy_world)
    strict = lossy_world.topic("strict", 3, {setting: value})
    made = [output(setup.target.topic, [b"during"]), output(strict, outputs, 2)]
    with pytest.raises(RecordRefusedError, match=rf"{strict}\[2\]: .*{words}") as refused:
        setup.log.commit(transaction(setup.log, made, {setup.source: 2}))
    assert refused.value.partition == 2
    setup.log.reopen()
    assert setup.position() == 1
    assert setup.outputs() == [b"before"]
    setup.commit(b"after", 2)
    assert setup.outputs() == [b"before", b"after"]


@pytest.mark.parametrize("partition", [0, 1])
def test_an_output_that_only_failed_along_with_another_is_not_blamed(
    lossy_world: KafkaWorld, partition: int
) -> None:
    """Large batches are split, which is harmless; what was refused comes after them."""
    setup = Setup(lossy_world)
    narrow = lossy_world.topic("narrow", 2, {"max.message.bytes": "1500"})
    closed = lossy_world.topic("closed", 2, {"max.message.bytes": "100"})
    randoms = random.Random(2)
    small = [randoms.randbytes(400) for _ in range(40)]
    made = [output(narrow, small, 0), output(narrow, small, 1)]
    made.append(output(closed, [_INCOMPRESSIBLE[:300]], partition))
    for _ in range(3):
        words = rf"{closed}\[{partition}\]: .*larger than its topic takes"
        with pytest.raises(RecordRefusedError, match=words) as refused:
            setup.log.commit(transaction(setup.log, made, {setup.source: 2}))
        assert refused.value.partition == partition
        setup.log.reopen()
    setup.log.commit(transaction(setup.log, made[:2], {setup.source: 2}))
    end = lossy_world.admin.bounds(TopicPartition(narrow, 1)).end
    assert values(read(lossy_world.admin, TopicPartition(narrow, 1), 0, end)) == small


def test_a_record_that_the_client_finds_too_large_is_refused_with_its_partition(
    lossy_world: KafkaWorld,
) -> None:
    setup = Setup(lossy_world, record_bytes_max=200_000)
    wide = lossy_world.topic("wide", 3)
    made = [output(wide, [b"x" * 1_300_000], 1)]
    with pytest.raises(RecordRefusedError, match=rf"{wide}\[1\]: .*larger"):
        setup.log.commit(transaction(setup.log, made, {setup.source: 2}))
    setup.log.reopen()
    assert setup.position() == 1


def test_losses_at_random_neither_tear_nor_repeat(
    lossy_world: KafkaWorld, proxy: LossyProxy
) -> None:
    setup = Setup(lossy_world, request_timeout="300ms")
    kinds: list[tuple[int, Direction]] = [
        (END_TXN, "response"),
        (PRODUCE, "request"),
        (END_TXN, "request"),
        (TXN_OFFSET_COMMIT, "response"),
    ]
    position, acknowledged = 1, 0
    for turn in range(40):
        if turn % 4 == 0:
            proxy.lose(*kinds[turn // 4 % len(kinds)])
        try:
            setup.commit(b"%d" % position, position + 1)
            acknowledged += 1
        except CommitUncertainError:
            setup.log.reopen()
        assert setup.position() in (position, position + 1)
        position = setup.position()
    assert len(proxy.lost) == 10
    assert acknowledged < position  # some commits were believed lost that had happened
    assert setup.outputs() == [b"before", *(b"%d" % index for index in range(1, position))]


def test_reopen_leaves_no_threads_behind(lossy_world: KafkaWorld, proxy: LossyProxy) -> None:
    import threading

    setup = Setup(lossy_world, request_timeout="300ms")

    def fail_once() -> None:
        proxy.lose(END_TXN, "request")
        with pytest.raises(CommitUncertainError):
            setup.commit(b"x", 2)
        setup.log.reopen()

    def own_threads() -> int:
        return sum("pump" not in thread.name for thread in threading.enumerate())

    fail_once()
    before = own_threads()
    for _ in range(3):
        fail_once()
    assert own_threads() <= before


def bare_producer(bootstrap: str) -> kafka.KafkaProducer:
    producer = kafka.KafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=uuid.uuid4().hex,
        request_timeout_ms=500,
        delivery_timeout_ms=700,
        retry_backoff_ms=15,
    )
    producer.init_transactions()
    return producer


def test_the_bare_client_acknowledges_a_commit_that_lacks_a_record(
    dev_kafka: Broker, lossy_world: KafkaWorld, proxy: LossyProxy
) -> None:
    """If this fails, the client has been mended and the safe sequence may become simpler."""
    topic = lossy_world.topic("bare", partitions=2)
    producer = bare_producer(dev_kafka.addresses["PROXIED"])
    producer.begin_transaction()
    producer.send(topic, b"kept", partition=0).get(timeout=5)
    proxy.lose(PRODUCE, "request", times=100)
    lost = producer.send(topic, b"lost", partition=1)
    producer.flush(timeout=5)  # returns, although the record was never acknowledged
    assert isinstance(lost.exception, kafka.errors.KafkaTimeoutError)
    proxy.pass_all()
    producer.commit_transaction()  # returns as well
    admin = lossy_world.admin
    assert values(read(admin, TopicPartition(topic, 0), 0, 9)) == [b"kept"]
    assert values(read(admin, TopicPartition(topic, 1), 0, 9)) == []
    producer.close(timeout=1)


def test_the_bare_client_raises_for_a_commit_that_happened(
    dev_kafka: Broker, lossy_world: KafkaWorld, proxy: LossyProxy
) -> None:
    topic = lossy_world.topic("bare")
    producer = bare_producer(dev_kafka.addresses["PROXIED"])
    producer.begin_transaction()
    producer.send(topic, b"committed", partition=0).get(timeout=5)
    proxy.lose(END_TXN, "response")
    with pytest.raises(kafka.errors.KafkaError):
        producer.commit_transaction()
    assert values(read(lossy_world.admin, TopicPartition(topic, 0), 0, 9)) == [b"committed"]
    producer.close(timeout=1)


def test_records_of_an_open_or_aborted_transaction_are_never_read(world: KafkaWorld) -> None:
    topic = world.topic()
    source = TopicPartition(topic, 0)
    stranger = kafka.KafkaProducer(
        bootstrap_servers=world.config["bootstrap"], transactional_id=uuid.uuid4().hex
    )
    stranger.init_transactions()
    log: KafkaLog = world.open_log("reader")
    world.stack.callback(log.close)
    listener = join(log, [topic])
    world.append(topic, [b"first"])
    stranger.begin_transaction()
    stranger.send(topic, b"aborted", partition=0).get(timeout=5)
    world.append(topic, [b"second"])

    def poll(timeout_s: float) -> list[bytes | None]:
        batches = log.poll(timeout_s, 10, listener.positions).batches
        listener.take(batches)
        return [value for batch in batches for value in batch.values]

    polled = poll(1.0)
    assert polled == [b"first"]  # what comes after an open transaction waits for its end
    stranger.abort_transaction()
    deadline = time.monotonic() + 10
    while len(polled) < 2 and time.monotonic() < deadline:
        polled += poll(0.2)
    assert polled == [b"first", b"second"]
    end = log.bounds(source).end
    assert end == 4  # two records, one aborted, one marker
    rows = read(log, source, 0, end)
    assert [(row[0], row[3]) for row in rows] == [(0, b"first"), (2, b"second")]
    assert read(log, source, 1, 2) == []
    stranger.close(timeout=1)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")
