"""RDDM: the reactive drift detection method, compiled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_at_most
from operators.kernels import rddm as kernel


class RDDM(CompiledDetector):
    """Reactive drift detection method: DDM that does not grow slow with age [1]_.

    Prefer it to DDM on long streams: it stays as quick after a million values as after thousands,
    and its lower levels see gradual changes sooner. Falls of the error are not signalled.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1]. River has no RDDM; MOA's signals at
    the same values until a concept reaches `concept_length_max`, where it raises an alarm and this
    one shortens the concept in silence. After a warning
    that ended in a drift, the values since the warning began are counted again, as the first of
    the new concept; after a drift without a warning, or one forced by its length, only the last.

    Parameters
    ----------
    warning_level
        Warn when p + s is more than this many s_min above p_min. Larger: fewer warnings.
    drift_level
        The same for a drift. Larger: fewer false alarms, longer delay.
    grace_period
        No test is made before there are more values than this.
    concept_length_max
        A concept of this many values is shortened to its last ones, without an alarm. Larger:
        closer to DDM.
    stable_length
        How many values are left of it. Larger: steadier, slower, 8 bytes of memory each.
    warning_length_max
        A warning of more values than this is a drift. Larger: fewer forced drifts.

    Notes
    -----
    O(1) amortised time a value, 8 bytes for each of the last `stable_length` values. Symbols as
    in DDM; `Alarm.before` is p_min, `Alarm.after` the mean of the values since that minimum.

    Examples
    --------
    >>> detector = RDDM()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [(alarm.index, alarm.kind) for alarm in detector.update_many(errors)]
    [(1013, 'warning'), (1022, 'drift')]

    References
    ----------
    .. [1] Barros, Cabral, Goncalves and Santos, 2017, RDDM: Reactive drift detection method,
       Expert Systems with Applications 90. DOI 10.1016/j.eswa.2017.08.023.
    """

    def __init__(
        self,
        warning_level: Annotated[float, Ge(1)] = 1.773,
        drift_level: Annotated[float, Ge(1)] = 2.258,
        grace_period: Annotated[int, Ge(1)] = 128,
        concept_length_max: Annotated[int, Ge(1)] = 40_000,
        stable_length: Annotated[int, Ge(1)] = 7_000,
        warning_length_max: Annotated[int, Ge(1)] = 1_400,
    ) -> None:
        check_at_least("warning_level", warning_level, 1)
        check_at_least("drift_level", drift_level, 1)
        check_at_most("warning_level", warning_level, drift_level, "drift_level")
        check_at_least("grace_period", grace_period, 1)
        check_at_least("warning_length_max", warning_length_max, 1)
        # What is counted again has to be in the ring, and a shortened concept to be shorter.
        check_at_most(
            "warning_length_max", warning_length_max, stable_length - 1, "stable_length - 1"
        )
        check_at_most(
            "stable_length", stable_length, concept_length_max - 1, "concept_length_max - 1"
        )
        self.warning_level = warning_level
        self.drift_level = drift_level
        self.grace_period = grace_period
        self.concept_length_max = concept_length_max
        self.stable_length = stable_length
        self.warning_length_max = warning_length_max
        super().__init__(
            kernel.update_many,
            {"state": np.zeros(1, dtype=kernel.STATE), "ring": np.zeros(stable_length)},
            (
                float(warning_level),
                float(drift_level),
                grace_period,
                concept_length_max,
                warning_length_max,
            ),
            low=0.0,
            high=1.0,
        )
