"""What constructors of detectors ask of their parameters, in the words of `operators.checks`."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from operators.checks import check_choice

Direction = Literal["up", "down", "both"]
"""Changes of the mean that are looked for: a rise of the error, a fall, or either."""

_SIGNS: dict[str, tuple[float, ...]] = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}


def check_probability(name: str, value: float) -> None:
    """Refuse what is not strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name}: must be in (0, 1); got {value!r}.")


def check_at_least(name: str, value: float, least: float) -> None:
    """Refuse what is less, or no number."""
    if not (math.isfinite(value) and value >= least):
        raise ValueError(f"{name}: must be >= {least:g}; got {value!r}.")


def check_at_most(name: str, value: float, most: float, said: str) -> None:
    """Refuse what is more than another parameter, or follows from it; `said` tells how."""
    if not value <= most:
        raise ValueError(f"{name}: must be <= {said} = {most:g}; got {value!r}.")


def signs_of(direction: Direction) -> NDArray[np.float64]:
    """Return a factor for each side that is watched: a fall of x is a rise of -x.

    Examples
    --------
    >>> signs_of("both").tolist()
    [1.0, -1.0]
    """
    check_choice("direction", direction, Direction)
    assert set(_SIGNS) == set(get_args(Direction))
    return np.array(_SIGNS[direction])
