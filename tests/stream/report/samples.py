"""Evaluations, drifts and origins made by hand, and a reader of pages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from stream.compare.leaderboard import Entry, Leaderboard, Run
from stream.config.pipeline import Model
from stream.drift.events import DriftEvent, FeatureChange, Found, Since, iso_time
from stream.evaluate import Evaluation, Point
from stream.labels.dead_letter_table import DeadLetterTable
from stream.labels.dead_letters import dead_letter_batch
from stream.labels.inbox import DeadLetter
from stream.log.base import TopicPartition
from stream.report.origin import Origin
from tests.builders import toy_config

START = 1_357_034_400_000
RECORDS = 5000


def origin(**changes: Any) -> Origin:
    """A report of the toy pipeline; sections of the configuration can be replaced."""
    return Origin(
        data="toy.csv",
        config=toy_config(**changes),
        label_delay=0,
        command="driftgate evaluate toy.yaml --data toy.csv",
        made=datetime(2026, 3, 4, 10, 5, tzinfo=UTC),
        version="0.1.0",
    )


def regression(**changes: Any) -> Origin:
    """The same of a target that is a number."""
    return origin(target={"type": "regression", "path": "$.y"}, **changes)


def class_figures(accuracy: float, **more: float) -> dict[str, float]:
    """Figures of a classifier where no change has accuracy 0.75 and the majority class 0.5."""
    plain = {
        "count": RECORDS,
        "accuracy": accuracy,
        "kappa": 2 * accuracy - 1,
        "kappa_m": (accuracy - 0.5) / 0.5,
        "kappa_t": (accuracy - 0.75) / 0.25,
        "log_loss": 0.3,
        **more,
    }
    return plain | {f"faded_{name}": value for name, value in plain.items()}


def number_figures(mae: float) -> dict[str, float]:
    """Figures of a regressor where the mean of the labels has a root mean squared error of 4."""
    rmse = 1.25 * mae
    plain = {"count": RECORDS, "mae": mae, "rmse": rmse, "r2": 1 - (rmse / 4) ** 2}
    return plain | {f"faded_{name}": value for name, value in plain.items()}


def evaluation(
    figures: dict[str, float], drift: Sequence[DriftEvent] = (), points: int = 50, **changes: Any
) -> Evaluation:
    """An evaluation whose curve keeps its figures, but for the first point, which has none yet."""
    empty = dict.fromkeys(figures, math.nan)
    curve = [
        Point(
            RECORDS * number // max(points, 1),
            START + 3_600_000 * number,
            figures if number > 1 else empty,
        )
        for number in range(points + 1)
    ]
    settings: dict[str, Any] = {
        "records": RECORDS,
        "learnt": RECORDS,
        "model_seconds": 0.5,
        "pipeline_seconds": 1.0,
        "state_bytes": 20_000,
        "snapshot_digest": "5a" * 32,
        "predictions_digest": "9d" * 32,
        **changes,
    }
    settings["dead_table"] = _dead_table(settings.get("dead", Counter()))
    return Evaluation(figures=figures, drift=list(drift), curve=curve, **settings)


def _dead_table(dead: Counter[str]) -> DeadLetterTable:
    """Dead letters of these reasons, each of the field of its name."""
    made = DeadLetterTable()
    source, target = TopicPartition("x.features", 0), TopicPartition("x.dead", 0)
    for reason, count in dead.items():
        words = (
            f"x.features[0]@7: $.{reason} must be good; got <bad>. The record went to topic `x`."
        )
        letter = DeadLetter(source, 7, 0, None, b"", reason, words)
        made.add(dead_letter_batch(target, "x", [letter] * count))
    return made


def diagnosis(
    number: int, at: int, source: str = "real", feature: str = "a", share: float = 0.6
) -> DriftEvent:
    """Drift `number`, which began at label `at`."""
    since = Since(at, at - 50, at + 50, 0.9, at, at - 50, at + 50, iso_time(START + at))
    return DriftEvent(
        "toy",
        0,
        "diagnosis",
        "diagnosis",
        iso_time(START + at + 200),
        at + 200,
        0.1,
        0.1 + 0.01 * number,
        f"Drift {number}: since label {at} {feature} has changed.",
        "diagnosis",
        episode=number,
        source=source,
        since=since,
        features=(FeatureChange(feature, share), FeatureChange("b", 0.01)),
    )


def alarm(at: int, before: float = 0.1, after: float = 0.3) -> DriftEvent:
    """An alarm of ADWIN."""
    words = f"adwin: the prediction error changed at label {at}."
    return DriftEvent("toy", 0, "adwin", "drift", iso_time(START + at), at, before, after, words)


def finding(at: int, feature: str = "b") -> DriftEvent:
    """A finding of a monitor."""
    return DriftEvent(
        "toy",
        0,
        "psi",
        "monitor",
        iso_time(START + at),
        at,
        1.0,
        2.0,
        f"psi: the values of {feature} have moved.",
        "monitor",
        features=(FeatureChange(feature),),
        finding=Found("values", "psi", 0.3),
    )


def entry(label: str, *scores: float, failure: str = "", seconds: float = 0.5) -> Entry:
    """A classifier with a run for each accuracy."""
    runs = [
        Run(seed, evaluation(class_figures(score), model_seconds=seconds))
        for seed, score in enumerate(scores, start=1)
    ]
    return Entry(label, Model(name=label), runs=runs, failure=failure)


def board(*entries: Entry, **changes: Any) -> Leaderboard:
    """A leaderboard of classifiers, in the order given."""
    settings: dict[str, Any] = {
        "main": "accuracy",
        "entries": list(entries),
        "baselines": {"no change": 0.75, "majority class": 0.5},
        "seeds": (1, 2, 3),
        "is_complete": True,
        **changes,
    }
    return Leaderboard(**settings)


class Page(HTMLParser):
    """What is on a page, and what is wrong with it.

    Parameters
    ----------
    page
        HTML, which has to be well-formed.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.source = page
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self._goes_on = False  # after a place where a word may be broken
        self.feed(page)
        self.close()
        self.faults += [f"<{name}> is not closed" for name in self._open]

    @property
    def text(self) -> str:
        """All that is to be read, without the style sheet."""
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [values[name] or "" for _, values in self.attributes if name in values]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))
        self._goes_on = tag == "wbr"

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            before = self.words.pop() if self._goes_on else ""
            self.words.append(before + data)
            self._goes_on = False
