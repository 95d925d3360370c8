"""When monitors decide, against what, and at which level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from operators.checks import check_choice
from operators.drift.parameters import check_at_least, check_probability
from operators.monitors.two_sample import rate_level, spending_level

Reference = Literal["fixed", "rolling"]
"""`fixed`: the first rows, until told otherwise. `rolling`: those before the window; after a
finding it begins anew, for what has changed."""

Control = Literal["rate", "spending"]
"""How the chance of a false alarm is shared out over the tests to come. `rate`: `alpha` is the
number of false alarms to be expected in 100,000 rows, for ever. `spending`: `alpha` is the chance
of any, however long the stream; later tests get ever less of it."""

SETTLED = 0.05
"""A change that was found is over when its test has a chance above this."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The parameters that all monitors have; each explains them to whoever configures it."""

    reference_size: int
    window: int
    alpha: float
    reference: Reference
    control: Control
    every: int

    def __post_init__(self) -> None:
        check_at_least("window", self.window, 20)
        if self.window % 4:
            raise ValueError(
                "window: must be a multiple of 4, for it moves by halves of pairs; "
                f"got {self.window!r}."
            )
        if self.reference_size < self.window or self.reference_size % self.step:
            raise ValueError(
                f"reference_size: must be a multiple of window / 2 = {self.step}, and >= window; "
                f"got {self.reference_size!r}."
            )
        check_probability("alpha", self.alpha)
        check_choice("reference", self.reference, Reference)
        check_choice("control", self.control, Control)
        check_at_least("every", self.every, 1)

    @property
    def step(self) -> int:
        """Rows that are looked at from one decision to the next."""
        return self.window // 2

    def looked_at(self, seen: int) -> slice:
        """Return which rows to look at, after `seen` others: each `every`-th."""
        return slice(-seen % self.every, None, self.every)

    @property
    def is_rolling(self) -> bool:
        """Whether the reference follows the rows."""
        return self.reference == "rolling"

    def level(self, k: int) -> float:
        """Return the level of the k-th test (from 1), over all questions asked at that time."""
        if self.control == "rate":
            return rate_level(self.step * self.every, self.alpha)
        return spending_level(k, self.alpha)
