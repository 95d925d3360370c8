"""The leader's placement of partitions: sticky, cooperative, and as credulous as the real client's.

kafka-python 3.0.12 sends no generation with what a member claims to own. A worker that was taken
for dead, and its successor, may both claim a partition; the first in the list keeps it, and the
last one counts as its present owner. So a partition may be given, in one round and without a
callback, to a worker whose state is long out of date.
"""

from __future__ import annotations

from collections.abc import Mapping

from stream.simulate.group import Assignment


def assign(claims: Mapping[str, Assignment], count: int) -> dict[str, Assignment]:
    """Place partitions 0 <= number < count; what moves is given out in the next round."""
    placed: dict[str, list[int]] = {name: [] for name in claims}
    owner: dict[int, str] = {}
    taken: set[int] = set()
    for name, numbers in claims.items():
        for number in sorted(numbers):
            owner[number] = name  # the last claim counts
            if number not in taken and number < count:
                placed[name].append(number)  # the first one keeps
                taken.add(number)
    for number in range(count):
        if number not in taken:
            placed[_emptiest(placed)].append(number)
    while True:
        low, high = _emptiest(placed), max(placed, key=lambda name: (len(placed[name]), name))
        if len(placed[high]) - len(placed[low]) <= 1:
            break
        # Back to one that claims it, if there is such a one.
        back = [number for number in placed[high] if number in claims[low]]
        moved = back[0] if back else placed[high][-1]
        placed[high].remove(moved)
        placed[low].append(moved)
    return {
        name: frozenset(number for number in numbers if owner.get(number, name) == name)
        for name, numbers in placed.items()
    }


def _emptiest(placed: Mapping[str, list[int]]) -> str:
    return min(placed, key=lambda name: (len(placed[name]), name))
