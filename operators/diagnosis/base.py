"""The words of a diagnosis, and what a diagnoser promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from operators.snapshot import State
from operators.tape import Rows, Tape

Source = Literal["real", "virtual", "label", "outliers", "none"]
"""P(y|x) has changed; P(x) has, and P(y|x) not; P(y) has, and P(x|y) not; a burst of records like
none before, which passed; nothing that would hold up (a false alarm)."""

Tempo = Literal["abrupt", "gradual", "unknown"]
"""How the new concept took over."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """When a change began.

    Parameters
    ----------
    at
        Labels learnt before it, counted from the first one that the diagnoser saw: the likeliest.
    low, high
        Bounds of the interval that holds the true one with probability `level`.
    """

    at: int
    low: int
    high: int
    level: float = 0.9


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one channel says.

    Parameters
    ----------
    channel
        `error`, `features`, `labels`, `classes` (features within each class) or `concept`
        (labels given the features).
    statistic, p_value
        Of the test of no change between the records before and since the change point.
    before, after
        What the channel measures, on both sides; NaN where one number does not say it.
    """

    channel: str
    statistic: float
    p_value: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """A feature's part in a change.

    Parameters
    ----------
    column
        Column of `Rows.x`.
    share
        Its part of the evidence, in [0, 1]; the shares of all features sum to 1.
    p_value
        Of the test of no change in this feature, adjusted for the number of features.
    """

    column: int
    share: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is known of one drift; later ones of the same episode replace earlier ones.

    Parameters
    ----------
    episode
        Number of the drift, from 1.
    revision
        0 for the first diagnosis of an episode.
    index
        Of the LEARN step, among those of the tape that was given, after which it was made.
    learnt
        Labels that the diagnoser has seen by then.
    source, tempo
        What changed, and how.
    recurs
        Number of the earlier concept that has come back; None for a new one.
    confidence
        Probability that `source` is right, calibrated on generated streams.
    since
        The change point.
    evidence
        One entry for each channel.
    features
        The features that changed, most telling first.
    """

    episode: int
    revision: int
    index: int
    learnt: int
    source: Source
    tempo: Tempo
    recurs: int | None
    confidence: float
    since: ChangePoint
    evidence: tuple[Evidence, ...]
    features: tuple[FeatureShare, ...]


@runtime_checkable
class Diagnoser(Protocol):
    """Watches tapes that a learner has run.

    It decides only after every `decide_every` labels, counted in its state: cutting the same steps
    into other tapes changes no bit of its state or of what it says (but `Diagnosis.index`, which
    counts in the tape given).
    """

    decide_every: int

    def watch(self, tape: Tape, rows: Rows) -> list[Diagnosis]:
        """Take in a tape after the learner has run it; return what was diagnosed, in order."""

    def snapshot(self) -> State:
        """Return the whole state; shares no memory with the diagnoser."""

    def restore(self, state: State) -> None:
        """Take over a snapshot of a diagnoser with equal parameters."""
