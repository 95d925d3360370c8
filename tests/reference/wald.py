"""Wald's sequential test restated plainly, and the HTM detector on top of it."""

from __future__ import annotations

import math

from tests.reference.htm import PlainEncoder, PlainLikelihood, PlainMemory, PlainPooler
from tests.reference.zones import QUIET, Verdict, mean


class PlainSPRT:
    """Weighs p0 against p1, of bits or of values between."""

    def __init__(
        self,
        normal_rate: float = 0.0,
        rise: float = 0.2,
        alpha: float = 1e-4,
        beta: float = 0.05,
        grace_period: int = 100,
        rate_least: float = 0.0,
    ) -> None:
        self.normal_rate, self.rise, self.least = normal_rate, rise, rate_least
        self.low, self.high = math.log(beta / (1 - alpha)), math.log((1 - beta) / alpha)
        self.grace = grace_period
        self.restart()

    def restart(self) -> None:
        self.usual: list[float] = []
        self.test: list[float] = []
        self.drifted = False

    def update(self, x: float) -> Verdict:
        if self.drifted:
            self.restart()
        if len(self.usual) < self.grace:
            self.usual.append(x)
            return QUIET
        self.test.append(x)
        ratio = self.ratio()
        if ratio >= self.high:
            self.drifted = True
            before = mean(self.usual) if self.usual else self.normal_rate
            return Verdict("drift", before, mean(self.test))
        tired = not self.normal_rate and len(self.test) >= len(self.usual)
        if ratio <= self.low or tired:
            self.usual += self.test
            self.test = []
        return QUIET

    def ratio(self) -> float:
        """Give the logarithm of how much likelier p1 makes the test's values than p0."""
        p0 = self.normal_rate or max((sum(self.usual) + 0.5) / (len(self.usual) + 1), self.least)
        p1 = p0 + self.rise * (1 - p0)
        ones = sum(self.test)
        zeros = len(self.test) - ones
        return ones * math.log(p1 / p0) + zeros * math.log((1 - p1) / (1 - p0))


class PlainHTMSPRT:
    """Blocks to bits to columns to surprise to likelihood to ones, and those to the test."""

    def __init__(
        self,
        permanences: list[list[int]],
        width: int,
        active: int,
        segments: int,
        synapses: int,
        block: int,
        theta: float,
        rise: float,
        alpha: float,
        beta: float,
        grace_period: int,
        warm_up: int,
        period: float,
    ) -> None:
        self.encoder = PlainEncoder(len(permanences[0]), width, grace_period)
        self.pooler = PlainPooler(permanences, active)
        self.memory = PlainMemory(len(permanences), segments, synapses)
        self.likelihood = PlainLikelihood(period)
        self.test = PlainSPRT(0.0, rise, alpha, beta, grace_period, 1 - theta)
        self.block, self.theta, self.warm_up = block, theta, warm_up
        self.values: list[float] = []
        self.blocks: list[float] = []  # that the test has been given since it last began anew
        self.learnt = 0

    def update(self, x: float) -> Verdict:
        if self.test.drifted:
            self.test.restart()
            self.blocks = []
            self.encoder.begin()
        self.values.append(x)
        if len(self.values) < self.block:
            return QUIET
        x = mean(self.values)
        self.values = []
        if not self.encoder.learn(x):
            return QUIET
        columns = self.pooler.winners(self.encoder.bits(x))
        surprise = 1 - self.memory.step(columns) / len(columns)
        chance = self.likelihood.update(surprise)
        self.learnt += 1
        if self.learnt <= self.warm_up:
            return QUIET
        self.blocks.append(x)
        verdict = self.test.update(float(chance > self.theta))
        if verdict.zone != "drift":
            return QUIET
        began = len(self.blocks) - len(self.test.test)
        return Verdict("drift", mean(self.blocks[:began]), mean(self.blocks[began:]))
