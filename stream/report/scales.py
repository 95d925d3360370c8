"""Values to places on a picture, and the round values that are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map of values to pixels.

    Examples
    --------
    >>> Scale(0.0, 10.0, 100.0, 200.0)(2.5)
    125.0
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Give the place of a value."""
        width = self.high - self.low or 1.0
        return self.start + (value - self.low) / width * (self.stop - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the picture."""
        return self.low <= value <= self.high


def ticks(low: float, high: float, count: int) -> list[float]:
    """Choose at most about `count` round values between two bounds.

    Examples
    --------
    >>> ticks(0.0, 45_312.0, 5)
    [0.0, 10000.0, 20000.0, 30000.0, 40000.0]
    >>> ticks(0.812, 0.951, 4)
    [0.85, 0.9, 0.95]
    """
    if not high > low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.9999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Rounded, because 3 * 0.1 would be written with 17 digits.
    digits = max(-math.floor(math.log10(step)), 0)
    return [round(number * step, digits) for number in range(first, last + 1)]


def bounds(values: Iterable[float], margin: float = 0.06) -> tuple[float, float]:
    """Give bounds of values with some room; of none, 0 and 1.

    Examples
    --------
    >>> bounds([1.0, 3.0], 0.5)
    (0.0, 4.0)
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = margin * ((high - low) or abs(high) or 1.0)
    return low - room, high + room


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places so that they keep a distance, as little as need be, within bounds.

    Examples
    --------
    >>> apart([10.0, 12.0, 50.0], 10.0, 0.0, 100.0)
    [6.0, 16.0, 50.0]
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    # Neighbours that are too near form a block, which is centred on the mean of its members.
    blocks: list[list[int]] = []
    for index in order:
        blocks.append([index])
        while len(blocks) > 1 and _end(blocks[-2], places, gap, low, high) + gap > _start(
            blocks[-1], places, gap, low, high
        ):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    moved = [0.0] * len(places)
    for block in blocks:
        first = _start(block, places, gap, low, high)
        for number, index in enumerate(block):
            moved[index] = first + number * gap
    return moved


def _start(
    block: Sequence[int], places: Sequence[float], gap: float, low: float, high: float
) -> float:
    length = (len(block) - 1) * gap
    centre = sum(places[index] for index in block) / len(block)
    return max(min(centre - length / 2, high - length), low)


def _end(
    block: Sequence[int], places: Sequence[float], gap: float, low: float, high: float
) -> float:
    return _start(block, places, gap, low, high) + (len(block) - 1) * gap
