"""Events and labels with known ids, over several partitions: all at once, or at a steady rate."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import kafka
import msgspec

POISON = b"poison-"
"""Begin of the keys of records that are no events."""

_CATEGORIES = "pqrstuvw"
_START_MS = 1_700_000_000_000
_EVENT_MS = 1000
"""Event time between two events of a partition."""


@dataclass(frozen=True)
class Load:
    """What the input topics hold.

    Parameters
    ----------
    partitions, events
        Number of partitions, and of events over all of them.
    label_delay
        A label comes this many events after its own, in a topic of its own; 0: within the event.
    seed
        Of everything random.
    """

    partitions: int
    events: int
    label_delay: int = 150
    seed: int = 7

    @property
    def name(self) -> str:
        return f"load-{self.partitions}-{self.events}-{self.label_delay}-{self.seed}"

    @property
    def events_each(self) -> int:
        """Events of one partition."""
        return self.events // self.partitions


class Item(NamedTuple):
    """One record to append."""

    partition: int
    key: bytes
    value: bytes | None
    timestamp: int


def events_of(load: Load, partition: int) -> Iterator[Item]:
    """Events of one partition, without end; the concept turns round in the middle of the load."""
    for number, fields in enumerate(_fields(load, partition)):
        label = {"y": fields.pop("y")}
        value = msgspec.json.encode(fields | (label if load.label_delay == 0 else {}))
        yield Item(partition, _key(partition, number), value, event_time(number))


def labels_of(load: Load, partition: int) -> Iterator[Item]:
    """Their labels, in event time `label_delay` events later."""
    for number, fields in enumerate(_fields(load, partition)):
        value = msgspec.json.encode({"y": fields["y"]})
        # Half an event later, so that no label has the time of an event.
        at = event_time(number + load.label_delay) + _EVENT_MS // 2
        yield Item(partition, _key(partition, number), value, at)


def event_time(number: int) -> int:
    """When the event of this number happened, in milliseconds since 1970."""
    return _START_MS + _EVENT_MS * number


def _key(partition: int, number: int) -> bytes:
    return b"%d-%d" % (partition, number)


def _fields(load: Load, partition: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(f"{load.seed}-{partition}")
    for number in itertools.count():
        a = rng.random()
        wanted = (a > 0.5) != (number > load.events_each // 2)
        label = wanted if rng.random() < 0.9 else not wanted
        yield {
            "a": a,
            "b": None if rng.random() < 0.05 else rng.gauss(0, 1),
            "c": rng.choice(_CATEGORIES),
            "y": "yes" if label else "no",
        }


class Appender:
    """A plain idempotent producer; at the end of the `with` statement all is acknowledged."""

    def __init__(self, bootstrap: str) -> None:
        self._producer: Any = kafka.KafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            acks="all",
            linger_ms=10,
            batch_size=128 * 1024,
            # Longer than any outage of the matrix: what was to be sent is sent.
            delivery_timeout_ms=600_000,
            max_block_ms=600_000,
        )
        self._sent: list[Any] = []

    def append(self, topic: str, item: Item) -> None:
        """Send one record."""
        self._sent.append(
            self._producer.send(
                topic,
                key=item.key,
                value=item.value,
                partition=item.partition,
                timestamp_ms=item.timestamp,
            )
        )

    def flush(self) -> None:
        """Wait until everything sent is acknowledged."""
        self._producer.flush(timeout=600)
        failed = [future.exception for future in self._sent if not future.succeeded()]
        self._sent.clear()
        if failed:
            raise RuntimeError(f"{len(failed)} records were not appended; the first: {failed[0]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.flush()
        self._producer.close(timeout=5)


class Feeder:
    """Appends items at a steady rate from a thread, until they end or `stop` is called.

    Parameters
    ----------
    rate
        Records a second; `rate` may be changed meanwhile.
    """

    def __init__(self, bootstrap: str, topic: str, items: Iterator[Item], rate: float) -> None:
        self.rate = rate
        self.sent = 0
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._appender = Appender(bootstrap)
        self._topic, self._items = topic, items
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> int:
        """End; return how many records were appended."""
        self._stop.set()
        return self.join()

    def join(self) -> int:
        """Wait for the end of the items; return how many records were appended."""
        self._thread.join()
        if self.error is not None:
            raise RuntimeError("the feeder has failed") from self.error
        return self.sent

    def _feed(self) -> None:
        try:
            with self._appender as appender:
                owed, last = 0.0, time.monotonic()
                for item in self._items:
                    while owed < 1 and not self._stop.is_set():
                        time.sleep(0.02)
                        now = time.monotonic()
                        owed, last = owed + (now - last) * self.rate, now
                    if self._stop.is_set():
                        break
                    appender.append(self._topic, item)
                    owed -= 1
                    self.sent += 1
        except BaseException as error:  # told by `join`, in the caller's thread
            self.error = error


def interleaved(load: Load) -> Iterator[Item]:
    """Events of all partitions in turn, endless ones included, for a steady rate."""
    for items in zip(*(events_of(load, p) for p in range(load.partitions)), strict=True):
        yield from items
