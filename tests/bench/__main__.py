"""The bench: our learners and detectors beside their peers, on the same records.

    python -m tests.bench learners|growth|drift --help

Run it at the project's root, with the extra `bench` installed. Figures are kept in
tests/bench/results; `python -m tests.bench.document` and `python -m tests.bench.detection.document`
make the tables of docs/ from them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stream.cli.app import limit_threads
from stream.errors import DriftgateError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measure learners and detectors: accuracy and speed beside their peers', growth.",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
Work = Annotated[Path, typer.Option(help="Where streams are written, to be used again.")]
Data = Annotated[
    Path,
    typer.Option(
        help="Folder of data files: electricity.csv.gz, etth1.csv.gz.", envvar="DRIFTGATE_DATA"
    ),
]
Fresh = Annotated[
    bool,
    typer.Option("--fresh", help="Measure again what this machine and version have measured."),
]
Models = Annotated[
    str | None,
    typer.Option(help="Ours, with commas: NAME or NAME{param=value}; `none`. Default: all."),
]
Budget = Annotated[
    float, typer.Option(help="CPU seconds after which a case is stopped as it is.", min=0.1)
]


@app.command("learners")
def learners(
    models: Models = None,
    peers: Annotated[
        str | None,
        typer.Option(help="LIBRARY:NAME of river, capymoa, moa (its command line); `none`."),
    ] = None,
    streams: Annotated[
        str | None,
        typer.Option(help="With commas: NAME or NAME{param=value}; `all`; `regression`."),
    ] = None,
    records: Annotated[
        str | None, typer.Option(help="Lengths, with commas. Default: 100000.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="1 to N, of streams and models. Default: 5.", min=1)
    ] = None,
    label_delay: Annotated[
        str,
        typer.Option(
            help="Labels come after this many further records; `real`: when they came. With commas."
        ),
    ] = "0",
    peer_limit: Annotated[
        int | None, typer.Option(help="Most records that a peer is given.", min=1)
    ] = None,
    budget: Budget = 600.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Three streams, 10,000 records, 2 seeds, trees only.")
    ] = False,
    fresh: Fresh = False,
    results: Annotated[
        Path | None,
        typer.Option(
            help="CSV file of all figures, appended to. Default: learners.csv or, of numbers, "
            "regressors.csv in tests/bench/results."
        ),
    ] = None,
    work: Work = Path(".driftgate/bench"),
    data: Data = Path("../shared/data"),
    plot: Annotated[Path | None, typer.Option("--plot", help="Where to draw (.png, .svg).")] = Path(
        "bench-learners.png"
    ),
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw nothing.")] = False,
    json: Json = False,
) -> None:
    """Run ours and their peers on the same records, each predicted before it is learnt.

    One core each. What is finished is kept: a session that was stopped goes on where it was.
    """
    from tests.bench.commands import Choice, run_learners

    choice = Choice(streams, models, peers, records, seeds, label_delay, peer_limit, budget, quick)
    run_learners(choice, work, data, results, fresh, None if no_plot else plot, json)


@app.command("growth")
def growth(
    models: Models = None,
    axes: Annotated[
        str, typer.Option(help="Which sizes grow, with commas.")
    ] = "records,features,classes",
    records_max: Annotated[
        int | None, typer.Option(help="No stream longer than this.", min=1000)
    ] = None,
    budget: Budget = 600.0,
    fresh: Fresh = False,
    results: Annotated[Path, typer.Option(help="CSV file of all figures, appended to.")] = Path(
        "tests/bench/results/growth.csv"
    ),
    work: Work = Path(".driftgate/bench"),
    plot: Annotated[Path | None, typer.Option("--plot", help="Where to draw (.png, .svg).")] = Path(
        "bench-growth.png"
    ),
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw nothing.")] = False,
    json: Json = False,
) -> None:
    """Measure records/s and memory as records, features and classes grow."""
    from tests.bench.commands import run_growth
    from tests.bench.session import Places

    places = Places(work, Path(), results)
    run_growth(models, axes, records_max, budget, places, fresh, None if no_plot else plot, json)


@app.command("drift")
def drift(
    detectors: Annotated[
        str | None,
        typer.Option(
            help="With commas: NAME, LIBRARY:NAME, or a LIBRARY for all of its. Default: all."
        ),
    ] = None,
    streams: Annotated[
        str | None, typer.Option(help="Classes of streams, with commas. Default: all.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="How many seeds.", min=1)] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Four classes, some peers, short series: a minute.")
    ] = False,
    only: Annotated[
        str, typer.Option(help="Sections, with commas: detection, diagnosis.")
    ] = "detection,diagnosis",
    no_speed: Annotated[bool, typer.Option("--no-speed", help="Time nothing.")] = False,
    frouros: Annotated[
        str | None,
        typer.Option(
            help="Python interpreter of an environment with frouros, whose numpy excludes ours.",
            envvar="DRIFTGATE_FROUROS",
        ),
    ] = None,
    fresh: Fresh = False,
    results: Annotated[
        Path, typer.Option(help="Folder of CSV files of all figures, appended to.")
    ] = Path("tests/bench/results"),
    plot: Annotated[Path | None, typer.Option("--plot", help="Where to draw (.png, .svg).")] = Path(
        "bench-drift.png"
    ),
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw nothing.")] = False,
    json: Json = False,
) -> None:
    """Compare drift detectors, ours and peers': delay at equal false alarms, misses, F1, values/s.

    Each detector is swept along one parameter on streams whose drifts are known. What is finished
    is kept: a session that was stopped goes on where it was. Diagnoses are judged on streams whose
    kind of drift is known.
    """
    from tests.bench.drift_command import Choice, run_drift

    choice = Choice(detectors, streams, seeds, frouros, quick, no_speed, only)
    run_drift(choice, results, fresh, None if no_plot else plot, json)


def main() -> None:
    """Run the command line; an operating error is one line on standard error, and its exit code."""
    limit_threads()
    try:
        app()
    except DriftgateError as error:
        typer.echo(f"bench: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
