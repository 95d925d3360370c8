"""HTM restated plainly: sets of bits, segments as objects, every step spelled out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

MASK = (1 << 64) - 1


def mixed(number: int) -> int:
    """Mix a whole number as splitmix64 does."""
    z = (number * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class PlainEncoder:
    """Numbers as sets of bits."""

    def __init__(self, size: int, width: int, grace: int) -> None:
        self.size, self.width, self.grace = size, width, grace
        self.resolution, self.origin = 0.0, 0.0
        self.values: list[float] = []
        self.measured = False

    def begin(self) -> None:
        self.values, self.measured = [], False

    def learn(self, x: float) -> bool:
        if not self.measured or self.resolution == 0.0:
            self.values.append(x)
            mean = sum(self.values) / len(self.values)
            variance = sum((v - mean) ** 2 for v in self.values) / len(self.values)
            if len(self.values) >= self.grace and max(self.values) > min(self.values):
                wanted = 6 * math.sqrt(variance) / 64
                if not (self.resolution and 1 / 3 <= wanted / self.resolution <= 3):
                    self.resolution, self.origin = wanted, mean
                self.measured = True
        return self.resolution > 0

    def bits(self, x: float) -> set[int]:
        bucket = math.floor((x - self.origin) / self.resolution + 0.5)
        return {mixed(bucket + i + (1 << 60)) % self.size for i in range(self.width)}


class PlainPooler:
    """Permanences in thousandths by column and bit, of the bits that a column sees."""

    def __init__(self, permanences: list[list[int]], active: int) -> None:
        self.seen = [{j: p for j, p in enumerate(row) if p >= 0} for row in permanences]
        self.active = active

    def winners(self, bits: set[int]) -> list[int]:
        fit = [sum(column.get(bit, 0) >= 100 for bit in bits) for column in self.seen]
        order = sorted(range(len(fit)), key=lambda c: (-fit[c], c))
        winners = sorted(order[: self.active])
        for c in winners:
            for bit, permanence in self.seen[c].items():
                moved = permanence + 50 if bit in bits else permanence - 8
                self.seen[c][bit] = min(max(moved, 0), 1000)
        return winners


@dataclass
class Segment:
    cell: int
    synapses: list[list[int]] = field(default_factory=list)  # source, permanence
    used: bool = True
    connected: int = 0
    potential: int = 0


class PlainMemory:
    """A temporal memory of 8 cells a column."""

    def __init__(self, columns: int, segments: int, synapses: int) -> None:
        self.columns, self.most, self.room = columns, segments, synapses
        self.segments: list[Segment] = []
        self.hand = 0
        self.active: set[int] = set()
        self.winners: list[int] = []

    def step(self, columns: list[int]) -> int:
        """Return how many of the columns were expected."""
        expecting = [s for s in self.segments if s.connected >= 7]
        expected = {s.cell // 8 for s in expecting}
        best = {}
        for c in range(self.columns):
            matching = [s for s in self.segments if s.cell // 8 == c and s.potential >= 5]
            best[c] = max(matching, key=lambda s: s.potential, default=None)
        now: set[int] = set()
        winners: dict[int, int] = {}
        for segment in expecting:
            c = segment.cell // 8
            if c in columns:
                now.add(segment.cell)
                winners.setdefault(c, segment.cell)
                self._adapt(segment)
        for c in columns:
            if c not in expected:
                now |= set(range(8 * c, 8 * c + 8))
                winners[c] = self._burst(c, best[c])
        self.active = now
        self.winners = [winners[c] for c in columns]
        for segment in self.segments:
            strong = [p >= 500 for cell, p in segment.synapses if cell in now]
            segment.connected, segment.potential = sum(strong), len(strong)
        return sum(c in expected for c in columns)

    def _burst(self, c: int, match: Segment | None) -> int:
        loads = [sum(s.cell == cell for s in self.segments) for cell in range(8 * c, 8 * c + 8)]
        if match is None or match.potential < 5:
            cell = 8 * c + loads.index(min(loads))
            if not self.winners:
                return cell
            match = self._new(cell)
        self._adapt(match)
        return match.cell

    def _new(self, cell: int) -> Segment:
        if len(self.segments) < self.most:
            self.segments.append(Segment(cell))
            return self.segments[-1]
        while self.segments[self.hand].used:
            self.segments[self.hand].used = False
            self.hand = (self.hand + 1) % self.most
        segment = self.segments[self.hand]
        self.hand = (self.hand + 1) % self.most
        segment.cell, segment.synapses, segment.connected, segment.potential = cell, [], 0, 0
        return segment

    def _adapt(self, segment: Segment) -> None:
        segment.used = True
        synapses, i = segment.synapses, 0
        while i < len(synapses):
            synapses[i][1] += 100 if synapses[i][0] in self.active else -100
            synapses[i][1] = min(synapses[i][1], 1000)
            if synapses[i][1] <= 0:
                synapses[i] = synapses[-1]
                synapses.pop()
            else:
                i += 1
        known = {cell for cell, _ in synapses}
        wanted = max(len(self.winners) - segment.potential, 0)
        for cell in [cell for cell in self.winners if cell not in known][:wanted]:
            if len(synapses) < self.room:
                synapses.append([cell, 210])
                continue
            silent = [k for k, (source, _) in enumerate(synapses) if source not in self.active]
            if silent:
                synapses[min(silent, key=lambda k: synapses[k][1])] = [cell, 210]


class PlainLikelihood:
    def __init__(self, period: float) -> None:
        self.gain = 1 - math.exp(-1 / period)
        self.mean, self.variance = 1.0, 0.0

    def update(self, score: float) -> float:
        sd = math.sqrt(max(self.variance, 3e-4))
        chance = 0.5 * (1 + math.erf((score - max(self.mean, 0.03)) / sd / math.sqrt(2)))
        step = score - self.mean
        self.mean = (1 - self.gain) * self.mean + self.gain * score
        self.variance = (1 - self.gain) * (self.variance + self.gain * step**2)
        return chance
