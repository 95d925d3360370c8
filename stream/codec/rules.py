"""Rules for single JSON values: what a field of a record has to be.

Every rule says the same thing twice. `decoded_as` is for the fast way, where msgspec checks it in
C while it parses; `fault` is for the slow way, which finds words for what is wrong. A value that
passes the fast way always passes the slow one (`tests/stream/codec/test_events.py` tries it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol

from msgspec import Meta

from stream.codec.classes import INTEGER_MAX, TEXT_MAX, class_key, class_label
from stream.codec.rejects import show
from stream.codec.times import parse_time
from stream.config.records import (
    BooleanFeature,
    CategoryFeature,
    FeatureConfig,
    FloatFeature,
    IntegerFeature,
    KeyFeature,
    TextFeature,
)
from stream.config.values import ClassLabel

_INTEGER = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
_TEXT = Annotated[str, Meta(max_length=TEXT_MAX)]
_LISTED_MAX = 8


class Broken(NamedTuple):
    """A rule that a value breaks: the reason, and what the value must be."""

    reason: str
    rule: str


class Rule(Protocol):
    """What one field has to be."""

    @property
    def name(self) -> str:
        """What the value must be, with its article."""

    @property
    def missing_reason(self) -> str:
        """Why a record without the value is refused."""

    @property
    def decoded_as(self) -> Mapping[type, Any]:
        """For each Python type that JSON may give, what msgspec shall check it as."""

    def fault(self, value: Any) -> Broken | None:
        """Say what is wrong with a value that is neither null nor absent."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


def text_fault(value: str, length_max: int | None = TEXT_MAX) -> Broken | None:
    """Refuse strings that are too long to be kept, or that UTF-8 cannot carry."""
    if length_max is not None and len(value) > length_max:
        return Broken("out_of_range", f"at most {length_max} characters long")
    try:
        value.encode()
    except UnicodeEncodeError:
        return Broken("malformed", "text in UTF-8")
    return None


@dataclass(frozen=True)
class FloatRule:
    """A finite number; whole ones count, booleans do not."""

    name = "a float"
    missing_reason = "missing_value"
    decoded_as: ClassVar[Mapping[type, Any]] = {float: float}

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        if not _is_number(value):
            return Broken("wrong_type", self.name)
        return None if _is_finite(value) else Broken("not_finite", "a finite float")


@dataclass(frozen=True)
class IntegerRule:
    """A whole number of at most 53 bits, written without a decimal point."""

    name = "an integer"
    missing_reason = "missing_value"
    decoded_as: ClassVar[Mapping[type, Any]] = {int: _INTEGER}

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        if isinstance(value, float) and not math.isfinite(value):
            return Broken("not_finite", "a finite integer")
        if not isinstance(value, int) or isinstance(value, bool):
            return Broken("wrong_type", self.name)
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            return Broken("out_of_range", "an integer of at most 53 bits")
        return None


@dataclass(frozen=True)
class BooleanRule:
    """`true` or `false`."""

    name = "a boolean"
    missing_reason = "missing_value"
    decoded_as: ClassVar[Mapping[type, Any]] = {bool: bool}

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        return None if isinstance(value, bool) else Broken("wrong_type", self.name)


@dataclass(frozen=True)
class CategoryRule:
    """A string; one of the vocabulary if that is closed."""

    vocabulary: tuple[str, ...] | None = None
    name = "a category"
    missing_reason = "missing_value"

    @property
    def decoded_as(self) -> Mapping[type, Any]:
        """The vocabulary itself, or any string that is short enough."""
        return {str: Literal[self.vocabulary] if self.vocabulary else _TEXT}

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        if not isinstance(value, str):
            return Broken("wrong_type", "a string")
        if self.vocabulary is None:
            return text_fault(value)
        if value not in self.vocabulary:
            return Broken("unknown_category", _one_of(self.vocabulary))
        return None


@dataclass(frozen=True)
class TextRule:
    """A string of any length that a record may have."""

    name = "a text"
    missing_reason = "missing_value"
    decoded_as: ClassVar[Mapping[type, Any]] = {str: str}

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        if not isinstance(value, str):
            return Broken("wrong_type", "a string")
        return text_fault(value, length_max=None)


