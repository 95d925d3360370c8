"""What a stream asks for, classes or numbers: how answers are scored, and which score is better."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from operators.prequential import PrequentialClassification, PrequentialRegression


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a table.

    Parameters
    ----------
    name
        In the evaluator's figures and in the results file.
    title
        Above its column.
    scale, digits
        It is shown times `scale`, with so many digits after the point.
    """

    name: str
    title: str
    scale: float
    digits: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stream.

    Parameters
    ----------
    name
        As messages say it.
    measures
        The first one ranks candidates.
    sign
        1 where more of the first measure is better, -1 where less is.
    gain
        How much better ours is than a peer's, both of the first measure; shown times 100.
    gain_words
        What a hundredth of it is.
    evaluator
        Makes the evaluator, of the space's number of classes.
    """

    name: str
    measures: tuple[Measure, ...]
    sign: int
    gain: Callable[[float, float], float]
    gain_words: str
    evaluator: Callable[[int], PrequentialClassification | PrequentialRegression]

    @property
    def main(self) -> Measure:
        """The measure that ranks candidates."""
        return self.measures[0]

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of all measures."""
        return tuple(measure.name for measure in self.measures)


CLASSIFICATION = Kind(
    "classification",
    (
        Measure("accuracy", "accuracy %", 100.0, 2),
        Measure("kappa", "kappa", 1.0, 3),
        Measure("kappa_m", "kappa_m", 1.0, 3),
    ),
    sign=1,
    gain=lambda ours, theirs: ours - theirs,
    gain_words="points of accuracy more",
    evaluator=PrequentialClassification,
)
# Errors have the unit of the stream's target, so that only their ratio can be read at a glance.
REGRESSION = Kind(
    "regression",
    (
        Measure("mae", "MAE", 1.0, 4),
        Measure("rmse", "RMSE", 1.0, 4),
        Measure("r2", "R2", 1.0, 3),
    ),
    sign=-1,
    gain=lambda ours, theirs: 1.0 - ours / theirs,
    gain_words="% of MAE less",
    evaluator=lambda n_classes: PrequentialRegression(),
)


def kind_of(n_classes: int) -> Kind:
    """Kind of a space with so many classes."""
    return CLASSIFICATION if n_classes else REGRESSION


def kind_scored(names: Iterable[str]) -> Kind:
    """Kind that has a figure's name among its own; other names may be there."""
    return REGRESSION if REGRESSION.main.name in names else CLASSIFICATION
