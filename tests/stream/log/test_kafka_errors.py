"""What is said of the client's errors; that a real broker answers so is in tests/kafka/."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from kafka import errors as client

from stream.config.log import KafkaLog
from stream.errors import LogAccessError, LogUnavailableError, SetupError
from stream.log.kafka import KafkaSettings
from stream.log.kafka.errors import translate

RIGHTS = {"toy.features": ("READ",), "toy.predictions": ("WRITE",)}
LOG = KafkaLog(
    type="kafka",
    bootstrap="broker:9092",
    group="scoring",
    session_timeout=timedelta(seconds=7),
    transaction_timeout=timedelta(seconds=99),
    compression="zstd",
)
SETTINGS = KafkaSettings(LOG, "toy", RIGHTS)

UNFIT = [
    (
        client.InvalidTransactionTimeoutError,
        "transaction_timeout.*transaction.max.timeout.ms.*99 s",
    ),
    (
        client.InvalidSessionTimeoutError,
        r"session_timeout.*group.min.session.timeout.ms.*got 7 s\.",
    ),
    (client.InconsistentGroupProtocolError, "group `scoring`.*another kind.*set another log.group"),
    (client.InvalidGroupIdError, "log.group.*'scoring'"),
    (client.GroupMaxSizeReachedError, "group `scoring`.*group.max.size"),
    (client.OffsetMetadataTooLargeError, "offset.metadata.max.bytes"),
    (client.InvalidCommitOffsetSizeError, "__consumer_offsets"),
    (client.InvalidTopicError, "`topics`"),
    (client.UnsupportedCompressionTypeError, "log.compression.*'zstd'"),
    (client.UnsupportedForMessageFormatError, "message.format.version"),
]


@pytest.mark.parametrize(("kind", "words"), UNFIT)
def test_settings_that_do_not_fit_are_named_and_not_tried_again(
    kind: type[client.KafkaError], words: str
) -> None:
    # As the client's transaction manager has it: the broker's error is in the text.
    wrapped = client.KafkaError(f"Unexpected error in InitProducerIdResponse: {kind()}")
    for error in (kind(), wrapped):
        found = translate(error, SETTINGS)
        assert type(found) is SetupError
        assert not found.retriable
        assert found.exit_code == 2
        text = str(found)
        assert text.startswith("log.bootstrap `broker:9092`: ")
        with pytest.raises(SetupError, match=words):
            raise found
        assert "is running" not in text
        assert "\n" not in text


KINDS: list[Any] = [kind for kind in vars(client).values() if isinstance(kind, type)]
NOT_RETRIABLE = [
    kind
    for kind in KINDS
    if issubclass(kind, client.BrokerResponseError)
    and kind.errno is not None
    and not kind.retriable
    and kind not in (client.NoError, client.BrokerNotAvailableError)
]


@pytest.mark.parametrize("kind", NOT_RETRIABLE)
def test_no_answer_of_a_broker_is_taken_for_an_outage(kind: type[client.KafkaError]) -> None:
    text = str(translate(kind(), SETTINGS))
    assert "Check that the broker is running" not in text
    assert "\n" not in text


def test_an_answer_that_is_not_known_is_repeated_in_the_brokers_words() -> None:
    found = translate(client.PolicyViolationError("at most 10 partitions"), SETTINGS)
    assert isinstance(found, LogUnavailableError)
    assert "PolicyViolationError: at most 10 partitions (Request parameters do not" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        client.KafkaConnectionError("refused"),
        client.KafkaTimeoutError("late"),
        client.BrokerNotAvailableError(),
        client.CoordinatorNotAvailableError(),
        client.KafkaError("Unhandled error: [Error 15] CoordinatorNotAvailableError"),
    ],
)
def test_an_outage_is_still_one(error: client.KafkaError) -> None:
    found = translate(error, SETTINGS)
    assert found.retriable
    assert str(found).endswith("Check that the broker is running and can be reached.")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"other", "toy.features"}, "READ or WRITE on topic `other`, READ on topic `toy.features`"),
        (["toy.predictions"], "WRITE on topic `toy.predictions`"),
        ("toy.predictions", "WRITE on topic `toy.predictions`"),
        (
            "DescribeProducersRequest failed for "
            "TopicPartition(topic='toy.features', partition=0): None",
            "READ on topic `toy.features`",
        ),
        ("Request failed for elsewhere.", "READ or WRITE on a topic"),
        (None, "READ or WRITE on a topic"),
    ],
)
def test_only_topics_are_named_as_topics(argument: object, words: str) -> None:
    error = client.TopicAuthorizationFailedError(*[] if argument is None else [argument])
    found = translate(error, SETTINGS)
    assert isinstance(found, LogAccessError)
    assert f"needs {words}. Grant it" in str(found)