@dataclass(frozen=True)
class KeyRule:
    """What names a customer or a device: text, or a whole number."""

    name = "a key"
    missing_reason = "missing_value"
    decoded_as: ClassVar[Mapping[type, Any]] = {int: _INTEGER, str: _TEXT}

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        if isinstance(value, str):
            return text_fault(value)
        if isinstance(value, bool | float) or not isinstance(value, int):
            return Broken("wrong_type", "a string or an integer")
        return IntegerRule().fault(value)


@dataclass(frozen=True)
class TimeRule:
    """An ISO 8601 string, or a number of `unit` since 1970."""

    unit: Literal["s", "ms"] = "ms"
    form: str | None = None
    missing_reason: str = "missing_value"
    name = "a time"
    decoded_as: ClassVar[Mapping[type, Any]] = {str: str, int: int, float: float}

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        if not isinstance(value, str) and not _is_number(value):
            return Broken(self._reason("wrong_type"), self._rule())
        if not isinstance(value, str) and not _is_finite(value):
            return Broken(self._reason("not_finite"), "a finite number")
        try:
            parse_time(value, self.unit, self.form)
        except ValueError:
            return Broken("bad_time", self._rule())
        return None

    def _rule(self) -> str:
        if self.form is not None:
            return f"a time written as {self.form}"
        unit = "seconds" if self.unit == "s" else "milliseconds"
        return f"an ISO 8601 time or a number of {unit} since 1970, in the years 1 to 9999"

    def _reason(self, reason: str) -> str:
        """Name trouble with an event's own time `bad_time`, whatever it is."""
        return "bad_time" if self.missing_reason == "bad_time" else reason


@dataclass(frozen=True)
class IdRule:
    """What names an event: text, or a whole number."""

    name = "an id"
    missing_reason = "bad_id"
    decoded_as: ClassVar[Mapping[type, Any]] = {
        int: _INTEGER,
        str: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)],
    }

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        if isinstance(value, str) and value and text_fault(value) is None:
            return None
        if isinstance(value, int) and IntegerRule().fault(value) is None:
            return None
        rule = f"a string of 1 to {TEXT_MAX} characters or an integer of at most 53 bits"
        return Broken("bad_id", rule)


@dataclass(frozen=True)
class ClassRule:
    """A class label: a string, a boolean or a whole number; one of `classes` if closed."""

    classes: tuple[ClassLabel, ...] | None = None
    name = "a class label"
    missing_reason = "missing_value"
    decoded_as: ClassVar[Mapping[type, Any]] = {str: _TEXT, bool: bool, int: _INTEGER, float: float}
    _keys: frozenset[str] = field(init=False, repr=False, compare=False)
    _seen: dict[tuple[type, Any], ClassLabel] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_keys", frozenset(map(class_key, self.classes or ())))

    def read(self, value: Any) -> ClassLabel:
        """Take a value as a label; raises TypeError or ValueError where `fault` has words."""
        known = self._seen.get((type(value), value))
        if known is not None:
            return known
        label = class_label(value)
        if self.classes is None:
            return label
        if class_key(label) not in self._keys:
            raise ValueError("unknown class")
        self._seen[type(value), value] = label  # a few spellings of each listed class
        return label

    def fault(self, value: Any) -> Broken | None:
        """See `Rule`."""
        if isinstance(value, str) and (broken := text_fault(value)):
            return broken
        try:
            self.read(value)
        except TypeError:
            return Broken("wrong_type", "a string, a boolean or an integer")
        except ValueError:
            if self.classes is None:
                return Broken("out_of_range", "an integer of at most 53 bits")
            return Broken("unknown_class", _one_of(self.classes))
        return None


def feature_rule(feature: FeatureConfig) -> Rule:
    """Rule of a configured feature."""
    if isinstance(feature, FloatFeature):
        return FloatRule()
    if isinstance(feature, IntegerFeature):
        return IntegerRule()
    if isinstance(feature, BooleanFeature):
        return BooleanRule()
    if isinstance(feature, CategoryFeature):
        return CategoryRule(feature.vocabulary)
    if isinstance(feature, TextFeature):
        return TextRule()
    if isinstance(feature, KeyFeature):
        return KeyRule()
    return TimeRule(feature.unit, feature.format)


def _one_of(values: tuple[Any, ...]) -> str:
    listed = ", ".join(show(value) for value in values[:_LISTED_MAX])
    more = f" and {len(values) - _LISTED_MAX} more" if len(values) > _LISTED_MAX else ""
    return f"one of {listed}{more}"
