"""`python -m tests.bench drift`: drift detectors beside their peers', with progress and tables."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from operators.catalog import must_be_one_of
from stream.compare.model_labels import split_labels
from stream.errors import ConfigError
from tests.bench.detection import sheets, speed
from tests.bench.detection.libraries import frouros
from tests.bench.detection.operating import TARGETS
from tests.bench.detection.plot import plot_delays
from tests.bench.detection.results import Key, Row
from tests.bench.detection.session import Plan, run_session
from tests.bench.detection.streams import CLASSES
from tests.bench.detection.sweeps import LIBRARIES, SWEEPS
from tests.bench.drift import diagnose
from tests.bench.tables import Sheet

SECTIONS = ("detection", "diagnosis")
RESULTS = "drift.csv"
SPEEDS = "drift_speed.csv"
_WIDTH = 160
_SEEDS, _QUICK_SEEDS = 6, 2
_SERIES, _QUICK_SERIES = 4, 2
_QUIET, _QUICK_QUIET = 40_000, 10_000
_ROUNDS, _QUICK_ROUNDS = 5, 1
_DIAGNOSIS_SEEDS = 10
_QUICK_CLASSES = ("small_rise", "large_rise", "ramp_500", "mean_small")
_QUICK_PEERS = (
    "river:adwin",
    "river:ddm",
    "river:page_hinkley",
    "capymoa:hddm_w",
    "capymoa:cusum",
    "frouros:page_hinkley",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says; None where it says nothing."""

    detectors: str | None
    classes: str | None
    seeds: int | None
    frouros: str | None
    quick: bool
    no_speed: bool
    only: str


def run_drift(
    choice: Choice, folder: Path, fresh: bool, plot: Path | None, as_machine: bool
) -> None:
    """Measure, show and draw; figures of detectors are kept in `folder`."""
    if choice.frouros is not None:
        os.environ[frouros.PYTHON] = choice.frouros
    console = Console(stderr=as_machine, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    sections = _chosen("--only", choice.only, SECTIONS, dict.fromkeys(SECTIONS))
    said: dict[str, object] = {}
    if "detection" in sections:
        rows, speeds = _detection(choice, folder, fresh, console)
        said |= _as_json(rows, speeds)
        if not as_machine:
            for sheet in _sheets(rows, speeds):
                console.print(sheet.to_rich())
        if plot is not None:
            plot_delays(rows, plot)
            console.print(f"Wrote {plot}: delay against false alarms")
        console.print(f"Every figure is kept in {folder / RESULTS}")
    if "diagnosis" in sections:
        seeds = range(choice.seeds or (1 if choice.quick else _DIAGNOSIS_SEEDS))
        console.print("diagnosis: streams whose kind of drift is known")
        followed = list(diagnose.follow_all(seeds, choice.quick))
        said["diagnosis"] = [_line_json(line) for line in diagnose.summarise(followed)]
        if not as_machine:
            console.print(diagnose.text(followed), markup=False)
    if as_machine:
        print(json.dumps(said))


def _detection(
    choice: Choice, folder: Path, fresh: bool, console: Console
) -> tuple[dict[Key, Row], list[speed.Speed]]:
    plan = plan_drift(choice)
    if not frouros.is_there():
        console.print(f"frouros is left out: name its interpreter by --frouros or {frouros.PYTHON}")
    with _progress(console) as watcher:
        rows = run_session(plan, folder / RESULTS, watcher, fresh)
    return rows, _speeds(plan, choice, folder / SPEEDS)


def plan_drift(choice: Choice) -> Plan:
    """Fill in what the command line leaves open.

    Raises
    ------
    ConfigError
        It names something that is not there.
    """
    quick = choice.quick
    classes = _chosen(
        "--streams", choice.classes, _QUICK_CLASSES if quick else list(CLASSES), CLASSES
    )
    seeds = choice.seeds or (_QUICK_SEEDS if quick else _SEEDS)
    return Plan(
        detectors=_chosen("--detectors", choice.detectors, _default_detectors(quick), SWEEPS),
        classes=classes,
        seeds=range(1, seeds + 1),
        n_series=_QUICK_SERIES if quick else _SERIES,
        quiet_length=_QUICK_QUIET if quick else _QUIET,
    )


def _default_detectors(quick: bool) -> list[str]:
    return [
        label
        for label, sweep in SWEEPS.items()
        if sweep.is_ours
        or (
            (label in _QUICK_PEERS or not quick)
            and (sweep.library != "frouros" or frouros.is_there())
        )
    ]


def _chosen(
    option: str, text: str | None, default: Sequence[str], valid: Mapping[str, object]
) -> list[str]:
    """Read names; a library's name stands for all of its detectors."""
    if text is None:
        return list(default)
    found: list[str] = []
    for name in split_labels(text):
        inside = [label for label in valid if label.startswith(f"{name}:")]
        if name not in valid and not inside:
            raise ConfigError(f"{option}: {must_be_one_of(list(valid), name)}")
        found += [name] if name in valid else inside
    return found


def _speeds(plan: Plan, choice: Choice, path: Path) -> list[speed.Speed]:
    if choice.no_speed:
        return []
    chosen = set(plan.detectors)
    libraries = [lib for lib in LIBRARIES if any(x.startswith(f"{lib}:") for x in chosen)]
    rounds, scale = (_QUICK_ROUNDS, 0.1) if choice.quick else (_ROUNDS, 1.0)
    found: list[speed.Speed] = []
    for name in speed.shared(libraries):
        if name in chosen:
            beside = [lib for lib in libraries if f"{lib}:{name}" in chosen]
            found += speed.measure(name, beside, rounds, scale)
    speed.write(path, found)
    return found


def _sheets(rows: Mapping[Key, Row], speeds: Sequence[speed.Speed]) -> list[Sheet]:
    families = dict.fromkeys(CLASSES[r.stream].family for r in rows.values() if r.stream in CLASSES)
    found = sheets.verdicts(rows)
    made = [sheets.verdict_sheet(found, target) for target in TARGETS]
    made += [sheets.delay_sheet(rows, family, TARGETS[0]) for family in families]
    made += [sheets.default_sheet(rows, family) for family in families]
    return [*made, *([sheets.speed_sheet(speeds)] if speeds else [])]


def _as_json(rows: Mapping[Key, Row], speeds: Sequence[speed.Speed]) -> dict[str, object]:
    return {
        "verdicts": [asdict(one) for one in sheets.verdicts(rows)],
        "runs": [asdict(row) for row in rows.values()],
        "speeds": [asdict(one) for one in speeds],
    }


def _line_json(line: diagnose.Line) -> dict[str, object]:
    """Write what has no value as null; `asdict` would count the entries of a counter."""
    found = {each.name: getattr(line, each.name) for each in fields(line)}
    return {
        name: dict(value)
        if isinstance(value, Counter)
        else None
        if isinstance(value, float) and math.isnan(value)
        else value
        for name, value in found.items()
    }


class _Watcher:
    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar, self._console = bar, console
        self._task = bar.add_task("", total=0)

    def begin(self, detector: str, total: int) -> None:
        """See `Watcher`."""
        self._bar.reset(self._task, total=total, description=detector)
        if not self._console.is_terminal and total:
            self._console.print(f"{detector}: {total:,} runs")

    def advance(self) -> None:
        """See `Watcher`."""
        self._bar.advance(self._task)


@contextmanager
def _progress(console: Console) -> Iterator[_Watcher]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} runs"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        yield _Watcher(bar, console)
