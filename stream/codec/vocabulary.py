"""Code books: strings to numbers, in the order in which they first appeared, up to a bound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import Scalar, State
from stream.codec.strings import pack_strings, unpack_strings

OTHER = "(other)"


class Vocabulary:
    """Append-only code book.

    Parameters
    ----------
    names
        Names that are known from the start.
    capacity
        Number of codes there can ever be.
    shares_last
        Whether names beyond the bound share the last code, `(other)`; they get NaN otherwise.

    Examples
    --------
    >>> vocabulary = Vocabulary((), capacity=3, shares_last=True)
    >>> vocabulary.code(["b", "a", None, "c", "d", "b"]).tolist()
    [0.0, 1.0, nan, 2.0, 2.0, 0.0]
    >>> vocabulary.names
    ['b', 'a', '(other)']
    """

    def __init__(self, names: Sequence[str], capacity: int, *, shares_last: bool) -> None:
        assert len(names) <= capacity
        self.names = list(names)
        self._shares_last = shares_last
        self._capacity = capacity
        self._own_codes = capacity - 1 if shares_last else capacity
        self._number()

    def code(self, names: Sequence[str | None]) -> NDArray[np.float64]:
        """Code names, taking up new ones; None is NaN."""
        codes = list(map(self._codes.get, names))
        if None in codes:
            codes = [self.code_one(name) for name in names]
        return np.array(codes, dtype=np.float64)

    def code_one(self, name: str | None) -> float:
        """Code one name, taking it up if it is new."""
        code = self._codes.get(name)
        return self._take_up(name) if code is None else code

    @property
    def own_codes(self) -> int:
        """Number of names that can have a code of their own."""
        return self._own_codes

    @property
    def is_full(self) -> bool:
        """Whether a further name would find no code of its own."""
        return len(self.names) >= self._own_codes

    def snapshot(self) -> State:
        """Return the names in the order of their codes."""
        return pack_strings(self.names)

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Take over a snapshot; `names` stays the same list, which others hold."""
        names = unpack_strings(state)
        assert len(names) <= self._capacity
        self.names[:] = names
        self._number()

    def _number(self) -> None:
        own = self.names[: self._own_codes]
        self._codes: dict[str | None, float] = {name: float(i) for i, name in enumerate(own)}
        self._codes[None] = math.nan

    def _take_up(self, name: str | None) -> float:
        assert name is not None
        if len(self.names) < self._own_codes:
            self.names.append(name)
            return self._codes.setdefault(name, len(self.names) - 1.0)
        # Names beyond the bound are not remembered: that would grow without one.
        if not self._shares_last:
            return math.nan
        if len(self.names) == self._own_codes:
            self.names.append(OTHER)
        return float(self._own_codes)
