"""What a learner works on, as the codec defines it."""

from __future__ import annotations

from operators.base import Space
from stream.codec.features import FeatureCoder
from stream.codec.target import TargetCoder


def make_space(feature_coder: FeatureCoder, target_coder: TargetCoder) -> Space:
    """Describe the columns and the classes; both lists of names keep growing with the coders."""
    return Space(feature_coder.features, target_coder.n_classes, target_coder.classes)
