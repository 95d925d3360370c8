"""What peers have in common: one call a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Take = Callable[[Any, float], bool]
"""(detector, value) -> whether it signals a drift now."""


def run_one_by_one(
    make: Callable[[], Any], take: Take, arrays: Sequence[NDArray[np.float64]]
) -> list[list[int]]:
    """Return the indices of the drifts in each array, a new detector for each."""
    found = []
    for values in arrays:
        detector = make()
        # Lists: a NumPy number costs a Python library more than a float does.
        found.append([i for i, value in enumerate(values.tolist()) if take(detector, value)])
    return found
