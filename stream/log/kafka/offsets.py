"""Reads the group's committed positions from its coordinator, all of them in one request.

The client reads them too, but reports a transaction that is not over yet, and a coordinator that is
away, in one and the same way: after its whole time-out.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import kafka
from kafka import errors as client
from kafka.protocol.consumer import OffsetFetchRequest

from stream.errors import LogUnsettledError
from stream.log.base import Committed, TopicPartition
from stream.log.kafka.errors import translated
from stream.log.kafka.settings import KafkaSettings

_VERSION_MAX = 8  # from 9 on, members are named in it; the client speaks 8 itself
_UNSETTLED_WAIT_S = 0.01
_UNREACHED_WAIT_S = 0.1

Positions = dict[TopicPartition, Committed | None]


class CommittedOffsets:
    """The positions that a group has committed.

    Parameters
    ----------
    consumer
        The group's consumer, whose connections are used; any thread may read.
    """

    def __init__(self, consumer: Any, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._settings = settings

    def read(self, sources: Iterable[TopicPartition], timeout_s: float) -> Positions:
        """Read, once no open transaction would move what is read.

        Raises
        ------
        LogUnsettledError, LogUnavailableError, LogAccessError
        """
        return self.begin(sources, timeout_s)()

    def begin(self, sources: Iterable[TopicPartition], timeout_s: float) -> Callable[[], Positions]:
        """Begin a `read`; the returned function waits for its end."""
        wanted = list(sources)
        if not wanted:
            return dict
        manager = self._consumer._manager
        under_way = manager.call_soon(self._ask, wanted, time.monotonic() + timeout_s)

        def wait() -> Positions:
            with translated(self._settings):
                found: Positions = manager.run(_outcome, under_way)
            return found

        return wait

    async def _ask(self, sources: list[TopicPartition], deadline: float) -> Positions:
        coordinator, manager = self._consumer._coordinator, self._consumer._manager
        while True:
            left_ms = max(1.0, 1000 * (deadline - time.monotonic()))
            wait_s = _UNREACHED_WAIT_S
            why: Exception = client.KafkaTimeoutError("the group's coordinator does not answer")
            if await coordinator.ensure_coordinator_ready_async(timeout_ms=left_ms):
                node, request = coordinator.coordinator(), self._request(sources)
                try:
                    answer = await manager.wait_for(manager.send(request, node_id=node), left_ms)
                    return _positions(answer, sources)
                except client.UnstableOffsetCommitError:
                    why = self._unsettled(sources)
                    wait_s = _UNSETTLED_WAIT_S
                except client.NotCoordinatorError as error:
                    coordinator.coordinator_dead(error)
                    why = error
                except client.RetriableError as error:
                    coordinator._failed_request(node, request, error)
                    why = error
            if time.monotonic() + wait_s >= deadline:
                raise why
            await manager._net.sleep(wait_s)

    def _request(self, sources: list[TopicPartition]) -> Any:
        numbers: dict[str, list[int]] = defaultdict(list)
        for source in sources:
            numbers[source.topic].append(source.partition)
        kind, group = OffsetFetchRequest, self._settings.group
        topics = [
            kind.OffsetFetchRequestTopic(name=name, partition_indexes=found)
            for name, found in numbers.items()
        ]
        of_group = kind.OffsetFetchRequestGroup
        group_topics = [
            of_group.OffsetFetchRequestTopics(name=name, partition_indexes=found)
            for name, found in numbers.items()
        ]
        return kind(
            group_id=group,
            topics=topics,
            groups=[of_group(group_id=group, topics=group_topics)],
            require_stable=True,
            max_version=_VERSION_MAX,
        )

    def _unsettled(self, sources: list[TopicPartition]) -> LogUnsettledError:
        named = ", ".join(sorted({source.topic for source in sources}))
        return LogUnsettledError(
            f"group `{self._settings.group}`: its positions in {named} are about to be moved by a "
            f"transaction that is open. Wait: the broker aborts it after its transaction timeout, "
            "unless it hangs: `driftgate transactions list CONFIG`."
        )


async def _outcome(under_way: Any) -> Any:
    return await under_way


def _positions(answer: Any, sources: list[TopicPartition]) -> Positions:
    """Read the answer; a topic that is not known has no positions."""
    grouped = answer.API_VERSION >= _VERSION_MAX
    body = answer.groups[0] if grouped else answer
    _raise_for(body.error_code if grouped or answer.API_VERSION >= 2 else 0)
    found: Positions = dict.fromkeys(sources)
    for topic in body.topics:
        for entry in topic.partitions:
            if entry.error_code == client.UnknownTopicOrPartitionError.errno:
                continue
            _raise_for(entry.error_code)
            if entry.committed_offset >= 0:
                source = TopicPartition(topic.name, entry.partition_index)
                found[source] = Committed(entry.committed_offset, entry.metadata or "")
    return found


def _raise_for(code: int) -> None:
    kind = client.for_code(code)
    if kind is not client.NoError:
        raise kind()


def to_client(positions: Mapping[TopicPartition, Committed]) -> dict[Any, Any]:
    """Turn positions into the client's."""
    return {
        kafka.TopicPartition(*source): kafka.OffsetAndMetadata(at.offset, at.note, -1)
        for source, at in positions.items()
    }
