"""How kernels are compiled: what kernels call is part of them, compiled once, unseen by Python.

That a pipeline calls each kernel with one kind of array: tests/stream/cli/test_kernel_cache.py.
What compiling takes: tests/bench/cold_start.py.
"""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import event
from numba.core.errors import TypingError

from operators.kernels.compiled import njit

ROOT = Path(__file__).parents[2]


@njit(error_model="numpy")
def power(base: float, exponent: int) -> float:
    """Refuse what has no place here, to see an error come through two levels."""
    if exponent < 0:
        raise ValueError("exponent: must be >= 0")
    result = 1.0
    for _ in range(exponent):
        result *= base
    return result


@njit(error_model="numpy")
def square_and_cube(value: float) -> float:
    return power(value, 2) + power(value, 3)


@njit(error_model="numpy")
def totals(values: Any, exponent: int, out: Any) -> None:
    for i in range(len(values)):
        out[i] = square_and_cube(values[i]) + power(values[i], exponent)


@njit(error_model="numpy", _nrt=True)
def smallest_root(values: Any) -> float:
    roots = np.sqrt(values)
    least = math.inf
    for root in roots:
        least = min(least, root)
    return least


@njit(error_model="numpy")
def smallest_roots(rows: Any, out: Any) -> None:
    for i in range(len(rows)):
        out[i] = smallest_root(rows[i])


class Compiled(event.Listener):  # type: ignore[misc]
    """The names of the functions that numba has compiled, in the order of their ends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_start(self, event: event.Event) -> None:
        """Wait for the end."""

    def on_end(self, event: event.Event) -> None:
        """Take down the name."""
        self.names.append(event.data["dispatcher"].py_func.__name__)


def test_a_part_is_compiled_once_whatever_constants_it_is_called_with() -> None:
    seen = Compiled()
    out = np.zeros(2)
    with event.install_listener("numba:compile", seen):
        totals(np.array([2.0, 3.0]), 4, out)
    assert out.tolist() == [4.0 + 8.0 + 16.0, 9.0 + 27.0 + 81.0]
    assert seen.names == ["power", "square_and_cube", "totals"]


def test_python_calls_what_is_a_part_of_kernels_too() -> None:
    assert square_and_cube(2.0) == 12.0
    assert power(2.0, 10) == 1024.0


def test_an_error_of_a_part_reaches_python() -> None:
    with pytest.raises(ValueError, match="exponent: must be >= 0"):
        totals(np.ones(1), -1, np.zeros(1))


def test_a_part_with_an_array_of_its_own() -> None:
    out = np.zeros(2)
    smallest_roots(np.array([[9.0, 4.0], [1.0, 16.0]]), out)
    assert out.tolist() == [2.0, 1.0]


def test_garbage_is_collected_again_after_compiling_and_after_failing_to() -> None:
    @njit()
    def add(a: Any, b: Any) -> Any:
        return a + b

    assert gc.isenabled()
    assert add(1, 2) == 3
    assert gc.isenabled()
    with pytest.raises(TypingError):
        add(1, "2")
    assert gc.isenabled()


KEPT = """
import numpy as np
from operators.kernels.compiled import njit

@njit(cache=True)
def half(value):
    return 0.5 * value

@njit(cache=True)
def halves(values, out):
    for i in range(len(values)):
        out[i] = half(values[i])

out = np.zeros(1)
halves(np.ones(1), out)
print(out[0], *halves.stats.cache_hits.values(), *half.stats.cache_misses.values())
"""


def test_only_what_python_calls_is_kept_on_disk(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(KEPT)
    first, second = (
        subprocess.run(
            [sys.executable, str(program)],
            env={"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    )
    assert (first, second) == (["0.5"], ["0.5", "1"])
    kept = [path.name for path in tmp_path.glob("cache/**/*.nbi")]
    assert len(kept) == 1
    assert kept[0].startswith("program.halves-")
