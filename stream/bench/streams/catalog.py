"""Streams by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from stream.bench.streams.agrawal import agrawal
from stream.bench.streams.drift import ABRUPT, GRADUAL, evenly
from stream.bench.streams.hyperplane import hyperplane
from stream.bench.streams.led import led
from stream.bench.streams.rbf import rbf
from stream.bench.streams.records import Records
from stream.bench.streams.sea import sea
from stream.bench.streams.sine import sine
from stream.bench.streams.stagger import stagger

Generator = Callable[[int, int], Records]
"""(length, seed) -> records; equal arguments give equal records."""

GENERATORS: Mapping[str, Generator] = {
    "led_abrupt": partial(led, changes=ABRUPT),
    "led_gradual": partial(led, changes=GRADUAL),
    "sea_abrupt": partial(sea, changes=ABRUPT),
    "sea_gradual": partial(sea, changes=GRADUAL),
    "rbf_slow": partial(rbf, speed=1e-4),
    "rbf_fast": partial(rbf, speed=1e-3),
    "agrawal": partial(agrawal, changes=evenly(10), functions=tuple(range(1, 11))),
    "hyperplane": hyperplane,
    "stagger": partial(stagger, changes=ABRUPT, functions=(1, 2, 3, 1)),
    "sine": partial(sine, changes=ABRUPT, functions=(1, 2, 3, 4)),
}
