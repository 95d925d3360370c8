"""Codes targets: class codes out of labels, or the values themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.snapshot import Scalar, State
from stream.codec.classes import class_key
from stream.codec.strings import pack_strings, unpack_strings
from stream.codec.vocabulary import Vocabulary
from stream.config.pipeline import Config
from stream.config.values import ClassLabel


class TargetCoder:
    """Codes labels; its state is the classes seen so far.

    Labels are the same class if they are written the same: 1 and "1", true and "true". A class
    looks as it did when it was configured or first seen.

    Attributes
    ----------
    n_classes
        Number of class codes that can ever occur; 0 for regression.
    classes
        Classes by code; appended to as labels are coded, never replaced.
    configured
        All classes, where they are closed.
    """

    def __init__(self, config: Config) -> None:
        target = config.target
        self.classes: list[ClassLabel] = []
        self.configured: tuple[ClassLabel, ...] = ()
        if target.type == "classification":
            self.configured = target.classes or ()
            self.classes.extend(self.configured)
            self.n_classes = len(self.classes) or target.classes_max
        else:
            self.n_classes = 0
        self._vocabulary = self._make_vocabulary()
        self._codes: dict[tuple[type, ClassLabel | float], float] = {}

    def code(self, labels: Sequence[ClassLabel | float | None]) -> NDArray[np.float64]:
        """Code labels in their order; NaN for None, and for a class beyond `classes_max`."""
        return np.array([self.code_one(label) for label in labels], dtype=np.float64)

    def code_one(self, label: ClassLabel | float | None) -> float:
        """Code one label; NaN for None, and for a class beyond `classes_max`."""
        if label is None:
            return float("nan")
        if not self.n_classes:
            return float(label)
        known = self._codes.get((type(label), label))
        if known is not None:
            return known
        assert not isinstance(label, float)
        code = self._vocabulary.code_one(class_key(label))
        if code == code:  # a class keeps its code; one beyond the bound has none
            self._codes[type(label), label] = code
        if len(self.classes) < len(self._vocabulary.names):
            self.classes.append(label)
        return code

    def known_codes(self, labels: Sequence[ClassLabel | float]) -> list[float] | None:
        """Codes of labels that were all coded before; None if one is new. Changes nothing."""
        if not self.n_classes:
            return list(map(float, labels))
        codes = list(map(self._codes.get, zip(map(type, labels), labels, strict=True)))
        return None if None in codes else codes  # type: ignore[return-value]

    @property
    def bounds_reached(self) -> list[str]:
        """A sentence if no code is left for a further open class."""
        if not self.n_classes or self.configured or not self._vocabulary.is_full:
            return []
        return [
            f"the target has had {self.n_classes} different classes; records of further ones are "
            "dead letters (target.classes_max)"
        ]

    def snapshot(self) -> State:
        """Return the classes with their types."""
        return pack_strings([msgspec.json.encode(label).decode() for label in self.classes])

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Take over a snapshot; `classes` stays the same list, which others hold."""
        self.classes[:] = [
            msgspec.json.decode(text, type=ClassLabel) for text in unpack_strings(state)
        ]
        self._vocabulary = self._make_vocabulary()
        self._codes.clear()

    def _make_vocabulary(self) -> Vocabulary:
        names = [class_key(label) for label in self.classes]
        return Vocabulary(names, self.n_classes, shares_last=False)
