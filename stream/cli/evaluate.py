"""`driftgate evaluate`: a pipeline over a data file."""

from __future__ import annotations

import gc
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from operators.snapshot import State
from stream.checkpoint.format import encode
from stream.cli.html_report import origin_of, write_report
from stream.cli.kernel_cache import drop_stale
from stream.cli.outputs import check_output, writing
from stream.cli.plot import plot_evaluation
from stream.cli.report import LiveProgress, as_json, print_summary
from stream.compare.run import finer_steps
from stream.config.pipeline import Config
from stream.datasets import all_of, open_table, to_pieces
from stream.datasets.tables import turned_round
from stream.errors import ConfigError
from stream.evaluate import (
    WARM_UP_RECORDS,
    Piece,
    Series,
    evaluate_pieces,
    warm_up,
    with_labels,
)
from stream.loading.load import load_config
from stream.observe.logs import configure_logging
from stream.recovery.learnt import learnt_checkpoint
from stream.report.evaluation_page import evaluation_page


def run_evaluate(
    path: Path,
    data: str,
    model: str | None,
    params: Sequence[str],
    label_delay: int,
    limit: int | None,
    seed: int | None,
    is_reversed: bool,
    plot: Path | None,
    html: Path | None,
    checkpoint: Path | None,
    as_machine: bool,
) -> None:
    """Evaluate and print; the exit code is 0 whatever the accuracy."""
    configure_logging("human", "warning")
    collect_seldom()
    outputs = {"--plot": plot, "--html": html, "--save-checkpoint": checkpoint}
    for option, output in outputs.items():
        check_output(option, output, path, data)
    config = load_config(path, os.environ, model, read_params(params))
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    key = os.environ.get("DRIFTGATE_SNAPSHOT_KEY")
    signing_key = key.encode() if key else None
    origin = origin_of(config, data, label_delay)
    console = Console(stderr=as_machine, highlight=False, soft_wrap=True)
    with console.status("opening the data"):
        source = Source(config, data, limit, label_delay, is_reversed)
    for note in source.table.notes:
        console.print(f"note: {note}.")
    states: list[State] = []
    fitted = source.config
    if plot is not None or html is not None:
        fitted = finer_steps(fitted, source.counted())
    with console.status("compiling (the first time takes up to half a minute)"):
        drop_stale()
        warm_up(fitted, source.pieces(WARM_UP_RECORDS))
    with LiveProgress(source.rows, console) as progress:
        result = evaluate_pieces(
            fitted,
            source.pieces(limit),
            progress,
            signing_key=signing_key,
            learnt=states.append,
        )
    title = f"{config.model.name} on {Path(data).name}"
    if label_delay:
        title += f", labels {label_delay} events late"
    if as_machine:
        print(json.dumps(as_json(result, config.model.name, config.seed, source.table.malformed)))
    else:
        print_summary(result, title, console, source.table.malformed)
    if plot is not None:
        with writing("--plot", plot):
            plot_evaluation(result, plot, title, by_time=False)
        console.print(f"Wrote {plot}")
    if html is not None:
        write_report(html, evaluation_page(result, origin))
        console.print(f"Wrote {html}")
    if checkpoint is not None:
        learnt = encode(learnt_checkpoint(config, states[0], signing_key))
        with writing("--save-checkpoint", checkpoint):
            checkpoint.write_bytes(learnt)
        console.print(
            f"Wrote {checkpoint}. To go live with it: driftgate reset {path} --to latest "
            f"--from-checkpoint {checkpoint}"
        )


