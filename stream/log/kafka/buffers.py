"""What the client's fetcher holds of records that it has fetched and not returned yet."""

from __future__ import annotations

from collections.abc import Container
from typing import Any


def free_the_slot(fetcher: Any) -> None:
    """Let records that were parked by a pause come back after it.

    The client puts them back only into a slot that is None, but leaves a drained, empty object in
    it when no further fetch is waiting (kafka-python 3.0.12, `fetched_records`). The partition then
    neither returns what was parked nor fetches anew, for ever.
    """
    if fetcher._next_partition_records is not None and not fetcher._next_partition_records:
        fetcher._next_partition_records = None


async def drop_fetched(fetcher: Any, partitions: Container[Any]) -> None:
    """Throw away what a fetcher holds of some partitions, parsed or not."""
    for held in list(fetcher._completed_fetches):
        if held.topic_partition in partitions:
            fetcher._completed_fetches.remove(held)
    for parked in (fetcher._paused_completed_fetches, fetcher._paused_partition_records):
        for partition in list(parked):
            if partition in partitions:
                del parked[partition]
    current = fetcher._next_partition_records
    if current is not None and current.topic_partition in partitions:
        fetcher._next_partition_records = None
