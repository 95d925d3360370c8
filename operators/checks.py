"""What constructors ask of parameters, and runs of their rows.

Parameters come from people: a wrong one is a ValueError that names it. Rows come from the codec,
which guarantees what is asserted here; the assertions keep kernels from writing beside an array.
"""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np

from operators.base import Space
from operators.tape import LEARN, Rows, Tape


def check_positive(name: str, value: float) -> None:
    """Refuse what is not a finite number above 0."""
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError(f"{name}: must be > 0; got {value!r}.")


def check_not_negative(name: str, value: float) -> None:
    """Refuse what is not a finite number from 0 on."""
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name}: must be >= 0; got {value!r}.")


def check_forgetting(name: str, value: float) -> None:
    """Refuse what is no factor for the past."""
    if not 0.0 < value <= 1.0:
        raise ValueError(f"{name}: must be in (0, 1]; got {value!r}.")


def check_choice(name: str, value: str, choices: Any) -> None:
    """Refuse what is not one of a Literal's values."""
    if value not in get_args(choices):
        raise ValueError(f"{name}: must be one of {', '.join(get_args(choices))}; got {value!r}.")


def check_classifier(space: Space) -> None:
    """Refuse a space without classes."""
    if space.n_classes < 1:
        raise ValueError(
            f"space.n_classes: must be >= 1 for a classifier; got {space.n_classes!r}. "
            "Choose a regressor for a numeric target."
        )


def check_regressor(space: Space) -> None:
    """Refuse a space with classes."""
    if space.n_classes != 0:
        raise ValueError(
            f"space.n_classes: must be 0 for a regressor; got {space.n_classes!r}. "
            "Choose a classifier for a target with classes."
        )


def assert_rows(space: Space, tape: Tape, rows: Rows) -> None:
    """Assert that codes are within their capacity and that there are labels to learn from.

    Infinity in a feature would stay in every later mean.
    """
    assert_not_infinite(rows)
    for j, feature in enumerate(space.features):
        if feature.capacity:
            codes = rows.x[:, j]
            assert not ((codes < 0) | (codes >= feature.capacity)).any()
    learnt = rows.y[tape.row[tape.action == LEARN]]
    if space.n_classes:
        assert ((learnt >= 0) & (learnt < space.n_classes)).all()
    else:
        assert np.isfinite(learnt).all()


def assert_not_infinite(rows: Rows) -> None:
    """Assert that features are finite, or NaN where they are missing."""
    infinite = np.isinf(rows.x)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise AssertionError(
            f"x[{row}, {column}] must be finite, or NaN where it is missing; "
            f"got {rows.x[row, column]}."
        )
