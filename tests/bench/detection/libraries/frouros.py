"""Frouros' detectors, in an environment of their own: its numpy and ours exclude each other.

`python3 -m venv PLACE && PLACE/bin/pip install frouros`, and PLACE/bin/python is named on the
command line, or by DRIFTGATE_FROUROS. One child process stays for the whole session.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.errors import SetupError

PYTHON = "DRIFTGATE_FROUROS"
_CHILD = Path(__file__).parent / "frouros_child.py"


def is_there() -> bool:
    """Whether an interpreter with frouros has been named."""
    return bool(os.environ.get(PYTHON))


def version() -> str:
    """Version of the package in its environment."""
    return str(_ask({"ask": "version"})["version"])


def run(
    name: str, params: Mapping[str, Any], arrays: Sequence[NDArray[np.float64]]
) -> list[list[int]]:
    """Return the indices of the drifts in each array, a new detector for each."""
    return [list(found) for found in _detect(name, params, arrays)["drifts"]]


def cpu_seconds(name: str, params: Mapping[str, Any], values: NDArray[np.float64]) -> float:
    """CPU seconds that the child spent with its detector, sending and reading left out."""
    return float(_detect(name, params, [values])["cpu_s"])


def _detect(
    name: str, params: Mapping[str, Any], arrays: Sequence[NDArray[np.float64]]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.npy"
        np.save(path, np.concatenate(arrays), allow_pickle=False)
        lengths = [len(values) for values in arrays]
        return _ask(
            {"ask": "run", "name": name, "params": params, "lengths": lengths, "path": str(path)}
        )


def _ask(question: Mapping[str, Any]) -> dict[str, Any]:
    child = _child()
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(question) + "\n")
    child.stdin.flush()
    line = child.stdout.readline()
    if not line:
        raise SetupError(f"frouros: its process ended; {PYTHON}={os.environ[PYTHON]}.")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise SetupError(f"frouros: {answer['error']}")
    return answer


@cache
def _child() -> subprocess.Popen[str]:
    """Start the child; it ends when our end of its standard input is closed."""
    if not is_there():
        raise SetupError(
            "frouros needs an environment of its own: name its interpreter with --frouros."
        )
    # Isolated, or this very file would be the module that the child imports.
    return subprocess.Popen(
        [os.environ[PYTHON], "-I", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
