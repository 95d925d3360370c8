"""How well drifts are named, timed and known again, on streams whose truth is known.

    python -m tests.bench.drift.diagnose --seeds 10

A learner predicts and learns each record at once; the diagnoser watches. What counts is the last
diagnosis made within 1,000 records of an abrupt drift's onset (or of a burst's), or within the
width of a gradual one; the change point, tempo and recurrence are those of the last diagnosis
before the next drift.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from operators.catalog import create_learner
from operators.diagnosis.base import Diagnosis
from operators.diagnosis.diagnoser import DriftDiagnoser
from operators.tape import Rows, test_then_train
from stream.cli.kernel_cache import drop_stale
from tests.bench.drift.concepts import Case, Drift, cases, make

WITHIN = 1_000
"""Records after the onset of an abrupt drift in which it has to be named."""
TUNING_SEED_FIRST = 1_000
"""Seeds from here on are for choosing constants; those below are for reporting."""
_MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one drift.

    Parameters
    ----------
    case, drift
        The truth.
    source
        As named in time; `missed` without a diagnosis.
    in_time
        The diagnoses made in time, the last one being the one that counts.
    last
        The last diagnosis before the next drift.
    episodes
        Number of episodes that it was taken for.
    """

    case: Case
    drift: Drift
    source: str
    in_time: tuple[Diagnosis, ...]
    last: Diagnosis | None
    episodes: int

    @property
    def is_right(self) -> bool:
        """Whether the source was named rightly in time."""
        return self.source == self.drift.source


@dataclass(frozen=True, slots=True)
class Followed:
    """A stream that was watched to its end.

    Parameters
    ----------
    case
        The stream.
    n_records
        Its length.
    answers
        One for each drift.
    false_episodes
        Numbers of the episodes that began before the first drift.
    """

    case: Case
    n_records: int
    answers: tuple[Answer, ...]
    false_episodes: tuple[int, ...]


def follow(case: Case, learner: str = "hoeffding_tree") -> Followed:
    """Watch a stream and compare what is said with the truth."""
    stream = make(case)
    records, drifts = stream.records, stream.drifts
    length = len(records.y)
    model = create_learner(learner, records.space, case.seed, {})
    rows = Rows(
        records.x,
        records.y,
        np.full((length, records.space.n_outputs), np.nan),
        np.full((length, model.trace_width), np.nan),
    )
    tape = test_then_train(length)
    model.run(tape, rows)
    said = DriftDiagnoser(records.space).watch(tape, rows)
    ends = [*(drift.onset for drift in drifts[1:]), length][: len(drifts)]
    first = drifts[0].onset if drifts else length
    return Followed(
        case,
        length,
        tuple(_answer(case, drift, end, said) for drift, end in zip(drifts, ends, strict=True)),
        tuple(sorted({d.episode for d in said if d.learnt <= first})),
    )


