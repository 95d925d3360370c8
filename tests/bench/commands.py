"""`python -m tests.bench ...`: the bench's sessions, with progress, tables and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stream.compare.model_labels import split_labels
from stream.errors import ConfigError, SetupError
from tests.bench import arrivals, choices, growth, tables
from tests.bench.candidates import Candidate, check_kind, parse_model, parse_peer
from tests.bench.case import Case
from tests.bench.kinds import Kind
from tests.bench.plot import plot_growth, plot_scenes
from tests.bench.rows import Row, check_file
from tests.bench.session import Places, Plan, cases, run_session
from tests.bench.streams.catalog import WITH_ARRIVALS, check_stream, kind_of_stream, knows_arrivals
from tests.bench.summary import as_json, by_scene

_QUICK_RECORDS = (10_000,)
_RECORDS = (100_000,)
_QUICK_SEEDS = 2
_SEEDS = 5
_WIDTH = 160
_RESULTS = Path("tests/bench/results")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says; None where it says nothing."""

    streams: str | None
    models: str | None
    peers: str | None
    records: str | None
    seeds: int | None
    label_delay: str
    peer_limit: int | None
    budget_s: float
    quick: bool


def run_learners(
    choice: Choice,
    work: Path,
    data: Path,
    results: Path | None,
    fresh: bool,
    plot: Path | None,
    as_machine: bool,
) -> None:
    """Measure, show and draw; without `results`, into the file of the streams' kind."""
    console = _console(as_machine)
    plan = plan_learners(choice)
    kind = kind_of_stream(plan.streams[0])
    places = Places(work, data, results or _RESULTS / choices.defaults(kind).results)
    check_file(places.results, kind)
    with CaseProgress(console) as progress:
        rows = run_session(cases(plan, places), places, progress, fresh)
    _refuse_nothing(rows, progress)
    scenes = by_scene(rows)
    if as_machine:
        print(json.dumps(as_json(scenes)))
    else:
        for scene, summaries in scenes.items():
            console.print(tables.figures(scene, summaries).to_rich())
            against = tables.ratios(scene, summaries)
            if against is not None:
                console.print(against.to_rich())
    if plot is not None:
        plot_scenes(scenes, plot)
        console.print(f"Wrote {plot}: {kind.main.title} against speed")
    console.print(f"Every figure is kept in {places.results}")
    progress.raise_failures()


def run_growth(
    models: str | None,
    axes: str,
    records_max: int | None,
    budget_s: float,
    places: Places,
    fresh: bool,
    plot: Path | None,
    as_machine: bool,
) -> None:
    """Measure each model at each size, show and draw."""
    console = _console(as_machine)
    chosen = _models(models, choices.MODELS)
    points = growth.points(_axes(axes), records_max)
    measured: list[tuple[growth.Point, Row]] = []
    with CaseProgress(console) as progress:
        for point in points:
            plan = Plan([point.stream], chosen, [point.length], [0], [1], None, budget_s)
            rows = run_session(cases(plan, places), places, progress, fresh)
            measured += [(point, row) for row in rows]
    _refuse_nothing([row for _, row in measured], progress)
    if as_machine:
        print(json.dumps([_growth_json(point, row) for point, row in measured]))
    else:
        for sheet in growth.sheets(measured):
            console.print(sheet.to_rich())
    if plot is not None:
        plot_growth(measured, plot)
        console.print(f"Wrote {plot}: records/s and memory")
    progress.raise_failures()


def plan_learners(choice: Choice) -> Plan:
    """Fill in what the command line leaves open.

    Raises
    ------
    ConfigError
        It names something that is not there.
    """
    quick = choice.quick
    streams = _streams(choice)
    kind = _one_kind(streams)
    default = choices.defaults(kind)
    peers = _listed(choice.peers, default.quick_peers if quick else default.peers)
    found = [] if peers == ["none"] else [parse_peer(label) for label in peers]
    candidates = [*_models(choice.models, default.models), *found]
    for candidate in candidates:
        check_kind(candidate, kind)
    if not candidates:
        raise ConfigError("--models and --peers: must name at least one model; got none.")
    lengths = _QUICK_RECORDS if quick else _RECORDS
    seeds = choice.seeds or (_QUICK_SEEDS if quick else _SEEDS)
    return Plan(
        streams=streams,
        candidates=candidates,
        lengths=_numbers("--records", choice.records, lengths, least=1),
        label_delays=_label_delays(choice.label_delay, streams),
        seeds=range(1, seeds + 1),
        peer_limit=choice.peer_limit,
        budget_s=choice.budget_s,
    )


def _streams(choice: Choice) -> list[str]:
    default = choices.QUICK_STREAMS if choice.quick else choices.STREAMS
    labels = _listed(choice.streams, default)
    streams = [stream for label in labels for stream in choices.GROUPS.get(label, (label,))]
    for stream in streams:
        check_stream(stream)
    return streams


