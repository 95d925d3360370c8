"""How kernels are compiled: numba's `njit`, without counting references to arrays.

numba adds to an array's reference count and takes off again, each an atomic operation, wherever
an array is read from a tuple, a row from an array, or either is handed to a function. A kernel
gets its state as tuples of arrays and does little with each record, so that went with half of the
time, and with much of what had to be compiled. The counts are of no use here: every array that a
kernel sees is one of its arguments or a part of one, and whoever called it keeps those.

Without the counts numba can make no array, and says so while compiling; nor can it assign one
array to a part of another, for which it may have to copy it first. A kernel that needs its own
array asks for the counts, `_nrt=True`. Functions inherit the setting from whatever makes them
compile first, so it is stated for every kernel, and none depends on the order of calls.
"""

from __future__ import annotations

from typing import Any

import numba


def njit(**options: Any) -> Any:
    """Return numba's decorator `njit` with these options.

    Examples
    --------
    >>> import numpy as np
    >>> @njit(error_model="numpy")
    ... def total(values):
    ...     result = 0.0
    ...     for value in values:
    ...         result += value
    ...     return result
    >>> total(np.array([1.0, 2.0]))
    3.0
    """
    return numba.njit(**{"_nrt": False, **options})
