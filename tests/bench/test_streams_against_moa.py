"""Our generators beside MOA's own, which write ARFF files by the command line.

Noise-free rules must agree record by record, drawn quantities in distribution.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.errors import SetupError
from tests.bench.runners.moa import jar
from tests.bench.streams import agrawal as loans
from tests.bench.streams import sine as curves
from tests.bench.streams import stagger as objects
from tests.bench.streams.catalog import make_stream
from tests.bench.streams.drift import Changes
from tests.bench.streams.hyperplane import hyperplane
from tests.bench.streams.led import led
from tests.bench.streams.rbf import rbf
from tests.bench.streams.sea import sea

STEADY = Changes((), width=50)
Table = tuple[NDArray[np.float64], NDArray[np.float64]]


@pytest.fixture(scope="module")
def moa() -> str:
    try:
        return str(jar())
    except SetupError as error:
        pytest.skip(str(error))


def generate(moa: str, folder: Path, generator: str, count: int) -> Table:
    """Records of a MOA stream; categories and classes as their position in the header."""
    path = folder / "stream.arff"
    task = f"WriteStreamToARFFFile -s ({generator}) -f {path} -m {count}"
    subprocess.run(["java", "-cp", moa, "moa.DoTask", task], check=True, capture_output=True)
    head, _, body = path.read_text().partition("@data")
    codes = []
    for line in head.splitlines():
        if line.startswith("@attribute"):
            values = line.partition("{")[2].rstrip("} ").split(",") if "{" in line else []
            codes.append({value.strip(): float(code) for code, value in enumerate(values)})
    rows = [line.rstrip(",").split(",") for line in body.split()]
    table = np.array(
        [
            [code[cell] if code else float(cell) for cell, code in zip(row, codes, strict=True)]
            for row in rows
        ]
    )
    return table[:, :-1], table[:, -1]


def by_class(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each column in each class, columns in the order of these means."""
    means = np.array([x[y == label].mean(axis=0) for label in range(10)])
    return np.asarray(means[:, np.lexsort(np.round(means, 1)[::-1])])


