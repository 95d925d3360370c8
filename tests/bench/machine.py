"""Where and with what a figure was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench.candidates import OURS

_ROOT = Path(__file__).parents[2]
_PACKAGES = {"moa": "capymoa"}
"""Packages that do not have the library's name: MOA's jar lies in CapyMOA's."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure's meaning depends on, besides the code."""

    processor: str
    cores: int
    python: str


@cache
def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    return Machine(_processor(), os.cpu_count() or 1, platform.python_version())


@cache
def library_version(library: str) -> str:
    """Version of a peer's package; of ours, the commit, with `+` where files differ from it."""
    if library == OURS:
        return _commit()
    try:
        return version(_PACKAGES.get(library, library))
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """The commit's first digits; an installed package has none, so its version."""
    described = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        found = subprocess.run(described, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return version("driftgate")
    return found.stdout.strip()
