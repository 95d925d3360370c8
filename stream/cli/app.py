"""All commands. Heavy modules are imported by the command that needs them, so help is quick."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Literal

import typer

from stream import __version__
from stream.config.masking import mask_text
from stream.errors import DriftgateError

app = typer.Typer(
    name="driftgate",
    help="Predictions that survive drift, from one Kafka topic to another, exactly once.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
topics_app = typer.Typer(no_args_is_help=True, help="Create, describe, fill and look at topics.")
app.add_typer(topics_app, name="topics")
transactions_app = typer.Typer(
    no_args_is_help=True, help="Look at open transactions on the topics, and end hanging ones."
)
app.add_typer(transactions_app, name="transactions")
drift_app = typer.Typer(no_args_is_help=True, help="Look at the drift that a pipeline has noticed.")
app.add_typer(drift_app, name="drift")

ConfigPath = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The pipeline's YAML file.", show_default=False)
]
_FILES = "CSV (any delimiter), JSON lines, Parquet or Arrow; a path or a URL."
DataPath = Annotated[str, typer.Option("--data", help=_FILES)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
Partitions = Annotated[
    list[int] | None,
    typer.Option("--partition", help="One partition; may be repeated. Default: all.", min=0),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
LabelDelay = Annotated[int, typer.Option(help="Labels come after this many further events.", min=0)]
HtmlPath = Annotated[
    Path | None,
    typer.Option("--html", help="Write a report: one HTML file that can be sent to a colleague."),
]
Role = Literal["features", "labels", "predictions", "drift", "dead_letters", "journal"]


@app.command()
def demo(
    limit: Annotated[int | None, typer.Option(help="Use only the first N flights.", min=1)] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Where to write the picture.")] = Path(
        "demo-flights.png"
    ),
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Write no picture.")] = False,
    json: Json = False,
) -> None:
    """Watch a mixture of experts predict which of New York's 2013 flights land late.

    Each flight is predicted when it leaves the gate. Its label arrives when it lands, hours later.
    """
    from stream.cli.demo import run_demo

    run_demo(limit, None if no_plot else plot, json)


@app.command()
def init(
    file: Annotated[str, typer.Argument(metavar="FILE", help=_FILES)],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    task: Annotated[
        Literal["classification", "regression"] | None,
        typer.Option(help="Whether the target names classes or is a number. Default: found out."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; default: standard out.")
    ] = None,
) -> None:
    """Infer a schema from a data file and write a commented pipeline to start from."""
    from stream.cli.init import run_init

    run_init(file, target, task, output)


@app.command()
def evaluate(
    config: ConfigPath,
    data: DataPath,
    model: Annotated[
        str | None, typer.Option(help="Another model, by name in the catalog or `river:...`.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="A parameter of the model, as `key=value`; may be repeated."),
    ] = None,
    label_delay: LabelDelay = 0,
    limit: Annotated[int | None, typer.Option(help="Use only the first N rows.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the configured one.", min=0)] = None,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="Take the last row first: the newest stands on top.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a PNG of accuracy over time.")] = None,
    html: HtmlPath = None,
    save_checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what was learnt, for `reset CONFIG --to latest --from-checkpoint FILE`.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Run the same task as in production over a data file, each row predicted before learnt."""
    from stream.cli.evaluate import run_evaluate

    run_evaluate(
        config,
        data,
        model,
        param or [],
        label_delay,
        limit,
        seed,
        reverse,
        plot,
        html,
        save_checkpoint,
        json,
    )


@app.command()
def compare(
    config: ConfigPath,
    data: DataPath,
    models: Annotated[
        str | None,
        typer.Option(
            help="With commas: NAME, NAME{param=value} or river:PATH (see: driftgate models). "
            "Default: the pipeline's own and a usual set."
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            help="Runs of each model that uses its seed: the configured one and on.", min=1
        ),
    ] = 3,
    label_delay: LabelDelay = 0,
    limit: Annotated[int | None, typer.Option(help="Use only the first N rows.", min=1)] = None,
    html: HtmlPath = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the leaderboard and the curves (.png, .svg).")
    ] = None,
    json: Json = False,
) -> None:
    """Run several models over a data file and rank them, beside what needs no model.

    A model that fails is a line with its reason. Ctrl-C shows what there is; the exit code is 130.
    """
    from stream.cli.compare import run_compare

    raise typer.Exit(run_compare(config, data, models, seeds, label_delay, limit, html, plot, json))


@app.command()
def models(json: Json = False) -> None:
    """List the models that a pipeline can name, with their parameters and defaults."""
    from stream.cli.models import list_models

    list_models(json)


