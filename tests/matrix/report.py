"""Results of scenarios: doses, figures, checks; as a table, and as one JSON file each."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.matrix.pipeline import ROOT

FOLDER = Path(__file__).parent / "results"


@dataclass
class Check:
    """One thing that must hold, and what was seen where it does not."""

    name: str
    ok: bool
    detail: str = ""


@dataclass
class Result:
    """What one scenario did and found.

    Parameters
    ----------
    id, title
        Which scenario.
    dose
        How much of the fault was put in, under which load.
    """

    id: str
    title: str
    dose: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    seconds: float = 0.0
    nodes: int = 1
    commit: str = ""
    day: str = ""
    form: str = "long"
    machine: str = ""

    def figure(self, name: str, value: float | str) -> None:
        """Add a figure."""
        self.figures[name] = value

    def check(self, name: str, ok: bool, detail: str = "") -> None:
        """Add a check; `detail` is kept where it does not hold."""
        self.checks.append(Check(name, ok, "" if ok else detail))

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)

    def failures(self) -> list[str]:
        """What does not hold, in words."""
        return [f"{check.name}: {check.detail}" for check in self.checks if not check.ok]

    def finish(self, nodes: int, seconds: float, form: str) -> Self:
        """Note where, when and in which form (long or short) it was measured."""
        self.nodes, self.seconds, self.form = nodes, round(seconds, 1), form
        self.commit = _commit()
        self.day = time.strftime("%Y-%m-%d")
        self.machine = f"{platform.machine()}, {_cores()} cores"
        return self

    def save(self, folder: Path = FOLDER) -> Path:
        """Write it to the file of its scenario and number of nodes."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.id}-{self.nodes}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path


def load_results(folder: Path = FOLDER) -> list[Result]:
    """Read all results, in the order of their scenarios and numbers of nodes."""
    found = []
    for path in folder.glob("*.json"):
        fields = json.loads(path.read_text())
        checks = [Check(**check) for check in fields.pop("checks")]
        found.append(Result(**fields, checks=checks))
    return sorted(found, key=lambda result: (_rank(result.id), result.nodes))


def table(results: list[Result]) -> str:
    """Results as text for a terminal."""
    lines = []
    for result in results:
        word = "passed" if result.passed else "FAILED"
        lines.append(f"{result.id:5} {word}  {result.seconds:6.0f} s  {result.title}")
        lines.append(f"{'':7}dose: {_pairs(result.dose)}")
        lines.append(f"{'':7}seen: {_pairs(result.figures)}")
        lines += [f"{'':7}- {failure}" for failure in result.failures()]
    return "\n".join(lines)


def _pairs(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items())


def _rank(name: str) -> tuple[int, str]:
    digits = "".join(letter for letter in name if letter.isdigit())
    return int(digits or 0), name


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return done.stdout.strip()
