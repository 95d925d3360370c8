"""Ours, in array form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.catalog import create_detector


def run(
    name: str, params: Mapping[str, Any], arrays: Sequence[NDArray[np.float64]]
) -> list[list[int]]:
    """Return the indices of the drifts in each array, a new detector for each."""
    return [
        [a.index for a in create_detector(name, params).update_many(values) if a.kind == "drift"]
        for values in arrays
    ]
