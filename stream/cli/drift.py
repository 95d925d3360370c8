"""`driftgate drift show`: what a pipeline's drift topic tells, as a timeline."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from stream.cli.plot_drift import plot_timeline
from stream.config.pipeline import Config
from stream.drift.events import DriftEvent
from stream.drift.messages import minute
from stream.drift.timeline import Episode, Timeline, most_telling, timeline
from stream.errors import ConfigError, DataError, TopicMissingError
from stream.evaluate import committed_values
from stream.loading.load import load_config
from stream.log.base import LogAdmin, TopicPartition
from stream.log.open import open_admin
from stream.observe.error_curve import error_curve

COLOURS = {
    "real": "red",
    "virtual": "magenta",
    "label": "yellow",
    "outliers": "bright_black",
    "none": "bright_black",
}
"""Of a terminal, by source."""
_ALARMS_SHOWN = 5


def show(
    path: Path, since: str | None, shows_all: bool, plot: Path | None, as_machine: bool
) -> None:
    """Print the timeline; draw it if asked to."""
    config = load_config(path, os.environ)
    begin = read_moment(since) if since is not None else None
    console = Console(stderr=as_machine, highlight=False)
    admin = open_admin(config)
    try:
        partitions = _partitions(config, admin, path)
        told = timeline(read_events(config, admin, partitions), begin)
        if as_machine:
            print(json.dumps(as_json(config.app, told)))
        else:
            print_timeline(told, console, shows_all)
            if not (told.episodes or told.alarms or told.findings):
                console.print(_nothing(config, begin))
        if plot is not None:
            _plot(config, admin, partitions, told, plot)
            console.print(f"Wrote {plot}: the error over event time, with what is told above")
    finally:
        admin.close()


def read_moment(text: str) -> datetime:
    """Read `--since`: a date, or a time in ISO 8601; UTC where it does not say.

    Examples
    --------
    >>> read_moment("2013-03-04").isoformat()
    '2013-03-04T00:00:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            "--since: must be a date or a time, such as 2013-03-04 or 2013-03-04T10:00Z; "
            f"got {text!r}."
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def read_events(config: Config, admin: LogAdmin, partitions: int) -> Iterator[DriftEvent]:
    """Read the committed drift events, one partition after the other.

    Raises
    ------
    DataError
        A record is not a drift event.
    """
    assert config.topics.drift is not None
    decoder = msgspec.json.Decoder(DriftEvent)
    for number in range(partitions):
        source = TopicPartition(config.topics.drift, number)
        for value in committed_values(admin, source):
            try:
                yield decoder.decode(value)
            except msgspec.MsgspecError as error:
                raise DataError(
                    f"{source.topic}[{number}]: each record must be a drift event; got "
                    f"{value!r:.80} ({error}). Something else has written to this topic."
                ) from None


def as_json(app: str, told: Timeline) -> dict[str, object]:
    """One object for machines: episodes with their events, alarms, findings of monitors."""
    return {
        "app": app,
        "episodes": [
            {
                "partition": episode.partition,
                "episode": episode.number,
                "begins": episode.begins,
                "events": msgspec.to_builtins(episode.events),
            }
            for episode in told.episodes
        ],
        "alarms": msgspec.to_builtins(told.alarms),
        "monitors": msgspec.to_builtins(told.findings),
    }


def print_timeline(told: Timeline, console: Console, shows_all: bool = False) -> None:
    """Print episodes one after the other, then the alarms and findings that belong to none.

    Parameters
    ----------
    shows_all
        Whether all diagnoses, actions and alarms are printed, or only what tells the story.
    """
    for episode in told.episodes:
        events = episode.events if shows_all else episode.story
        console.print(_headline(episode), soft_wrap=True)
        for event in events:
            console.print(_line(event), soft_wrap=True)
    for events, kind in ((told.alarms, "alarm"), (told.findings, "finding")):
        shown = events if shows_all else events[-_ALARMS_SHOWN:]
        if events:
            console.print(_counted(events, kind, len(shown)), style="bold")
        for event in shown:
            console.print(Text(f"  {event.message}", style="dim"), soft_wrap=True)


def print_story(told: Timeline, console: Console, most: int) -> None:
    """Print the drifts after which the error changed most, and how many there were of each kind.

    Parameters
    ----------
    most
        Drifts of which the sentences are printed; alarms are printed where there are no drifts.
    """
    if not told.episodes:
        print_timeline(told, console)
        return
    sources = Counter(each.diagnosis.source for each in told.episodes if each.diagnosis)
    kinds = ", ".join(f"{count} {source}" for source, count in sources.most_common())
    shown = most_telling(told.episodes, most)
    rest = "" if len(shown) == len(told.episodes) else "; those at which the error changed most"
    console.print(f"{len(told.episodes)} drifts ({kinds}){rest}:", style="bold")
    for episode in shown:
        for event in episode.story:
            if event.action != "none":
                console.print(_line(event), soft_wrap=True)
    for events, kind in ((told.alarms, "alarm"), (told.findings, "finding")):
        if events:
            console.print(_counted(events, kind, len(events)), style="dim")


def _headline(episode: Episode) -> Text:
    known = episode.diagnosis
    source = known.source if known is not None else "unknown"
    text = Text(f"{minute(episode.begins)}  ", style="bold")
    text.append(f"drift {episode.number} of partition {episode.partition}", style="bold")
    text.append(f"  {source}", style=f"bold {COLOURS.get(source, 'white')}")
    return text


def _line(event: DriftEvent) -> Text:
    style = {"action": "cyan", "outcome": "red"}.get(event.event, COLOURS.get(event.source, ""))
    if event.outcome is not None and event.outcome.recovered_after is not None:
        style = "green"
    if event.action == "none":
        style = "dim"
    return Text(f"  {event.message}", style=style)


def _counted(events: Sequence[DriftEvent], kind: str, shown: int) -> str:
    counts = Counter(event.detector for event in events)
    by_name = ", ".join(f"{count:,} of {name}" for name, count in sorted(counts.items()))
    plural = "" if len(events) == 1 else "s"
    rest = "" if shown == len(events) else f"; the last {shown} (all: --all)"
    return f"{len(events):,} {kind}{plural} ({by_name}){rest}"


def _nothing(config: Config, since: datetime | None) -> str:
    if since is not None:
        return f"Nothing was noticed since {since.isoformat(timespec='minutes')}."
    hint = "" if config.drift.diagnose else " Put `drift: {diagnose: true}` into the file for more."
    return f"No drift was noticed yet.{hint}"


def _partitions(config: Config, admin: LogAdmin, path: Path) -> int:
    found = admin.topics().get(str(config.topics.drift))
    if found is None:
        raise TopicMissingError(
            f"topic `{config.topics.drift}` must exist; it does not. "
            f"Run `driftgate topics create {path}`."
        )
    return found


def _plot(config: Config, admin: LogAdmin, partitions: int, told: Timeline, path: Path) -> None:
    curves = {number: error_curve(config, admin, number) for number in range(partitions)}
    curves = {number: curve for number, curve in curves.items() if len(curve.times)}
    if not curves:
        raise DataError(
            "--plot: there must be predictions whose labels have come; there are none yet."
        )
    name = "mean absolute error" if config.target.type == "regression" else "share of errors"
    plot_timeline(curves, told.episodes, path, f"{config.app}: drift", name)
