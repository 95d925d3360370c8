"""What a diagnoser promises: cutting, snapshots, bounds; and that it names plain drifts.

How often it is right on many streams is measured by `tests.bench.drift.diagnose`, not here.
"""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from operators.base import Feature, Space
from operators.diagnosis import diagnoser, significance
from operators.diagnosis.base import Diagnoser, Diagnosis
from operators.diagnosis.diagnoser import DriftDiagnoser
from operators.snapshot import State, digest
from operators.tape import Rows, Tape
from operators.tape import test_then_train as turns

SPACE = Space((Feature("a"), Feature("b"), Feature("c", capacity=3)), n_classes=2)
AT = 2_500
Floats = NDArray[np.float64]


def features(rng: np.random.Generator, length: int) -> Floats:
    """Two numbers, of which one in twenty is missing, and a category."""
    x = np.column_stack([rng.normal(size=(length, 2)), rng.integers(0, 3, length)])
    x[rng.random(length) < 0.05, 1] = np.nan
    return x


def above(x: Floats, rng: np.random.Generator) -> Floats:
    """Whether the first number and the category are large together, but for one in ten."""
    is_above = (x[:, 0] + 0.5 * x[:, 2] > 0.5) ^ (rng.random(len(x)) < 0.1)
    return is_above.astype(np.float64)


def answered(x: Floats, y: Floats, n_outputs: int = 2) -> Rows:
    """Rows with the answers of a model that knows the first concept and never learns."""
    output = np.zeros((len(y), n_outputs))
    if n_outputs == 2:
        output[np.arange(len(y)), (x[:, 0] + 0.5 * x[:, 2] > 0.5).astype(int)] = 1.0
    return Rows(x, y, output, np.empty((len(y), 0)))


def stream(source: str, seed: int = 1, length: int = 3_600) -> Rows:
    """Records of which those from `AT` on differ."""
    rng = np.random.default_rng(seed)
    x = features(rng, length)
    if source == "virtual":
        x[AT:, 0] += 1.0
    if source == "outliers":
        x[AT : AT + 80, 0] += 9.0
    y = above(x, rng)
    if source == "real":
        y[AT:] = 1.0 - y[AT:]
    if source == "label":
        # Leaves out two of three records of class 0.
        late = np.flatnonzero((np.arange(length) < AT) | (y == 1) | (rng.random(length) < 0.33))
        x, y = x[late], y[late]
    return answered(x, y)


def watched(rows: Rows, size: int | None = None, **params: Any) -> tuple[DriftDiagnoser, list[Any]]:
    """Watch rows in pieces; what is said, without the index that counts in the tape."""
    tool = DriftDiagnoser(SPACE, **params)
    said: list[Any] = []
    for start in range(0, len(rows), size or len(rows)):
        said += [without_index(d) for d in tool.watch(*piece(rows, start, size or len(rows)))]
    return tool, said


def piece(rows: Rows, start: int, size: int) -> tuple[Tape, Rows]:
    part = slice(start, start + size)
    cut = Rows(rows.x[part], rows.y[part], rows.output[part], rows.trace[part])
    return turns(len(cut)), cut


def without_index(diagnosis: Diagnosis) -> tuple[Any, ...]:
    names = [name for name in Diagnosis.__dataclass_fields__ if name != "index"]
    return tuple(getattr(diagnosis, name) for name in names)


@pytest.mark.parametrize("source", ["real", "virtual", "label", "outliers"])
def test_it_names_an_abrupt_drift_and_when_it_was(source: str) -> None:
    tool = DriftDiagnoser(SPACE)
    rows = stream(source)
    found = tool.watch(turns(len(rows)), rows)
    last = found[-1]
    assert isinstance(tool, Diagnoser)
    assert (last.source, last.tempo, last.episode) == (source, "abrupt", 1)
    assert last.since.low <= AT <= last.since.high
    assert last.since.high - last.since.low < 300
    assert last.learnt <= AT + 1_000
    assert 0.5 < last.confidence <= 1.0
    assert sum(f.share for f in last.features) <= 1.0 + 1e-9
    if source in ("virtual", "outliers"):
        assert last.features[0].column == 0
    assert [d.revision for d in found] == list(range(len(found)))


def test_no_drift_is_no_episode() -> None:
    assert watched(stream("none", length=8_000))[1] == []


