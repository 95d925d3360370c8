"""FHDDM and its stacked form: sliding windows under Hoeffding's bound, compiled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from operators.drift.compiled import CompiledDetector
from operators.drift.parameters import check_at_least, check_at_most, check_probability
from operators.kernels import fhddm as kernel


class FHDDM(CompiledDetector):
    """Fast Hoeffding drift detection: a window's error against the least it has been [1]_.

    Prefer it where drifts are frequent and have to be seen soon: only the last `window` values
    count, so it is as quick after a million values as after a hundred. Falls of the error are not
    signalled.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1]. `river.drift.binary.FHDDM` says the
    same but signals when the share of ones falls, so it must be fed 1 for right; fed so, it
    signals at exactly the values where this one does.

    Parameters
    ----------
    window
        How many values count. Larger: sees smaller changes, longer delay.
    delta
        Significance. Smaller: fewer false alarms, longer delay.

    Notes
    -----
    O(1) time a value, 8 bytes for each value of the window. A drift is signalled when the window's
    mean exceeds its least since the last drift by more than sqrt(ln(1 / delta) / (2 window)), 0.26
    at the defaults. `Alarm.after` is the window's mean, `Alarm.before` that of what came before.

    Examples
    --------
    >>> detector = FHDDM()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [alarm.index for alarm in detector.update_many(errors)]
    [1034]

    References
    ----------
    .. [1] Pesaranghader and Viktor, 2016, Fast Hoeffding drift detection method for evolving data
       streams, ECML PKDD. DOI 10.1007/978-3-319-46227-1_7.
    """

    def __init__(
        self,
        window: Annotated[int, Ge(1)] = 100,
        delta: Annotated[float, Gt(0), Lt(1)] = 1e-6,
    ) -> None:
        check_at_least("window", window, 1)
        check_probability("delta", delta)
        self.window = window
        self.delta = delta
        super().__init__(kernel.update_many, _arrays([window], delta), (), low=0.0, high=1.0)


class StackedFHDDM(CompiledDetector):
    """FHDDM over a long and a short window at once [1]_.

    The short window sees a large change in fewer values, the long one a small change at all.
    Prefer it to FHDDM where both kinds occur. Falls of the error are not signalled.

    Values are errors: 1 wrong, 0 right, or a loss in [0, 1]. For river see FHDDM; its
    `short_window_size` is this class.

    Parameters
    ----------
    window
        How many values the long window holds. Larger: sees smaller changes, longer delay.
    short_window
        How many the short one holds; at most `window`. Smaller: quicker for large changes.
    delta
        Significance in each window. Smaller: fewer false alarms, longer delay.

    Notes
    -----
    O(1) time a value, 8 bytes for each value of the long window; nothing is tested before that is
    full. `Alarm.before` and `Alarm.after` are of the window that signalled, of the long one if
    both did.

    Examples
    --------
    >>> detector = StackedFHDDM()
    >>> errors = [0.0, 0.0, 0.0, 1.0] * 250 + [1.0] * 50
    >>> [alarm.index for alarm in detector.update_many(errors)]
    [1017]

    References
    ----------
    .. [1] Pesaranghader, Viktor and Paquet, 2018, Reservoir of diverse adaptive learners and
       stacking fast Hoeffding drift detection methods for evolving data streams, Machine Learning
       107. DOI 10.1007/s10994-018-5719-z.
    """

    def __init__(
        self,
        window: Annotated[int, Ge(1)] = 100,
        short_window: Annotated[int, Ge(1)] = 25,
        delta: Annotated[float, Gt(0), Lt(1)] = 1e-6,
    ) -> None:
        check_at_least("window", window, 1)
        check_at_least("short_window", short_window, 1)
        check_at_most("short_window", short_window, window, "window")
        check_probability("delta", delta)
        self.window = window
        self.short_window = short_window
        self.delta = delta
        arrays = _arrays([window, short_window], delta)
        super().__init__(kernel.update_many, arrays, (), low=0.0, high=1.0)


def _arrays(sizes: list[int], delta: float) -> Mapping[str, NDArray[Any]]:
    windows = np.zeros(len(sizes), dtype=kernel.WINDOW)
    windows["size"] = sizes
    windows["bound"] = [math.sqrt(math.log(1 / delta) / (2 * size)) for size in sizes]
    state = np.zeros(1, dtype=kernel.STATE)
    return {"state": state, "windows": windows, "ring": np.zeros(sizes[0])}
