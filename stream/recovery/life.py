"""Which life of a log a state belongs to.

A partition's log can begin anew under the same names: a topic is deleted and created again, the
file of an embedded log is removed, an operator resets the position. What was kept of the life
before (checkpoints, committed offsets, journal entries) then looks right and is not. So each of
them carries the life that it was made in, and is compared.

A life is named by where it begins in the journal, and by the ids of the topics that it reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a partition's log.

    Parameters
    ----------
    begin
        No entry of this life lies in the journal below this offset.
    topics
        Digest of the ids of the input topics and the journal; two logs that differ in it share
        no offset.

    Examples
    --------
    >>> str(Life(12, "5d01e7aa"))
    '12-5d01e7aa'
    >>> Life.parse("12-5d01e7aa") == Life(12, "5d01e7aa")
    True
    """

    begin: int
    topics: str

    def __str__(self) -> str:
        return f"{self.begin}-{self.topics}"

    @classmethod
    def parse(cls, text: str) -> Life | None:
        """Read a name back; None for that of a version which knew no lives."""
        begin, _, topics = text.partition("-")
        return cls(int(begin), topics) if begin.isdigit() and topics else None

    @classmethod
    def of(cls, begin: int, topic_ids: Mapping[str, str]) -> Life:
        """Name the life that begins at this offset of the journal, on these topics."""
        return cls(begin, topics_digest(topic_ids))

    def may_be_on(self, topic_ids: Mapping[str, str]) -> bool:
        """Whether these may be its topics; ids that a broker was, or is, too old for prove nothing.

        Examples
        --------
        >>> Life.of(0, {"a": ""}).may_be_on({"a": "jXo3"})
        True
        >>> Life.of(0, {"a": "jXo3"}).may_be_on({"a": "kYp4"})
        False
        """
        now, unknown = topics_digest(topic_ids), topics_digest(dict.fromkeys(topic_ids, ""))
        return self.topics == now or unknown in (self.topics, now)


def topics_digest(topic_ids: Mapping[str, str]) -> str:
    """Digest of topic ids by name."""
    text = "\n".join(f"{name}={topic_id}" for name, topic_id in sorted(topic_ids.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def same_life(one: str, other: str) -> bool:
    """Compare the names of two lives; an empty one is of a version that knew none.

    That version began no life anew, so an empty name stands for a first life and for no later one.

    Examples
    --------
    >>> same_life("", "0-5d01e7aa"), same_life("", "12-5d01e7aa")
    (True, False)
    """
    if one and other:
        return one == other
    named = Life.parse(one or other)
    return named is None or named.begin == 0
