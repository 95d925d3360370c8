"""One thing that stands still although it should not."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from stream.log.base import OpenTransaction


class Trouble(NamedTuple):
    """What stands still, and why, in words that an operator can act on.

    `key` stays the same for as long as it lasts; `reason` may count the seconds.
    """

    key: Hashable
    reason: str


def describe_open(held: OpenTransaction, age_s: float) -> str:
    """Say whose a transaction is, and since when it holds back what comes after it."""
    return (
        f"a transaction of producer {held.producer_id} (epoch {held.producer_epoch}) has been "
        f"open from offset {held.start_offset} on for {age_s:.0f} s"
    )
