"""Which source explains a change with the fewest assumptions, and how sure that is."""

from __future__ import annotations

import math

from operators.diagnosis.base import Source
from operators.diagnosis.contrast import Deviations

_CLEAR = 3.0
_WEAK = 2.5
_SHARE = 0.4
"""A test counts for little when it is this much weaker than the one it is set against: with many
records the models' errors alone make it significant."""
_CAUSE = 0.8
"""Where both would do: how clearly labels have changed, relative to the features, to be the cause.
On the seeds of `calibrate`, 1000 to 1002, only label drift is met there, from 0.99 on."""
# By `python -m tests.bench.drift.calibrate --seeds 4`: logistic regression of being right.
_INTERCEPT: dict[Source, float] = {
    "real": 2.46,
    "virtual": 0.32,
    "label": 2.81,
    "outliers": 1.95,
    "none": 0.0,
}
_SLOPES = (2.64, 1.12, -0.03)  # of the grounds, in their order


def judge(found: Deviations) -> tuple[Source, float]:
    """Name the source, and the margin by which it was chosen.

    Label drift leaves P(x|y) alone, virtual drift P(y|x); what leaves neither alone is real.
    """
    shifted = max(found.classes, found.features)
    strongest = max(found.concept, found.labels, shifted)
    if strongest < _CLEAR:
        return "none", _CLEAR - strongest
    label = _spared(found.classes, found.labels)
    virtual = _spared(found.concept, shifted)
    if max(label, virtual) <= 0.0:
        return "real", -max(label, virtual)
    if min(label, virtual) > 0.0:
        # Either would do, as where x decides y. What follows from another change follows less
        # clearly; and another P(y) is the smaller change to assume, so it may be somewhat weaker.
        lead = (found.labels - _CAUSE * shifted) / max(found.labels, shifted)
        return ("label", lead) if lead > 0.0 else ("virtual", -lead)
    return ("label", label) if label > virtual else ("virtual", virtual)


def _spared(left_alone: float, changed: float) -> float:
    """Tell how clearly one thing changed while another was left alone; below 0 if it was not."""
    if changed < _CLEAR:
        return -(_CLEAR - changed) / _CLEAR
    allowed = max(_WEAK, _SHARE * changed)
    return (allowed - max(left_alone, 0.0)) / allowed


def grounds(found: Deviations, margin: float, n_since: int) -> tuple[float, float, float]:
    """Return what confidence depends on: margin, strength of the change, records since it."""
    strongest = max(found.concept, found.labels, found.classes, found.features, 1.0)
    return min(margin, 2.0), math.log(strongest / 5.0), math.log(max(n_since, 10) / 300.0)


def confidence(source: Source, ground: tuple[float, float, float]) -> float:
    """Map grounds to the probability that the source is right."""
    score = _INTERCEPT[source] + sum(s * g for s, g in zip(_SLOPES, ground, strict=True))
    return 1.0 / (1.0 + math.exp(-max(min(score, 30.0), -30.0)))