@app.command()
def warmup(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG]", help="A pipeline's YAML file.", show_default=False),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model of the catalogue; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Compile what a pipeline needs, or every model there is, into the cache on disk.

    Afterwards a worker answers its first record in a second or two instead of half a minute.
    """
    from stream.cli.warmup import run_warmup

    run_warmup(config, model or [], json)


@app.command()
def run(
    config: ConfigPath,
    data: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help=f"Create the topics and fill them: {_FILES}"),
    ] = None,
    log_format: Annotated[
        Literal["human", "json"],
        typer.Option("--log-format", help="One JSON object a line, or text."),
    ] = "human",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option("--log-level")
    ] = "info",
) -> None:
    """Work on a pipeline until told to stop (Ctrl-C or SIGTERM: drain, commit, checkpoint)."""
    from stream.cli.run import run_worker

    run_worker(config, data, log_format, log_level)


@app.command()
def doctor(config: ConfigPath, json: Json = False) -> None:
    """Check that a pipeline can run here: broker, topics, rights, checkpoint store."""
    from stream.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(config, json))


@app.command()
def reset(
    config: ConfigPath,
    to: Annotated[
        str,
        typer.Option(
            metavar="earliest|latest|journal|committed|TIME",
            help="Where to go on: the first record kept, the end, the positions of the journal, "
            "the group's committed offsets, or the first record of at least a time (ISO 8601, "
            "UTC where it does not say).",
        ),
    ],
    partition: Partitions = None,
    keep_model: Annotated[
        bool, typer.Option("--keep-model", help="Go on with the newest checkpoint's model.")
    ] = False,
    from_checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Begin with a model that `evaluate --save-checkpoint` wrote."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even where a running worker has the partition.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Move a pipeline's position, and begin its model anew or keep it; says first what it will do.

    With --json and without --yes it only says so. See "A partition does not start" in
    docs/runbook.md.
    """
    from stream.cli.reset import run_reset

    run_reset(config, partition or [], to, keep_model, from_checkpoint, force, yes, json)


@app.command()
def rebuild(
    config: ConfigPath,
    partition: Partitions = None,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="earliest|TIME",
            help="First record to learn: the first one kept, or the first of at least a time "
            "(ISO 8601, UTC where it does not say).",
        ),
    ] = "earliest",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Learn the model anew from the records kept, after what shapes it was changed in CONFIG.

    Nothing is predicted twice: a worker goes on from the positions that are committed. All workers
    must be stopped.
    """
    from stream.cli.rebuild import run_rebuild

    run_rebuild(config, partition or [], start, yes, json)


@app.command()
def simulate(
    seeds: Annotated[int, typer.Option(help="How many histories.", min=1)] = 100,
    first: Annotated[int, typer.Option("--from", help="The first seed.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Run workers through simulated outages, crashes, freezes; compare with an undisturbed run.

    One seed is one history. One that diverges is made smaller and printed; the exit code is 1.
    """
    from stream.cli.simulate import run_simulate

    raise typer.Exit(run_simulate(seeds, first, json))


@topics_app.command("create")
def topics_create(config: ConfigPath) -> None:
    """Create the pipeline's topics that do not exist, and add partitions that others lack."""
    from stream.cli.topics import create

    create(config)


@topics_app.command("describe")
def topics_describe(config: ConfigPath, json: Json = False) -> None:
    """Show the pipeline's topics, their partitions and how much they hold."""
    from stream.cli.topics import describe

    describe(config, json)


@topics_app.command("load")
def topics_load(
    config: ConfigPath,
    data: DataPath,
    limit: Annotated[int | None, typer.Option(help="Only the first N rows.", min=1)] = None,
) -> None:
    """Append the rows of a data file to the input topics, spread over partitions by key."""
    from stream.cli.topics import load

    load(config, data, limit)


@topics_app.command("tail")
def topics_tail(
    config: ConfigPath,
    role: Annotated[Role, typer.Argument(help="Which of the pipeline's topics.")] = "predictions",
    limit: Annotated[int, typer.Option(help="Records of each partition.", min=1)] = 10,
) -> None:
    """Print the last committed records of a topic, one a line."""
    from stream.cli.topics import tail

    tail(config, role, limit)


@transactions_app.command("list")
def transactions_list(config: ConfigPath, json: Json = False) -> None:
    """Show the open transactions on the pipeline's topics, and which of them hang."""
    from stream.cli.transactions import list_transactions

    list_transactions(config, json)


@transactions_app.command("abort", no_args_is_help=True)
def transactions_abort(
    config: ConfigPath,
    partition: Annotated[str, typer.Option(metavar="TOPIC:N", help="Where it is open.")],
    producer_id: Annotated[int, typer.Option(help="Whose it is, as `list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even one that its coordinator still knows.")
    ] = False,
) -> None:
    """End a hanging transaction: what it wrote there becomes invisible, readers go on behind it."""
    from stream.cli.transactions import abort_transaction

    abort_transaction(config, partition, producer_id, yes, force)


@transactions_app.command("finish")
def transactions_finish(
    config: ConfigPath,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End all hanging transactions as their coordinators had decided: commit or abort."""
    from stream.cli.transactions import finish_transactions

    finish_transactions(config, yes)


@drift_app.command("show", no_args_is_help=True)
def drift_show(
    config: ConfigPath,
    since: Annotated[
        str | None,
        typer.Option(help="Only what was said since a date or a time in ISO 8601 (UTC)."),
    ] = None,
    all_events: Annotated[
        bool, typer.Option("--all", help="Every diagnosis, action and alarm, not only the story.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the error over time, with the drifts (.png, .svg)."),
    ] = None,
    json: Json = False,
) -> None:
    """Tell what was noticed, what was done about it and whether it helped, drift by drift."""
    from stream.cli.drift import show

    show(config, since, all_events, plot, json)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    from stream.loading.load import schema_json

    typer.echo(schema_json())


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"driftgate {__version__}")


def limit_threads() -> None:
    """Give torch and BLAS one thread each; has to come before they are loaded.

    Workers are scaled by partitions, and sums split over threads would not come out the same
    everywhere.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def main() -> None:
    """Run the command line; an operating error is one line on standard error, and its exit code."""
    limit_threads()
    try:
        app()
    except DriftgateError as error:
        typer.echo(f"driftgate: {mask_text(str(error))}", err=True)
        sys.exit(error.exit_code)
    except Exception:
        # What Python would print, without secrets that a library put into its message.
        typer.echo(mask_text(traceback.format_exc()), err=True, nl=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
