"""HTM and SPRT: each part is as its plain restatement, and so is the whole; what it is good for.

What every detector promises is in test_detector_contracts.py; figures: tests/bench/htm.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators.drift.htm_sprt import HTMSPRT, new_column
from operators.kernels import scalar_encoder, spatial_pooler, temporal_memory
from operators.kernels.anomaly_likelihood import likelihood, new_scores
from tests.operators.interpreted_htm import (
    ACTIVE,
    COLUMNS,
    SEGMENTS,
    SIZE,
    SYNAPSES,
    WIDTH,
    run,
    sequence,
)
from tests.reference.htm import PlainEncoder, PlainLikelihood, PlainMemory, PlainPooler
from tests.reference.wald import PlainHTMSPRT
from tests.reference.zones import alarms_of

ROOT = Path(__file__).parents[2]


def encoded(scale: NDArray[np.void], x: float) -> set[int]:
    bits, seen = np.zeros(WIDTH, dtype=np.int64), np.zeros(SIZE, dtype=np.bool_)
    bucket = scalar_encoder.bucket_of(scale, x)
    n = scalar_encoder.encode_bucket(bucket, WIDTH, SIZE, bits, seen)
    assert not seen.any()
    return set(bits[:n].tolist())


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([1e-6, 1.0, 1e9]),
    shift=st.sampled_from([0.0, -30.0]),
)
def test_the_encoder_is_the_plain_one(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    state, plain = np.zeros(1, dtype=scalar_encoder.SCALE), PlainEncoder(SIZE, WIDTH, 20)
    values = np.concatenate([np.full(25, 0.5), rng.normal(size=40), 10 * rng.normal(size=40)])
    first = 0.0
    for t, x in enumerate((scale * (values + shift)).tolist()):
        if t == 65:
            first = float(state["resolution"][0])
            scalar_encoder.begin_scale(state)
            plain.begin()
        ready = scalar_encoder.learn_scale(state, x, 20)
        assert ready == plain.learn(x)
        assert state["resolution"][0] == pytest.approx(plain.resolution, rel=1e-5)
        if ready:
            plain.resolution, plain.origin = state["resolution"][0], state["origin"][0]
            assert encoded(state, x) == plain.bits(x)
    assert state["resolution"][0] > 3 * first > 0.0  # taken anew


def test_near_numbers_share_bits_and_far_ones_do_not() -> None:
    scale = np.zeros(1, dtype=scalar_encoder.SCALE)
    scale["resolution"] = 1.0
    pairs = [
        (len(encoded(scale, x) & encoded(scale, x + 2.0)), len(encoded(scale, x + 1e6)))
        for x in range(200)
    ]
    near, size = np.mean(pairs, axis=0)
    far = np.mean([len(encoded(scale, x) & encoded(scale, x + 50.0)) for x in range(200)])
    assert size > 0.9 * WIDTH
    assert near > 0.7 * size
    assert far < 0.25 * size  # by chance 9 / 60
    assert encoded(scale, 1e300) != encoded(scale, -1e300)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_pooler_is_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool = spatial_pooler.new_pool(COLUMNS, SIZE, seed)
    plain = PlainPooler(pool.tolist(), ACTIVE)
    overlap = np.zeros(COLUMNS, dtype=np.int64)
    winners, counts = np.zeros(ACTIVE, dtype=np.int64), np.zeros(WIDTH + 1, dtype=np.int64)
    for _ in range(60):
        n = int(rng.integers(1, WIDTH + 1))
        bits = np.resize(rng.choice(SIZE // 2, n, replace=False), WIDTH)
        spatial_pooler.overlaps(pool, bits, n, overlap)
        spatial_pooler.fittest(overlap, winners, counts)
        spatial_pooler.learn_winners(pool, bits, n, winners)
        assert winners.tolist() == plain.winners(set(bits[:n].tolist()))
    held = [{j: p for j, p in enumerate(row) if p >= 0} for row in pool.tolist()]
    assert held == plain.seen


def test_half_of_the_bits_are_seen_and_half_of_those_connected() -> None:
    pool = spatial_pooler.new_pool(100, 200, 1)
    assert ((pool >= 0).sum(axis=1) == 100).all()
    assert (pool >= spatial_pooler.CONNECTED).mean() == pytest.approx(0.25, abs=0.02)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), segments=st.sampled_from([10, SEGMENTS, 300]))
def test_the_memory_is_the_plain_one(seed: int, segments: int) -> None:
    memory = temporal_memory.new_memory(COLUMNS, segments, SYNAPSES)
    plain = PlainMemory(COLUMNS, segments, SYNAPSES)
    for columns in sequence(seed, 120):
        assert temporal_memory.step(memory, np.array(columns)) == plain.step(columns)
        assert set(np.flatnonzero(memory.active).tolist()) == plain.active
        assert memory.winner[:ACTIVE].tolist() == plain.winners
    n = int(memory.counts["segments"][0])
    assert memory.owner[:n].tolist() == [segment.cell for segment in plain.segments]
    held = [
        list(zip(source[:size], permanence[:size], strict=True))
        for source, permanence, size in zip(
            memory.synapses.source[:n].tolist(),
            memory.synapses.permanence[:n].tolist(),
            memory.synapses.size[:n].tolist(),
            strict=True,
        )
    ]
    assert held == [[(c, p) for c, p in segment.synapses] for segment in plain.segments]
    assert not memory.now.any()
    assert (memory.rank == -1).all()
    loads = np.bincount(memory.owner[:n], minlength=len(memory.load))
    assert (memory.load == loads).all()


def test_a_sequence_that_comes_again_is_expected() -> None:
    """Also where the same pattern is followed by one or another, by what came before it."""
    memory = temporal_memory.new_memory(COLUMNS, 400, 16)
    rng = np.random.default_rng(2)
    a, b, c, d, x = (np.sort(rng.choice(COLUMNS, ACTIVE, replace=False)) for _ in range(5))
    hits = [temporal_memory.step(memory, columns) for columns in [a, x, b, c, x, d] * 40]
    assert hits[:12] == [0] * 12
    # It ever learns a longer context, for which one step bursts now and then.
    assert sorted(hits[-12:])[2:] == [ACTIVE] * 10
    # x alone might be followed by b or by d. Mostly it is known which.
    known = 0
    for columns in [a, x, b, c, x, d] * 8:
        temporal_memory.step(memory, columns)
        if columns is x:
            likely = set(np.flatnonzero(memory.expected).tolist())
            known += (set(b.tolist()) <= likely) != (set(d.tolist()) <= likely)
    assert known >= 12


def test_the_likelihood_is_the_plain_one() -> None:
    scores, plain = new_scores(), PlainLikelihood(50.0)
    values = np.clip(np.random.default_rng(3).normal(0.3, 0.2, size=300), 0, 1)
    found = [likelihood(scores, x, 50.0) for x in values.tolist()]
    assert found == pytest.approx([plain.update(x) for x in values.tolist()], abs=1e-9)
    assert np.mean(np.array(found[100:]) > 0.65) == pytest.approx(0.35, abs=0.08)


@pytest.mark.parametrize(("block", "theta", "rise"), [(1, 0.9, 0.3), (3, 0.65, 0.5)])
def test_it_signals_as_the_plain_restatement_does(block: int, theta: float, rise: float) -> None:
    rng = np.random.default_rng(block)
    t = np.arange(300 * block)
    values = np.sin(t / 3) + 0.1 * rng.normal(size=len(t)) + 2.0 * (t >= 230 * block)
    column = new_column(1)
    params = {
        "block": block,
        "theta": theta,
        "rise": rise,
        "alpha": 0.01,
        "beta": 0.05,
        "grace_period": 20,
        "warm_up": 50,
        "period": 60.0,
    }
    plain = PlainHTMSPRT(
        column.pool.tolist(),
        len(column.bits),
        len(column.winners),
        len(column.memory.owner),
        column.memory.synapses.source.shape[1],
        **params,  # type: ignore[arg-type]
    )
    expected = alarms_of(plain, values.tolist())
    found = HTMSPRT(**params, seed=1).update_many(values)  # type: ignore[arg-type]
    assert expected
    assert [(a.index, a.kind) for a in found] == [alarm[:2] for alarm in expected]
    means = [mean for a in found for mean in (a.before, a.after)]
    assert means == pytest.approx([mean for alarm in expected for mean in alarm[2:]], abs=1e-9)


def test_another_order_of_the_same_values_is_a_drift() -> None:
    rng = np.random.default_rng(1)
    usual, other = np.arange(8.0), np.array([7.0, 2, 5, 0, 3, 6, 1, 4])
    values = np.concatenate([np.tile(usual, 300), np.tile(other, 100)])
    values += 0.05 * rng.normal(size=len(values))
    alarms, anomalies = HTMSPRT(block=1).watch_many(values)
    assert alarms
    assert 2400 <= alarms[0].index < 2440
    assert abs(alarms[0].rise) < 1.0
    assert anomalies[2400:2420].mean() > 3 * anomalies[2000:2400].mean()
    assert anomalies.min() == 0.0
    assert anomalies.max() <= 1.0


def test_a_wave_is_no_drift_and_a_shift_of_it_is() -> None:
    rng = np.random.default_rng(2)
    wave = np.sin(2 * np.pi * np.arange(6000) / 50) + 0.1 * rng.normal(size=6000)
    assert HTMSPRT(block=1).update_many(wave) == []
    wave[4000:] += 1.5
    alarms = HTMSPRT(block=1).update_many(wave)
    assert 4000 <= alarms[0].index < 4040
    assert alarms[0].rise > 0.5


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_the_unit_of_the_values_does_not_matter(unit: float) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=4000) + 3.0 * (np.arange(4000) >= 3000)
    found = [alarm.index for alarm in HTMSPRT(block=1).update_many(unit * values)]
    assert found == [alarm.index for alarm in HTMSPRT(block=1).update_many(values)]
    assert 3000 <= found[0] < 3060


INTERPRETED = """
import sys
import numpy as np
from tests.operators.interpreted_htm import run
np.savez(sys.argv[1], **run())
"""


def test_interpreted_kernels_compute_the_same(tmp_path: Path) -> None:
    path = tmp_path / "interpreted.npz"
    subprocess.run(
        # Interpreted, hashes are products of numpy scalars that wrap round.
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", INTERPRETED, str(path)],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
    )
    with np.load(path) as interpreted:
        for name, values in run().items():
            np.testing.assert_array_equal(interpreted[name], values)
