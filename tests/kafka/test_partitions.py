"""One partition on a real broker: codecs, damage, open transactions, ends, markers, added ones.

What needs no Kafka of its own is in tests/stream/log/test_contract.py; groups are in test_group.py.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import kafka
import pytest

from stream.errors import LogUnavailableError, LogUnsettledError, RecoveryError, SetupError
from stream.log.base import Bounds, Lag, OutputBatch, Polled, TopicPartition, TopicSpec
from stream.log.kafka import KafkaLog, settings
from stream.log.kafka.transaction_admin import KafkaTransactions
from tests.stream.log.worlds import (
    KafkaWorld,
    RecordingListener,
    await_assignment,
    drain,
    join,
    output,
    read,
    transaction,
    values,
)

pytestmark = pytest.mark.kafka


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")


@pytest.fixture
def stranger(world: KafkaWorld) -> Iterator[kafka.KafkaProducer]:
    """Begin a transaction of another program, which ends when the test says so."""
    producer = kafka.KafkaProducer(
        bootstrap_servers=world.config["bootstrap"],
        transactional_id=uuid.uuid4().hex,
        transaction_timeout_ms=60_000,
    )
    producer.init_transactions()
    producer.begin_transaction()
    yield producer
    producer.close(timeout=1)


def send_snappy(world: KafkaWorld, source: TopicPartition, contents: list[bytes]) -> None:
    producer = kafka.KafkaProducer(
        bootstrap_servers=world.config["bootstrap"], compression_type="snappy"
    )
    for content in contents:
        producer.send(source.topic, content, partition=source.partition)
    producer.flush()
    producer.close()


def poll_until(
    log: KafkaLog, listener: RecordingListener, enough: Callable[[Polled], bool]
) -> Polled:
    """Poll until a poll is enough; everything that it returned before that is taken."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        polled = log.poll(0.2, 100, listener.positions)
        listener.take(polled.batches)
        if enough(polled):
            return polled
    raise AssertionError(f"positions: {listener.positions}")


def test_snappy_is_read(world: KafkaWorld) -> None:
    topic = world.topic()
    source = TopicPartition(topic, 0)
    contents = [b"%d" % index * 100 for index in range(50)]
    send_snappy(world, source, contents)
    log = world.log()
    listener = join(log, [topic])
    assert values(drain(log, listener, 50)[source]) == contents
    assert values(read(log, source, 0, 50)) == contents