def collect_seldom() -> None:
    """Look for garbage seldom: records come and go by the ten thousand, and form no cycles.

    With Python's own bounds that is a seventh of the time of an evaluation with a fast model.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def read_params(given: Sequence[str]) -> dict[str, Any]:
    """Read `key=value` pairs; a value is JSON, or else text.

    Examples
    --------
    >>> read_params(["delta=1e-5", "hidden=[8, 8]", "combine=soft"])
    {'delta': 1e-05, 'hidden': [8, 8], 'combine': 'soft'}
    """
    params = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise ConfigError(f"--param: must be key=value; got {pair!r}.")
        try:
            params[name] = json.loads(text)
        except json.JSONDecodeError:
            params[name] = text
    return params


class Source:
    """A data file as what the input topics would hold, as often as it is asked for.

    Parameters
    ----------
    config
        The pipeline; `Source.config` is the one that fits what comes.
    limit
        Rows to read at most.
    label_delay
        How many further events come before a label; 0: labels come within the events.
    is_reversed
        Whether the last row comes first; the file is then read whole.
    """

    def __init__(
        self, config: Config, data: str, limit: int | None, label_delay: int, is_reversed: bool
    ) -> None:
        table = open_table(data)
        self.table = turned_round(table) if is_reversed else table
        self._delay, self._limit = label_delay, limit
        self._record = config.record
        self.config = (
            with_delay(config, label_delay) if label_delay else with_labels(config, in_topic=False)
        )
        counts = [count for count in (limit, table.rows) if count is not None]
        self.rows = min(counts) if table.rows is not None else None

    def counted(self) -> int:
        """Rows that there are; a file that does not say so is read through."""
        if self.rows is None:
            self.rows = sum(map(len, self.table.read(self._limit)))
        return self.rows

    def pieces(self, limit: int | None) -> Iterator[Piece]:
        """Read the file anew, at most `limit` rows of it."""
        # With a delay the record's timestamp is the time: it is still read where the file has it.
        read = self.config.model_copy(update={"record": self._record})
        inline = self._delay == 0
        found = to_pieces(read, self.table, inline=inline, limit=limit)
        return found if inline else delayed(found, self._delay)


def read_series(
    config: Config, data: str, limit: int | None, label_delay: int
) -> tuple[Config, Series, Series | None]:
    """Read a data file whole; see `Source`."""
    source = Source(config, data, limit, label_delay, is_reversed=False)
    events, labels = all_of(source.pieces(limit))
    return source.config, events, labels


def delayed(source: Iterable[Piece], delay: int) -> Iterator[Piece]:
    """Let every label come after `delay` further events, and times rise strictly.

    Examples
    --------
    >>> events = Series([b"a", b"b"], [b"{}", b"{}"], [5, 5])
    >>> labels = Series([b"a", b"b"], [b"1", b"2"], [5, 5])
    >>> first, last = delayed([Piece(events, labels)], 1)
    >>> first.events.timestamps, first.labels.timestamps, last.labels.timestamps
    ([5, 6], [6], [7])
    """
    waiting: deque[tuple[bytes | None, bytes | None] | None] = deque()
    last = -1
    for events, labels in source:
        assert labels is not None, "labels in a topic of their own"
        times = strictly_rising(events.timestamps, last)
        known = dict(zip(positions(events.keys, labels.keys), labels.values, strict=True))
        due: list[tuple[bytes | None, bytes | None, int]] = []
        for row, (key, time) in enumerate(zip(events.keys, times, strict=True)):
            if len(waiting) == delay and (label := waiting.popleft()) is not None:
                due.append((*label, time))
            waiting.append((key, known[row]) if row in known else None)
        last = times[-1] if times else last
        yield Piece(replace(events, timestamps=times), _series(due))
    late = [(*label, last + 1 + n) for n, label in enumerate(waiting) if label is not None]
    yield Piece(Series([], [], []), _series(late))


def _series(records: Sequence[tuple[bytes | None, bytes | None, int]]) -> Series:
    return Series(
        [key for key, _, _ in records],
        [value for _, value, _ in records],
        [time for _, _, time in records],
    )


def with_delay(config: Config, label_delay: int) -> Config:
    """Let the order of the rows be the order of time, and let every label come in time."""
    settings = config.model_dump(mode="json", by_alias=True)
    settings["schema"]["event_time"] = "$timestamp"
    if config.record.id == "$offset":
        settings["schema"]["id"] = "$key"
    settings["labels"] |= {
        "source": "topic",
        "id": "$key",
        "event_time": "$timestamp",
        "max_delay": "36500d",
        "pending_max": max(config.labels.pending_max, label_delay + 2),
    }
    return Config.model_validate(settings)


def positions(keys: Sequence[bytes | None], some: Sequence[bytes | None]) -> list[int]:
    """Where each of `some` stands in `keys`, of which they are a part in the same order.

    Examples
    --------
    >>> positions([b"a", b"b", b"c"], [b"a", b"c"])
    [0, 2]
    """
    found: list[int] = []
    position = 0
    for key in some:
        while keys[position] != key:
            position += 1
        found.append(position)
        position += 1
    return found


def strictly_rising(times: Sequence[int], last: int = -1) -> list[int]:
    """Raise each time that does not follow the one before it; `last` came before the first.

    Examples
    --------
    >>> strictly_rising([5, 5, 3, 9])
    [5, 6, 7, 9]
    """
    risen: list[int] = []
    for time in times:
        last = max(time, last + 1)
        risen.append(last)
    return risen