def test_a_concept_that_comes_back_is_known_by_its_number() -> None:
    rows = stream("real", length=9_000)
    rows.y[6_000:] = 1.0 - rows.y[6_000:]
    tool = DriftDiagnoser(SPACE)
    last = tool.watch(turns(len(rows)), rows)[-1]
    assert tool.concept == 1
    assert (last.episode, last.source, last.recurs) == (2, "real", 1)


def test_pieces_change_no_bit() -> None:
    rows = stream("real")
    whole, said = watched(rows)
    for size in (1, 7, 256):
        other, others = watched(rows, size)
        assert others == said
        assert digest(other.snapshot()) == digest(whole.snapshot())


@pytest.mark.parametrize("cut", [0, 777, 2_600, 2_850])
def test_a_restored_diagnoser_goes_on_as_if_never_stopped(cut: int) -> None:
    rows = stream("virtual")
    whole, said = watched(rows)
    first, second = DriftDiagnoser(SPACE), DriftDiagnoser(SPACE)
    before = first.watch(*piece(rows, 0, cut))
    state = first.snapshot()
    second.watch(*piece(stream("real"), 0, 3_000))  # what was there before must be gone
    second.restore(state)
    assert digest(second.snapshot()) == digest(state)
    after = second.watch(*piece(rows, cut, len(rows)))
    assert [without_index(d) for d in before + after] == said
    assert digest(second.snapshot()) == digest(whole.snapshot())
    assert digest(first.snapshot()) == digest(state)


def test_it_counts_labels_as_they_are_learnt() -> None:
    rows = stream("real")
    whole, said = watched(rows)
    # All predicted first, and learnt in the same order: nothing but LEARN counts.
    n = len(rows)
    late = Tape(np.repeat(np.array([0, 1], np.uint8), n), np.tile(np.arange(n), 2))
    tool = DriftDiagnoser(SPACE)
    found = tool.watch(late, rows)
    assert [without_index(d) for d in found] == said
    assert [late.row[d.index] for d in found] == [d.learnt - 1 for d in found]
    assert digest(tool.snapshot()) == digest(whole.snapshot())


def test_a_numeric_target_is_diagnosed_too() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(3_600, 3))
    y = 2.0 * x[:, 0] + rng.normal(size=3_600)
    y[AT:] = 2.0 * x[AT:, 1] + rng.normal(size=len(y) - AT)
    space = Space(tuple(Feature(name) for name in "abc"), n_classes=0)
    output = 2.0 * x[:, :1]
    last = DriftDiagnoser(space).watch(turns(len(y)), Rows(x, y, output, np.empty((3_600, 0))))[-1]
    assert last.source == "real"
    assert last.since.low <= AT <= last.since.high
    assert {last.features[0].column, last.features[1].column} == {0, 1}


@pytest.mark.parametrize(("n_columns", "n_classes"), [(0, 3), (150, 2), (4, 100)])
def test_spaces_of_any_size_are_watched(n_columns: int, n_classes: int) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(2_000, n_columns)), rng.integers(0, n_classes, 2_000).astype(float)
    y[1_500:] = np.minimum(y[1_500:], 0.6 * n_classes // 1)
    space = Space(tuple(Feature(f"x{j}") for j in range(n_columns)), n_classes)
    rows = Rows(x, y, np.full((2_000, n_classes), np.nan), np.empty((2_000, 0)))
    tool = DriftDiagnoser(space, grace_period=500, decide_every=50)
    found = tool.watch(turns(1_900), rows)
    assert {d.source for d in found} <= {"label", "real"}
    assert found or n_columns == 150


def test_memory_does_not_grow() -> None:
    tool, _ = watched(stream("real"))
    assert size_of(tool.snapshot()) == size_of(DriftDiagnoser(SPACE).snapshot()) < 2_000_000


def size_of(state: State) -> int:
    return sum(value.nbytes for value in state.values() if isinstance(value, np.ndarray))


def test_parameters_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="alpha"):
        DriftDiagnoser(SPACE, alpha=0.0)
    with pytest.raises(ValueError, match="decide_every"):
        DriftDiagnoser(SPACE, decide_every=1)


def test_examples() -> None:
    for module in (diagnoser, significance):
        assert doctest.testmod(module).failed == 0