def test_led_shows_as_moas_with_swapped_attributes(moa: str, tmp_path: Path) -> None:
    x, y = generate(moa, tmp_path, "generators.LEDGeneratorDrift -d 3 -n 10", 20_000)
    mine, labels, *_ = led(20_000, 1, STEADY, n_swapped=(3,))

    def informative(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[int]:
        means = np.array([x[y == label].mean(axis=0) for label in range(10)])
        return [int(j) for j in np.flatnonzero(np.ptp(means, axis=0) > 0.4)]

    for found in (informative(x, y), informative(mine, labels)):
        assert len(found) == 7
        assert sum(column >= 7 for column in found) == 3
    theirs = np.sort(by_class(x[:, informative(x, y)], y), axis=1)
    ours = np.sort(by_class(mine[:, informative(mine, labels)], labels), axis=1)
    assert np.abs(theirs - ours).max() < 0.06
    assert np.abs(np.bincount(y.astype(int)) / len(y) - 0.1).max() < 0.012


@pytest.mark.parametrize("function", [1, 4])
def test_sea_is_moas(moa: str, tmp_path: Path, function: int) -> None:
    x, y = generate(moa, tmp_path, f"generators.SEAGenerator -f {function} -n 10", 20_000)
    mine, labels, *_ = sea(20_000, 1, STEADY, functions=(function,))
    assert np.abs(x.mean(axis=0) - mine.mean(axis=0)).max() < 0.1
    assert np.abs(x.std(axis=0) - mine.std(axis=0)).max() < 0.06
    # Theirs may name the classes the other way round.
    prior = labels.mean()
    assert min(abs(y.mean() - prior), abs(1 - y.mean() - prior)) < 0.015


@pytest.mark.parametrize("function", [*range(1, 11)])
def test_agrawal_decides_as_moas(moa: str, tmp_path: Path, function: int) -> None:
    x, y = generate(moa, tmp_path, f"generators.AgrawalGenerator -f {function} -p 0.0", 1_500)
    assert (loans.in_group_a(function, loans.People(*x.T)) == (y == 0)).all()


def test_agrawal_people_are_moas(moa: str, tmp_path: Path) -> None:
    x, _ = generate(moa, tmp_path, "generators.AgrawalGenerator -f 1 -p 0.05", 10_000)
    mine, *_ = loans.agrawal(20_000, 1, STEADY, functions=(1,))
    # When it perturbs, MOA cuts every house's value at 135,000, a tenth of the greatest.
    same = [0, 1, 2, 3, 4, 5, 7, 8]
    scale = x.std(axis=0)
    assert (np.abs(x.mean(axis=0) - mine.mean(axis=0)) < 0.05 * scale)[same].all()
    assert np.abs(x.std(axis=0) / mine.std(axis=0) - 1)[same].max() < 0.04


def test_rbf_spreads_as_moas(moa: str, tmp_path: Path) -> None:
    """Every seed is another set of clouds: what holds over seeds is compared."""
    theirs, ours = [], []
    for seed in range(1, 7):
        generator = f"generators.RandomRBFGeneratorDrift -s 0.001 -k 50 -r {seed} -i {seed}"
        theirs.append(generate(moa, tmp_path, generator, 4_000)[0])
        ours.append(rbf(4_000, seed, speed=1e-3)[0])
    deviation = [np.mean([x.std(axis=0).mean() for x in drawn]) for drawn in (theirs, ours)]
    assert deviation[0] == pytest.approx(deviation[1], rel=0.04)
    # How far the mean of all clouds has gone between the beginning and the end.
    gone = [
        np.mean([np.linalg.norm(x[:400].mean(0) - x[-400:].mean(0)) for x in drawn])
        for drawn in (theirs, ours)
    ]
    assert gone[0] == pytest.approx(gone[1], rel=0.5)


def test_hyperplane_has_moas_noise_and_motion(moa: str, tmp_path: Path) -> None:
    generator = "generators.HyperplaneGenerator -a 10 -k 10 -t 0.001 -s 10 -n 5"
    x, y = generate(moa, tmp_path, generator, 20_000)
    mine, labels, *_ = hyperplane(20_000, 1)
    assert np.abs(x.mean(axis=0) - mine.mean(axis=0)).max() < 0.02
    for points, sides in ((x, y), (mine, labels)):
        assert sides.mean() == pytest.approx(0.5, abs=0.05)
        # A plane fitted on the first records is right in nearly 95 % of them.
        assert 0.85 < _fit(points[:2000], sides[:2000], points[:2000], sides[:2000]) < 0.96


def _fit(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    x_new: NDArray[np.float64],
    y_new: NDArray[np.float64],
) -> float:
    weight = np.linalg.lstsq(x - 0.5, y - y.mean(), rcond=None)[0]
    right = float((((x_new - 0.5) @ weight > 0) == y_new).mean())
    return max(right, 1 - right)


@pytest.mark.parametrize("function", [1, 2, 3])
def test_stagger_decides_as_moas(moa: str, tmp_path: Path, function: int) -> None:
    x, y = generate(moa, tmp_path, f"generators.STAGGERGenerator -f {function}", 600)
    found = objects.is_positive(np.full(len(x), function), x)
    assert (found == y).all() or (found != y).all()


@pytest.mark.parametrize("function", [1, 2, 3, 4])
def test_sine_decides_as_moas(moa: str, tmp_path: Path, function: int) -> None:
    """Their first two look from the other axis in this generator: both ways are tried."""
    x, y = generate(moa, tmp_path, f"generators.SineGenerator -f {function}", 1500)
    agreement = [
        (curves.is_positive(np.full(len(x), function), points) == y).mean()
        for points in (x, x[:, ::-1])
    ]
    assert any(share in (0.0, 1.0) for share in agreement)


def test_our_streams_change_where_moas_do(moa: str, tmp_path: Path) -> None:
    """The rate of records that obey the first SEA function, around the first change."""
    generator = (
        "ConceptDriftStream -s (generators.SEAGenerator -f 3 -n 10)"
        " -d (generators.SEAGenerator -f 4 -n 10) -p 10000 -w 4000"
    )
    x, y = generate(moa, tmp_path, generator, 20_000)
    mine, labels, *_ = sea(20_000, 1, Changes((0.5,), width=4000), functions=(3, 4))
    between = [(p[:, 0] + p[:, 1] > 7) & (p[:, 0] + p[:, 1] <= 9.5) for p in (x, mine)]
    sides = [
        side if side[p.sum(axis=1) > 25].mean() > 0.5 else 1 - side
        for p, side in ((x, y), (mine, labels))
    ]
    for start in range(0, 20_000, 2_000):
        part = slice(start, start + 2_000)
        rates = [s[part][b[part]].mean() for s, b in zip(sides, between, strict=True)]
        assert rates[0] == pytest.approx(rates[1], abs=0.12)


def test_a_stream_of_the_catalogue_is_made_of_these() -> None:
    x, *_ = make_stream("led_abrupt", 100, 1, Path())
    assert (x == led(100, 1, Changes((0.25, 0.5, 0.75), 50)).x).all()
