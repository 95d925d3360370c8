"""SEED restated plainly: blocks are lists of their values."""

from __future__ import annotations

import math
from itertools import chain
from statistics import pvariance

from tests.reference.zones import QUIET, Verdict, mean


class PlainSEED:
    def __init__(
        self,
        delta: float = 0.05,
        block_length: int = 32,
        likeness: float = 0.01,
        growth: float = 0.8,
        compress_every: int = 75,
        blocks_max: int = 128,
    ) -> None:
        self.delta, self.block_length, self.blocks_max = delta, block_length, blocks_max
        self.likeness, self.growth, self.compress_every = likeness, growth, compress_every
        self.blocks: list[list[float]] = []
        self.tick = 0

    def update(self, x: float) -> Verdict:
        if not self.blocks or len(self.blocks[-1]) >= self.block_length:
            self.blocks.append([])
        self.blocks[-1].append(x)
        if len(self.blocks[-1]) < self.block_length:
            return QUIET
        verdict = self._cut()
        self.tick += 1
        if self.tick == self.compress_every:
            self._compress()
            self.tick = 0
        if len(self.blocks) == self.blocks_max:
            gaps = [self._gap(k) for k in range(len(self.blocks) - 1)]
            self._merge(gaps.index(min(gaps)))
        return verdict

    def _cut(self) -> Verdict:
        values = list(chain(*self.blocks))
        confidence = math.log(2 * math.log(len(values)) / self.delta)
        found = []
        for k in range(1, len(self.blocks)):
            older, newer = list(chain(*self.blocks[:k])), list(chain(*self.blocks[k:]))
            m = 1 / len(older) + 1 / len(newer)
            bound = math.sqrt(2 * m * pvariance(values) * confidence) + 2 / 3 * m * confidence
            ratio = abs(mean(older) - mean(newer)) / bound
            found.append((ratio, k, mean(older), mean(newer)))
        ratio, k, before, after = max(found, default=(0.0, 0, 0.0, 0.0))
        if ratio <= 1:
            return QUIET
        self.blocks = self.blocks[k:]
        return Verdict("drift", before, after)

    def _gap(self, k: int) -> float:
        return abs(mean(self.blocks[k]) - mean(self.blocks[k + 1]))

    def _merge(self, k: int) -> None:
        self.blocks[k : k + 2] = [self.blocks[k] + self.blocks[k + 1]]

    def _compress(self) -> None:
        newest = len(self.blocks) - 2
        for k in range(newest, -1, -1):
            if self._gap(k) < self.likeness * (1 + self.growth * (newest - k)):
                self._merge(k)
