"""Any bytes are read or refused in words: events, labels, journal entries, notes, configurations.

The checkpoint's reader is in `test_checkpoint.py`. At length: `python -m tests.fuzz`.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import HARD, PIECES, SEEDS, mutated
from tests.fuzz.targets import TARGETS

_SECONDS_MAX = 5.0
_BYTES_MAX = 100 * 1024 * 1024
bounded = settings(
    max_examples=150,
    deadline=timedelta(seconds=_SECONDS_MAX),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_sound_inputs_are_accepted(target: str) -> None:
    TARGETS[target](SEEDS[target])


@pytest.mark.parametrize("target", sorted(TARGETS))
@given(data=st.data())
@bounded
def test_arbitrary_bytes(target: str, data: st.DataObject) -> None:
    pieces = st.sampled_from([*PIECES[target], SEEDS[target]])
    TARGETS[target](b"".join(data.draw(st.lists(st.binary(max_size=40) | pieces, max_size=8))))


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_sound_inputs_with_changes(target: str) -> None:
    rng = random.Random(7)
    for _ in range(400):
        data = mutated(target, rng)
        started = time.monotonic()
        try:
            TARGETS[target](data)
        except Exception as error:
            error.add_note(repr(data))
            raise
        assert time.monotonic() - started < _SECONDS_MAX, data


CASES = [(target, number) for target, cases in HARD.items() for number in range(len(cases))]


@pytest.mark.parametrize(("target", "number"), CASES)
def test_inputs_that_grow_or_nest(target: str, number: int) -> None:
    data = HARD[target][number]
    TARGETS[target](SEEDS[target])  # what is loaded once does not count
    started = time.monotonic()
    TARGETS[target](data)
    assert time.monotonic() - started < _SECONDS_MAX
    tracemalloc.start()
    try:
        TARGETS[target](data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < _BYTES_MAX
