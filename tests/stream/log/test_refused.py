"""Which output is blamed, with the client's own batches; a real broker's answers: tests/kafka/."""

from __future__ import annotations

from typing import Any

import pytest
from kafka import errors as client
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.structs import TopicPartition

from stream.log.base import OutputBatch
from stream.log.kafka.refused import find_refused
from tests.stream.log.worlds import output

TOO_LARGE = client.MessageSizeTooLargeError("too large")
OUTPUTS = [output("predictions", [b"p", b"q"]), output("journal", [b"j"], 2)]


def sent(made: OutputBatch) -> tuple[ProducerBatch, list[Any]]:
    """Append an output's records to a batch of the client."""
    batch = ProducerBatch(TopicPartition(*made.target), MemoryRecordsBuilder(2, 0, 1 << 16))
    return batch, [batch.try_append(0, None, value, []) for value in made.values]


def refuse(batch: ProducerBatch, error: Exception = TOO_LARGE) -> None:
    batch.complete_exceptionally(error, lambda _: error)


@pytest.mark.parametrize("first", [0, 1])
def test_the_batch_that_was_refused_is_blamed(first: int) -> None:
    batches, futures = zip(*map(sent, OUTPUTS), strict=True)
    refuse(batches[first])
    batches[1 - first].abort(TOO_LARGE)  # as the client does, with the same exception
    found = find_refused(OUTPUTS, futures)
    assert found is not None
    assert found.partition == OUTPUTS[first].target.partition
    assert str(found).startswith(f"{OUTPUTS[first].target.topic}[")


def test_a_batch_that_was_split_and_then_aborted_is_not_blamed() -> None:
    batches, futures = zip(*map(sent, OUTPUTS), strict=True)
    half = ProducerBatch(batches[0].topic_partition, MemoryRecordsBuilder(2, 0, 1 << 16))
    for index, future in enumerate(futures[0]):
        future.rebind(half.produce_future, index)
    half.abort(TOO_LARGE)
    assert find_refused(OUTPUTS, futures) is None
    refuse(batches[1])
    found = find_refused(OUTPUTS, futures)
    assert found is not None
    assert found.partition == 2


def test_half_of_a_split_batch_that_was_refused_is_blamed() -> None:
    batches, futures = zip(*map(sent, OUTPUTS), strict=True)
    half = ProducerBatch(batches[0].topic_partition, MemoryRecordsBuilder(2, 0, 1 << 16))
    futures[0][1].rebind(half.produce_future, 0)
    refuse(half)
    batches[1].abort(TOO_LARGE)
    found = find_refused(OUTPUTS, futures)
    assert found is not None
    assert str(found).startswith("predictions[0]: a record is larger")


def test_other_failures_and_records_that_were_never_sent_are_no_refusal() -> None:
    batch, futures = sent(OUTPUTS[0])
    assert find_refused(OUTPUTS, [futures]) is None
    refuse(batch, client.OutOfOrderSequenceNumberError())
    assert find_refused(OUTPUTS, [futures]) is None
