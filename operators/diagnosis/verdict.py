"""Which source explains a change with the fewest assumptions, and how sure that is."""

from __future__ import annotations

import math

from operators.diagnosis.base import Source
from operators.diagnosis.contrast import Contrast

_CLEAR = 3.0
_WEAK = 2.5
_SHARE = 0.35
"""A test counts for little when it is this much weaker than the one it is set against: with many
records the models' errors alone make it significant."""


def judge(found: Contrast) -> tuple[Source, float]:
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
        # Either would do, as where x decides y. What has changed by itself has changed more
        # clearly than what follows from it.
        lead = (found.labels - shifted) / max(found.labels, shifted)
        return ("label", lead) if lead > 0.0 else ("virtual", -lead)
    return ("label", label) if label > virtual else ("virtual", virtual)


def _spared(left_alone: float, changed: float) -> float:
    """Tell how clearly one thing changed while another was left alone; below 0 if it was not."""
    if changed < _CLEAR:
        return -(_CLEAR - changed) / _CLEAR
    allowed = max(_WEAK, _SHARE * changed)
    return (allowed - max(left_alone, 0.0)) / allowed


def confidence(source: Source, margin: float, n_since: int) -> float:
    """Map a margin to the probability that the source is right."""
    score = 0.5 + 1.5 * margin + 0.3 * math.log(max(n_since, 1) / 100.0)
    return 1.0 / (1.0 + math.exp(-max(min(score, 30.0), -30.0)))
