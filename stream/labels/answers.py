"""Which predictions of a step can be written: a model may fail to give a finite one.

An event whose output is not finite is unanswered: it goes to the dead letters in place of a
prediction, and the task goes on. It has been predicted all the same, so its label is learnt as any
other's. The model may mend itself by it, and the evaluation counts what it could not answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.codec.predictions import PredictionWriter
from stream.labels.inbox import DeadLetter, Records
from stream.labels.plan import Plan, dead_letter
from stream.log.base import TopicPartition

REASON = "not_finite_output"


class Answers(NamedTuple):
    """Rows of a step whose predictions can be written, and the other events as dead letters."""

    rows: NDArray[np.int64]
    dead: list[DeadLetter]


def answers_of(
    writer: PredictionWriter,
    plan: Plan,
    events: Records,
    output: NDArray[np.float64],
    source: TopicPartition,
    dead_topic: str,
) -> Answers:
    """Part the predicted rows of a step.

    Parameters
    ----------
    output
        (n_accepted, n_outputs) float64, as the learner wrote it.
    source
        Where the events come from.
    dead_topic
        Named in the messages of dead letters.
    """
    is_answered = writer.is_finite(output, plan.known)
    dead = [
        _unanswered(events, plan.accepted[row], output[row], source, dead_topic)
        for row in np.flatnonzero(~is_answered).tolist()
    ]
    return Answers(np.flatnonzero(is_answered), dead)


def _unanswered(
    events: Records,
    position: int,
    output: NDArray[np.float64],
    source: TopicPartition,
    dead_topic: str,
) -> DeadLetter:
    bad = output[~np.isfinite(output)][0]
    why = f"the model's output must be finite; got {bad}, so that there is no prediction"
    return dead_letter(source, events, position, REASON, why, dead_topic)