def _one_kind(streams: Sequence[str]) -> Kind:
    """Find the kind that all streams have: their figures cannot stand in one table."""
    kinds = {kind_of_stream(stream).name: stream for stream in streams}
    if len(kinds) > 1:
        told = " and ".join(f"{stream} is of {name}" for name, stream in kinds.items())
        raise ConfigError(f"--streams: must all be of one kind; {told}. Measure one at a time.")
    return kind_of_stream(streams[0])


class CaseProgress:
    """A bar for the case at work, a line for each that is done; lines only, off a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._failures: list[str] = []
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} records"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("writing streams", total=0)

    def __enter__(self) -> CaseProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, case: Case) -> None:
        """See `Watcher`."""
        self._bar.reset(self._task, total=case.limit, description=_describe(case))

    def advance(self, case: Case, done: int) -> None:
        """See `Watcher`."""
        self._bar.update(self._task, completed=done)

    def end(self, case: Case, row: Row | None, error: str) -> None:
        """See `Watcher`."""
        if row is None:
            self._failures.append(f"{_describe(case)}: {error}")
            self._console.print(f"[red]failed[/] {_describe(case)}: {error}", markup=True)
            return
        short = "" if row.records == row.limit else f", stopped after {row.records:,} records"
        self._console.print(
            f"{_describe(case)}: {_main(row)}, {row.records_per_s:,.0f} records/s{short}",
            markup=False,
        )

    def raise_failures(self) -> None:
        """End with an error if any case failed, after everything else was shown.

        Raises
        ------
        SetupError
            It counts them and repeats the first.
        """
        if self._failures:
            count = len(self._failures)
            raise SetupError(f"{count} of the cases failed; the first: {self._failures[0]}")


def _console(as_machine: bool) -> Console:
    """Where to print; a file or a pipe has no width, but tables need one."""
    console = Console(stderr=as_machine, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    return console


def _refuse_nothing(rows: Sequence[Row], progress: CaseProgress) -> None:
    if not rows:
        progress.raise_failures()
        raise ConfigError("nothing was measured: the command line has no case.")


def _describe(case: Case) -> str:
    late = f", {arrivals.describe(case.label_delay)}" if case.label_delay else ""
    return f"{case.candidate.label} on {case.stream}, {case.length:,}{late}, seed {case.seed}"


def _main(row: Row) -> str:
    measure = row.kind.main
    return f"{measure.title} {measure.scale * row.scores[measure.name]:.{measure.digits}f}"


def _models(text: str | None, default: Sequence[str]) -> list[Candidate]:
    labels = _listed(text, default)
    return [] if labels == ["none"] else [parse_model(label) for label in labels]


def _axes(text: str) -> list[str]:
    axes = split_labels(text)
    for axis in axes:
        if axis not in growth.AXES:
            raise ConfigError(f"--axes: must be of {', '.join(growth.AXES)}; got {axis!r}.")
    return axes


def _listed(text: str | None, default: Sequence[str]) -> list[str]:
    return list(default) if text is None else split_labels(text)


def _numbers(name: str, text: str | None, default: Sequence[int], least: int) -> list[int]:
    if text is None:
        return list(default)
    numbers = [_number(name, part, least) for part in text.split(",")]
    return list(dict.fromkeys(numbers))


def _label_delays(text: str, streams: Sequence[str]) -> list[int]:
    """Read numbers of records, and `real`, which not every stream knows."""
    parts = [part.strip() for part in text.split(",")]
    delays = [
        arrivals.REAL if part == "real" else _number("--label-delay", part, least=0)
        for part in parts
    ]
    unknown = [stream for stream in streams if not knows_arrivals(stream)]
    if arrivals.REAL in delays and unknown:
        raise ConfigError(
            f"--label-delay: real: {', '.join(unknown)} cannot tell when labels came; "
            f"{', '.join(WITH_ARRIVALS)} can."
        )
    return list(dict.fromkeys(delays))


def _number(name: str, text: str, least: int) -> int:
    try:
        number = int(text.replace("_", ""))
    except ValueError:
        number = least - 1
    if number < least:
        raise ConfigError(
            f"{name}: must be whole numbers of at least {least}, with commas between; "
            f"got {text.strip()!r}."
        )
    return number


def _growth_json(point: growth.Point, row: Row) -> dict[str, object]:
    return {
        "axis": point.axis,
        "size": point.size,
        "candidate": row.candidate,
        "records": row.records,
        "accuracy": row.scores["accuracy"],
        "records_per_cpu_s": row.records_per_s,
        "memory_bytes": row.memory_bytes,
        "snapshot_bytes": row.snapshot_bytes,
    }