def _answer(case: Case, drift: Drift, end: int, said: list[Diagnosis]) -> Answer:
    mine = [d for d in said if drift.onset < d.learnt <= end]
    limit = drift.end if drift.tempo == "gradual" else drift.onset + WITHIN
    in_time = tuple(d for d in mine if d.learnt <= limit)
    return Answer(
        case,
        drift,
        in_time[-1].source if in_time else _MISSED,
        in_time,
        mine[-1] if mine else None,
        len({d.episode for d in mine}),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """Answers to drifts of one kind and source.

    Parameters
    ----------
    kind, source
        As of `Case`.
    n
        Number of drifts.
    named
        How often each source was named in time.
    tempo
        How often each tempo was named in the end.
    right
        Share of drifts whose source was named rightly in time.
    delay
        Median of the records from the onset to the first right diagnosis.
    covered, interval
        Share of change points inside their intervals, and the median length of those.
    known_again
        Share of concepts that came back whose number was given; NaN where none did.
    falsely_known
        Share of new concepts that were given an old one's number.
    episodes
        Mean number of episodes that a drift was taken for.
    """

    kind: str
    source: str
    n: int
    named: Counter[str]
    tempo: Counter[str]
    right: float
    delay: float
    covered: float
    interval: float
    known_again: float
    falsely_known: float
    episodes: float


def diagnosis_table(
    seeds: Iterable[int], quick: bool = False, learner: str = "hoeffding_tree"
) -> list[Line]:
    """Watch all streams of some seeds; summarise each kind and source of drift."""
    return summarise(list(follow_all(seeds, quick, learner)))


def follow_all(
    seeds: Iterable[int], quick: bool = False, learner: str = "hoeffding_tree"
) -> Iterator[Followed]:
    """Watch all streams of some seeds."""
    for seed in seeds:
        for case in cases(seed, quick):
            yield follow(case, learner)


def summarise(followed: list[Followed]) -> list[Line]:
    """Summarise each kind and source of drift."""
    groups: dict[tuple[str, str], list[Answer]] = {}
    for stream in followed:
        for answer in stream.answers:
            groups.setdefault((stream.case.kind, answer.drift.source), []).append(answer)
    return [_line(*key, answers) for key, answers in groups.items()]


def _line(kind: str, source: str, answers: list[Answer]) -> Line:
    found = [(answer, answer.last) for answer in answers if answer.last is not None]
    lengths = [float(d.since.high - d.since.low) for _, d in found]
    right = [
        next(d.learnt for d in a.in_time if d.source == a.drift.source) - a.drift.onset
        for a in answers
        if a.is_right
    ]
    return Line(
        kind=kind,
        source=source,
        n=len(answers),
        named=Counter(answer.source for answer in answers),
        tempo=Counter(last.tempo for _, last in found),
        right=_mean([answer.is_right for answer in answers]),
        delay=float(np.median(right)) if right else np.nan,
        covered=_mean([last.since.low <= a.drift.at <= last.since.high for a, last in found]),
        interval=float(np.median(lengths)) if lengths else np.nan,
        known_again=_mean([d.recurs == a.drift.recurs for a, d in found if a.drift.recurs]),
        falsely_known=_mean([d.recurs is not None for a, d in found if not a.drift.recurs]),
        episodes=_mean([answer.episodes for answer in answers]),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else np.nan


def reliability(followed: list[Followed], n_bins: int = 5) -> list[tuple[float, float, int]]:
    """Compare stated with true: mean confidence, share right and number, of each of some bins.

    All diagnoses made in time count, the first ones too.
    """
    pairs = np.array(
        [
            (diagnosis.confidence, diagnosis.source == answer.drift.source)
            for stream in followed
            for answer in stream.answers
            for diagnosis in answer.in_time
        ]
    )
    place = np.minimum((pairs[:, 0] * n_bins).astype(int), n_bins - 1)
    bins = [pairs[place == k] for k in range(n_bins)]
    return [(float(b[:, 0].mean()), float(b[:, 1].mean()), len(b)) for b in bins if len(b)]


def false_alarms(followed: list[Followed]) -> tuple[int, int]:
    """Count episodes without a drift, and the records in which there could have been one."""
    records = [
        stream.answers[0].drift.onset if stream.answers else stream.n_records for stream in followed
    ]
    return sum(len(stream.false_episodes) for stream in followed), sum(records)


def text(followed: list[Followed]) -> str:
    """Write all tables."""
    return "\n\n".join(
        [_drift_table(summarise(followed)), _by_kind(followed), _reliability_table(followed)]
    )


def _drift_table(lines: list[Line]) -> str:
    sources = ("real", "virtual", "label", "outliers", "none", _MISSED)
    head = ["kind", "truth", "drifts", "right", "delay", *sources, "covered", "interval"]
    head += ["abrupt", "gradual", "known again", "falsely", "episodes"]
    rows = [
        [
            line.kind, line.source, str(line.n), f"{line.right:.1%}", f"{line.delay:.0f}",
            *(str(line.named[source]) for source in sources),
            f"{line.covered:.1%}", f"{line.interval:.0f}",
            str(line.tempo["abrupt"]), str(line.tempo["gradual"]),
            f"{line.known_again:.1%}", f"{line.falsely_known:.1%}", f"{line.episodes:.2f}",
        ]
        for line in lines
    ]  # fmt: skip
    return _markdown(head, rows)


def _by_kind(followed: list[Followed]) -> str:
    """Shares right and covered, by kind, balance and noise."""
    rows = []
    for name, of in (
        ("kind", lambda case: case.kind),
        ("kind, imbalanced", lambda case: f"{case.kind}, {case.imbalanced}"),
        ("noise", lambda case: str(case.noise)),
        ("family", lambda case: case.family),
    ):
        for value in sorted({of(stream.case) for stream in followed}):
            answers = [a for s in followed if of(s.case) == value for a in s.answers]
            told = [(a, a.last.since) for a in answers if a.last is not None]
            right = _mean([a.is_right for a in answers])
            covered = _mean([since.low <= a.drift.at <= since.high for a, since in told])
            rows.append([name, value, str(len(answers)), f"{right:.1%}", f"{covered:.1%}"])
    alarms, records = false_alarms(followed)
    steady = f"Without a drift: {alarms} episodes in {records:,} records."
    return _markdown(["by", "", "drifts", "right", "covered"], rows) + "\n\n" + steady


def _reliability_table(followed: list[Followed]) -> str:
    rows = [
        [f"{stated:.2f}", f"{true:.2f}", str(n)] for stated, true, n in reliability(followed, 10)
    ]
    return _markdown(["confidence", "share right", "diagnoses"], rows)


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--quick", action="store_true", help="one level of noise only")
    parser.add_argument("--learner", default="hoeffding_tree")
    given = parser.parse_args()
    drop_stale()
    seeds = range(given.first, given.first + given.seeds)
    print(text(list(follow_all(seeds, given.quick, given.learner))))


if __name__ == "__main__":
    main()