def test_a_codec_that_is_not_there_stops_its_partition_alone(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = world.topic(partitions=2)
    sick, sound = TopicPartition(topic, 0), TopicPartition(topic, 1)
    world.append(topic, [b"before"], 0)
    send_snappy(world, sick, [b"snappy" * 100])  # the client leaves what does not get smaller
    world.append(topic, [b"after"], 0)
    log: KafkaLog = world.open_log("w")
    world.stack.callback(log.close)
    listener = join(log, [topic])
    monkeypatch.setattr("kafka.codec.snappy", None)
    polled = poll_until(log, listener, lambda polled: sick in polled.failures)
    assert isinstance(polled.failures[sick], SetupError)
    assert f"{topic}[0]@1" in str(polled.failures[sick])
    assert "snappy" in str(polled.failures[sick])
    assert listener.positions[sick] == 1  # what came before it has been returned
    for index in range(5):
        world.append(topic, [b"%d" % index], 1)
        polled = poll_until(log, listener, lambda polled: bool(polled.batches))
        assert [batch.source for batch in polled.batches] == [sound]
        assert list(polled.failures) == [sick]  # at each poll that asks for it
    with pytest.raises(SetupError, match="snappy"):
        read(log, sick, 0, 3)
    monkeypatch.undo()
    polled = poll_until(log, listener, lambda polled: bool(polled.batches))
    assert polled.batches[0].values[0] == b"snappy" * 100
    poll_until(log, listener, lambda polled: listener.positions[sick] == 3)
    assert log.poll(0.1, 10, listener.positions) == Polled([])


def test_a_batch_with_a_wrong_checksum_stops_its_partition_alone(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = world.topic(partitions=2)
    sick, sound = TopicPartition(topic, 0), TopicPartition(topic, 1)
    world.append(topic, [b"before"], 0)
    world.admin.append([OutputBatch(sick, [666], [None], [b"damaged"])])
    world.append(topic, [b"x"] * 10, 1)
    log: KafkaLog = world.open_log("w")
    world.stack.callback(log.close)
    listener = join(log, [topic])
    kind = kafka.record.default_records.DefaultRecordBatch
    right: Callable[[Any], bool] = kind.validate_crc
    monkeypatch.setattr(
        kind, "validate_crc", lambda batch: batch.max_timestamp != 666 and right(batch)
    )
    polled = poll_until(
        log, listener, lambda polled: sick in polled.failures and listener.positions[sound] == 10
    )
    assert isinstance(polled.failures[sick], RecoveryError)
    assert f"{topic}[0]@1: the batch cannot be read" in str(polled.failures[sick])
    listener.positions[sick] = 0
    assert values(drain_one(log, listener, sick)) == [b"before"]
    del listener.positions[sick]
    assert log.poll(0.1, 10, listener.positions) == Polled([])


def drain_one(log: KafkaLog, listener: RecordingListener, source: TopicPartition) -> list[Any]:
    polled = poll_until(log, listener, lambda polled: bool(polled.batches))
    (batch,) = polled.batches
    assert batch.source == source
    return list(zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True))


def test_an_open_transaction_is_no_end_and_counts_as_lag(
    world: KafkaWorld, stranger: kafka.KafkaProducer
) -> None:
    topic = world.topic()
    source = TopicPartition(topic, 0)
    world.append(topic, [b"first"])
    log = world.log()
    listener = join(log, [topic])
    stranger.send(topic, b"open", partition=0).get(timeout=5)
    world.append(topic, [b"after"] * 30)
    assert values(drain(log, listener, 1)[source]) == [b"first"]
    deadline = time.monotonic() + 10
    while log.lag(source) != Lag(0, 31) and time.monotonic() < deadline:
        assert log.poll(0.1, 100, listener.positions).batches == []
    assert log.lag(source) == Lag(0, 31)

    (found,) = log.open_transactions(source)
    assert found.source == source
    assert found.start_offset == 1
    assert abs(found.since_ms - 1000 * time.time()) < 60_000
    started = time.monotonic()
    named = rf"{topic}\[0\]: committed up to 1, written up to 32: .*producer {found.producer_id} "
    with pytest.raises(LogUnsettledError, match=named):
        log.bounds(source)
    with pytest.raises(LogUnsettledError, match=named):
        read(log, source, 0, 2)
    assert time.monotonic() - started < 4
    assert log.first(source) == 0
    assert values(read(log, source, 0, 1)) == [b"first"]  # what is below it can be read

    stranger.abort_transaction()
    assert log.bounds(source) in (Bounds(0, 32), Bounds(0, 33))  # the marker may come later
    assert log.open_transactions(source) == []
    assert len(drain(log, listener, 30)[source]) == 30
    assert log.lag(source) == Lag(0, 0)


def test_a_hanging_transaction_can_be_aborted(
    world: KafkaWorld, stranger: kafka.KafkaProducer
) -> None:
    topic = world.topic()
    source = TopicPartition(topic, 0)
    stranger.send(topic, b"before", partition=0).get(timeout=5)
    stranger.commit_transaction()
    stranger.begin_transaction()
    stranger.send(topic, b"open", partition=0).get(timeout=5)
    world.append(topic, [b"after"])
    with pytest.raises(LogUnsettledError):
        world.admin.bounds(source)
    admin = KafkaTransactions(world.settings("transactions"))
    world.stack.callback(admin.close)
    (found,) = admin.transactions([topic])
    (hanging,) = found.transactions
    # The coordinator has spoken to the partition: it takes no marker without the epoch it knows.
    assert hanging.coordinator_epoch >= 0
    admin.end(hanging, "abort")
    assert admin.transactions([topic])[0].transactions == []
    end = world.admin.bounds(source).end
    assert values(read(world.admin, source, 0, end)) == [b"before", b"after"]


def test_a_topic_that_is_deleted_while_it_is_read(world: KafkaWorld) -> None:
    """Made anew with fewer records it is out of range: nothing is passed by."""
    topic, kept = world.topic(), world.topic("kept")
    gone, sound = TopicPartition(topic, 0), TopicPartition(kept, 0)
    for name in (topic, kept):
        world.append(name, [b"%d" % index for index in range(5)])
    log: KafkaLog = world.open_log("w")
    world.stack.callback(log.close)
    listener = join(log, [topic, kept], [gone, sound])
    drain(log, listener, 10)
    world.admin.delete([topic])
    world.append(kept, [b"5"])
    poll_until(log, listener, lambda polled: listener.positions[sound] == 6)
    world.admin.create([TopicSpec(topic, 1)])
    world.append(topic, [b"anew"])
    polled = poll_until(log, listener, lambda polled: gone in polled.failures)
    assert isinstance(polled.failures[gone], RecoveryError)
    assert listener.positions[gone] == 5
    listener.positions[gone] = 0
    poll_until(log, listener, lambda polled: listener.positions[gone] == 1)


def test_positions_that_a_transaction_is_about_to_move_are_unsettled(
    world: KafkaWorld, stranger: kafka.KafkaProducer
) -> None:
    topic = world.topic(partitions=2)
    moved, other = TopicPartition(topic, 0), TopicPartition(topic, 1)
    log = world.log()
    join(log, [topic])
    log.commit(transaction(log, offsets={moved: 3, other: 4}))
    following = transaction(log, offsets={moved: 5})
    position = kafka.OffsetAndMetadata(9, "stranger", -1)
    stranger.send_offsets_to_transaction({kafka.TopicPartition(*moved): position}, world.name)
    started = time.monotonic()
    with pytest.raises(LogUnsettledError, match=world.name):
        log.committed([moved, other])
    assert time.monotonic() - started < 6
    assert log.committed([other])[other] == (4, "")
    stranger.commit_transaction()
    assert log.committed([moved, other]) == {moved: (9, "stranger"), other: (4, "")}
    with pytest.raises(Exception, match="must follow") as caught:
        log.commit(following)
    assert type(caught.value).__name__ == "OvertakenError"
    log.reopen()
    assert log.committed([moved]) == {moved: (9, "stranger")}


def test_markers_and_aborted_records_make_no_seek(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seek throws away what was fetched: it costs a round trip, and the epoch of the position."""
    inputs, topic = world.topic("in"), world.topic("out")
    source = TopicPartition(topic, 0)
    writer, reader = world.log("writer"), KafkaLog(world.settings("reader", group="readers"))
    world.stack.callback(reader.close)
    join(writer, [inputs])
    listener = RecordingListener()
    reader.subscribe([topic], listener)
    await_assignment(reader, listener)
    listener.positions[source] = 0
    seeks = []
    seek = reader._membership._consumer.seek
    monkeypatch.setattr(
        reader._membership._consumer, "seek", lambda *given: (seeks.append(given), seek(*given))
    )
    found: list[bytes | None] = []
    for turn in range(5):
        content = [b"%d:%d" % (turn, index) for index in range(4)]
        writer.commit(transaction(writer, [output(topic, content)]))
        while len(found) < 4 * (turn + 1):
            polled = reader.poll(0.2, 3, listener.positions)
            listener.take(polled.batches)
            found += [value for batch in polled.batches for value in batch.values]
        reader.poll(0.1, 3, listener.positions)
    assert found == [b"%d:%d" % (turn, index) for turn in range(5) for index in range(4)]
    assert listener.positions[source] == 24  # the last marker is beyond it
    assert reader._membership._consumer.position(kafka.TopicPartition(*source)) == 25
    assert len(seeks) == 1


def test_partitions_that_are_added_are_given_out(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_METADATA_AGE_MS_MAX", 500)
    topic = world.topic(partitions=2)
    log = world.log()
    listener = join(log, [topic], [TopicPartition(topic, index) for index in range(2)])
    world.admin.add_partitions(topic, 3)
    added = TopicPartition(topic, 2)
    world.append(topic, [b"x"], 2)
    await_assignment(log, listener, [added])
    listener.positions[added] = 0
    assert values(drain(log, listener, 1)[added]) == [b"x"]


def test_records_that_a_failing_poll_had_fetched_come_with_the_next_one(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = world.topic()
    world.append(topic, [b"%d" % index for index in range(100)])
    log: KafkaLog = world.open_log("w")
    world.stack.callback(log.close)
    listener = join(log, [topic])
    consumer = log._membership._consumer
    poll = consumer.poll

    def lose(*given: Any) -> Any:
        if poll(*given):
            raise kafka.errors.KafkaError("after the records were taken from the buffer")
        return {}

    monkeypatch.setattr(consumer, "poll", lose)
    with pytest.raises(LogUnavailableError, match="taken from the buffer"):
        poll_until(log, listener, lambda polled: bool(polled.batches))
    monkeypatch.undo()
    rows = drain(log, listener, 100)[TopicPartition(topic, 0)]
    assert values(rows) == [b"%d" % index for index in range(100)]


def test_a_truncated_partition_stays_failed_until_another_position_is_asked_for(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client says it once, and then reads on over what was lost."""
    topic = world.topic(partitions=2)
    lost, sound = TopicPartition(topic, 0), TopicPartition(topic, 1)
    for partition in (0, 1):
        world.append(topic, [b"%d" % index for index in range(5)], partition)
    log: KafkaLog = world.open_log("w")
    world.stack.callback(log.close)
    listener = join(log, [topic])
    drain(log, listener, 10)

    def truncated(*given: Any) -> Any:
        del given
        monkeypatch.undo()
        divergent = {kafka.TopicPartition(*lost): kafka.OffsetAndMetadata(3, "", 0)}
        raise kafka.errors.LogTruncationError(divergent)

    monkeypatch.setattr(log._membership._consumer, "poll", truncated)
    assert list(log.poll(0.1, 10, listener.positions).failures) == [lost]
    for partition in (0, 1):
        world.append(topic, [b"5"], partition)
    deadline = time.monotonic() + 2.0  # longer than a failed partition rests otherwise
    while time.monotonic() < deadline:
        polled = log.poll(0.2, 10, listener.positions)
        listener.take(polled.batches)
        assert list(polled.failures) == [lost]
        assert isinstance(polled.failures[lost], RecoveryError)
    assert listener.positions == {lost: 5, sound: 6}
    listener.positions[lost] = 3
    assert values(drain(log, listener, 3)[lost]) == [b"3", b"4", b"5"]


def test_refetch_drops_what_the_client_holds(world: KafkaWorld) -> None:
    topic = world.topic()
    world.append(topic, [b"%d" % index for index in range(100)])
    log: KafkaLog = world.open_log("w")
    world.stack.callback(log.close)
    listener = join(log, [topic])
    source = TopicPartition(topic, 0)
    fetcher = log._membership._consumer._fetcher
    while not listener.positions[source]:
        listener.take(log.poll(0.2, 10, listener.positions).batches)
    assert fetcher._next_partition_records
    log.refetch([source])
    assert not fetcher._next_partition_records
    assert values(drain(log, listener, 90)[source]) == [b"%d" % index for index in range(10, 100)]


def test_a_read_that_waits_says_so(world: KafkaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = world.topic()
    world.append(topic, [b"x", b"y"])
    poll = kafka.KafkaConsumer.poll
    silent = iter([True, True])
    monkeypatch.setattr(
        kafka.KafkaConsumer,
        "poll",
        lambda *given: {} if next(silent, False) else poll(*given),
    )
    batches = list(world.log().read(TopicPartition(topic, 0), 0, 2))
    assert [list(batch.values) for batch in batches if len(batch)] == [[b"x", b"y"]]
    assert [len(batch) for batch in batches[:2]] == [0, 0]
