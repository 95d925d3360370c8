"""A rehearsal: operators run over made-up rows, so that all of their kernels get compiled.

numba compiles a kernel for the types of its arguments when it is first called. Whoever has to
answer at once rehearses beforehand, with arrays made as the stream makes them; what was compiled
then lies in numba's cache on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from operators.base import Feature, Space
from operators.catalog import (
    create_detector,
    create_diagnoser,
    create_learner,
    create_monitor,
    create_policy,
    find_learner,
)
from operators.preprocess.rolling import Rolling
from operators.prequential import WATCH_WIDTH, PrequentialClassification, PrequentialRegression
from operators.snapshot import State
from operators.tape import Rows, Tape, test_then_train

if TYPE_CHECKING:
    from operators.adaptation.managed import Managed

N_CLASSES = 3
_ROWS = 3000
"""Enough for trees to split and grow their pools, for routers to learn, and for a drift."""
_CAPACITY = 4
_SOON = {"decide_every": 100, "blocks": 20, "grace_period": 200}
"""Lets a diagnoser decide within as many rows."""


def rehearse_learner(name: str, params: Mapping[str, Any]) -> None:
    """Run a learner of the catalogue through all that a task does with it.

    Raises
    ------
    ValueError
        When the name or a parameter is wrong; see `operators.catalog.create_learner`.
    """
    space = _space(is_classifier(name))
    learner, heir = (create_learner(name, space, 1, params) for _ in range(2))
    rows = _rows(space, learner.trace_width)
    tape = test_then_train(len(rows))
    learner.run(_piece(tape, 0, len(tape) // 2), rows)
    heir.restore(_as_read_back(learner.snapshot()))
    heir.run(_piece(tape, len(tape) // 2, len(tape)), rows)


def rehearse_detector(name: str, params: Mapping[str, Any]) -> None:
    """Run a detector of the catalogue over errors that rise in the middle."""
    detector, heir = create_detector(name, params), create_detector(name, params)
    errors = (np.arange(_ROWS) % 5 < 1 + 2 * (np.arange(_ROWS) > _ROWS // 2)).astype(np.float64)
    detector.update_many(errors)
    heir.restore(_as_read_back(detector.snapshot()))
    heir.update_many(errors)


def rehearse_monitor(name: str, params: Mapping[str, Any]) -> None:
    """Run a monitor of the catalogue until it has made a test, whatever it needs for that."""
    space = _space(has_classes=False)
    monitor, heir = (create_monitor(name, space, params) for _ in range(2))
    x = _rows(space, 0).x
    while np.isnan(monitor.scores).any():
        monitor.watch(x)
    heir.restore(_as_read_back(monitor.snapshot()))
    heir.watch(x)


def rehearse_rolling() -> None:
    """Run a window by key and its successor; one kernel serves all aggregates and lags."""
    rolling, restored = (
        Rolling("distinct", window_ms=100, events_max=8, keys_max=_CAPACITY) for _ in range(2)
    )
    rows = np.arange(_ROWS, dtype=np.int64)
    keys, values = (rows % 7).astype(np.float64), (rows % 5).astype(np.float64)
    rolling.update(keys, rows, values)
    restored.restore(_as_read_back(rolling.snapshot()))
    restored.update(keys, rows, values)


def rehearse_evaluator(n_classes: int) -> None:
    """Run the prequential evaluator of classes, or of values if there are none."""

    def make() -> PrequentialClassification | PrequentialRegression:
        return PrequentialClassification(n_classes) if n_classes else PrequentialRegression()

    evaluator, heir = make(), make()
    rows = _rows(_space(n_classes > 0, n_classes), 0)
    rows.output[:] = 1 / max(n_classes, 1)
    watch = np.full((len(rows), WATCH_WIDTH), np.nan)
    evaluator.run(test_then_train(len(rows)), rows, watch)
    heir.restore(_as_read_back(evaluator.snapshot()))
    heir.run(test_then_train(len(rows)), rows, watch)


def rehearse_diagnoser(n_classes: int, params: Mapping[str, Any]) -> None:
    """Let a diagnoser find the drift in the made-up rows, as a task lets it."""
    space = _space(n_classes > 0, n_classes)
    diagnoser, heir = (create_diagnoser(space, {**params, **_SOON}) for _ in range(2))
    rows = _rows(space, 0)
    rows.output[:] = 1 / max(n_classes, 1)
    tape = test_then_train(len(rows))
    diagnoser.watch(_piece(tape, 0, len(tape) // 2), rows)
    heir.restore(_as_read_back(diagnoser.snapshot()))
    heir.watch(_piece(tape, len(tape) // 2, len(tape)), rows)


def rehearse_managed(name: str, params: Mapping[str, Any], policy: Mapping[str, Any]) -> None:
    """Let a learner of the catalogue be changed because of the drift in the made-up rows."""
    # Late, for most pipelines do without.
    from operators.adaptation.managed import manage
    from operators.adaptation.priors import Priors

    space = _space(is_classifier(name))

    def make() -> Managed:
        diagnoser = create_diagnoser(space, _SOON)
        learner = partial(create_learner, name, space, 1, params)
        return manage(space, learner, diagnoser, policy=create_policy(policy))

    managed, heir = make(), make()
    rows = _rows(space, managed.trace_width)
    tape = test_then_train(len(rows))
    managed.run(tape, rows)
    heir.restore(_as_read_back(managed.snapshot()))
    heir.run(tape, rows)  # the drift comes once more, the other way round
    if space.n_classes:
        # The made-up drift is a real one; label drift has a kernel of its own.
        priors = Priors(space.n_classes)
        priors.start(rows.y[: _ROWS // 2], rows.y[_ROWS // 2 :], 1, 0)
        priors.run(tape, rows, rows.output)


def is_classifier(name: str) -> bool:
    """Whether a learner of the catalogue predicts classes: those have probabilities."""
    return hasattr(find_learner(name), "predict_proba_one")


def _space(has_classes: bool, n_classes: int = N_CLASSES) -> Space:
    colours = tuple("abcd"[:_CAPACITY])
    features = (Feature("x"), Feature("y"), Feature("colour", _CAPACITY, colours))
    count = n_classes if has_classes else 0
    return Space(features, count, tuple(range(count)))


def _rows(space: Space, trace_width: int) -> Rows:
    """Rows whose target depends on all features, and turns round in the middle."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(_ROWS, len(space.features)))
    x[:, 2] = rng.integers(_CAPACITY, size=_ROWS)
    y = x[:, 0] + 0.5 * x[:, 1] + (x[:, 2] == 1)
    y[_ROWS // 2 :] *= -1
    if space.n_classes:
        y = np.digitize(y, np.linspace(-0.5, 0.8, space.n_classes - 1)).astype(np.float64)
    x[rng.random(x.shape) < 0.02] = np.nan
    output = np.full((_ROWS, space.n_outputs), np.nan)
    return Rows(x, y, output, np.full((_ROWS, trace_width), np.nan))


def _piece(tape: Tape, start: int, stop: int) -> Tape:
    return Tape(tape.action[start:stop].copy(), tape.row[start:stop].copy())


def _as_read_back(state: State) -> State:
    """Give arrays as a checkpoint does: not to be written to."""
    for value in state.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return state
