"""Codes features: columns of numbers out of decoded records, and of what is derived from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature
from operators.preprocess.hashing import NgramHasher
from operators.snapshot import Scalar, State, nest, part
from stream.codec.derived import CodingStep, DerivedCoder
from stream.codec.events import feature_path
from stream.codec.inputs import Columns
from stream.codec.shape import Content, getter
from stream.codec.target import TargetCoder
from stream.codec.times import parse_time
from stream.codec.vocabulary import Vocabulary
from stream.config.derived import DerivedConfig
from stream.config.pipeline import Config
from stream.config.records import (
    CategoryFeature,
    FeatureConfig,
    KeyFeature,
    TextFeature,
    TimestampFeature,
    column_names,
)

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000


class ColumnCoder(Protocol):
    """Makes the columns of one configured feature."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """What its columns are."""

    def code(self, values: list[Any]) -> list[NDArray[np.float64]]:
        """Make one column for each of `features`; None is NaN."""


class NumberCoder:
    """Numbers and booleans stand for themselves."""

    def __init__(self, name: str) -> None:
        self.features = (Feature(name),)

    def code(self, values: list[Any]) -> list[NDArray[np.float64]]:
        """See `ColumnCoder`."""
        return [np.array(values, dtype=np.float64)]


class CategoryCoder:
    """Strings become codes; an open vocabulary takes up new ones."""

    def __init__(self, config: CategoryFeature) -> None:
        if config.vocabulary is None:
            self.vocabulary = Vocabulary((), config.categories_max, shares_last=True)
            capacity = config.categories_max
        else:
            capacity = len(config.vocabulary)
            self.vocabulary = Vocabulary(config.vocabulary, capacity, shares_last=False)
        self.is_open = config.vocabulary is None
        self.features = (Feature(config.name, capacity, self.vocabulary.names),)

    def code(self, values: list[Any]) -> list[NDArray[np.float64]]:
        """See `ColumnCoder`."""
        return [self.vocabulary.code(values)]


class TimestampCoder:
    """Times become the configured parts, in UTC."""

    def __init__(self, config: TimestampFeature) -> None:
        self._unit, self._form = config.unit, config.format
        self._parts = [_PARTS[name] for name in config.parts]
        self.features = tuple(Feature(f"{config.name}.{name}") for name in config.parts)

    def code(self, values: list[Any]) -> list[NDArray[np.float64]]:
        """See `ColumnCoder`."""
        unit, form = self._unit, self._form
        times = [0 if value is None else parse_time(value, unit, form) for value in values]
        missing = np.array([value is None for value in values], dtype=bool)
        time_ms = np.array(times, dtype=np.int64)
        return [np.where(missing, np.nan, take(time_ms)) for take in self._parts]


class TextCoder:
    """Texts become counts of hashed n-grams."""

    def __init__(self, config: TextFeature) -> None:
        self.features = tuple(Feature(name) for name in column_names(config))
        self._hasher = NgramHasher(
            config.analyzer,
            config.ngram_range,
            buckets=config.buckets,
            binary=config.binary,
            lowercase=config.lowercase,
            characters_max=config.characters_max,
        )

    def code(self, values: list[Any]) -> list[NDArray[np.float64]]:
        """See `ColumnCoder`."""
        return list(self._hasher(values).T)


class FeatureCoder:
    """Codes decoded records; its state is the open vocabularies and what is derived.

    Parameters
    ----------
    config
        The pipeline.
    target
        Of the same task; looked at by features that are derived from labels.

    Attributes
    ----------
    features
        One entry for each column that the model sees. Their lists of categories grow as records are
        coded.
    key_width
        Columns of `CodingStep.keys`.
    """

    def __init__(self, config: Config, target: TargetCoder) -> None:
        fields, derived = config.record.features, config.record.derived
        used = {name for each in derived for name in _inputs_of(each)}
        self._coders = {
            number: _column_coder(field)
            for number, field in enumerate(fields)
            if not field.hidden or used.intersection(column_names(field))
            if not isinstance(field, KeyFeature)
        }
        self._getters = {number: getter(feature_path(fields[number])) for number in self._coders}
        columns = {each.name: each for coder in self._coders.values() for each in coder.features}
        self._derived = DerivedCoder(config, target, columns) if derived else None
        self.key_width = 0
        if self._derived is not None:
            self.key_width = self._derived.key_width
            columns.update((each.name, each) for each in self._derived.features)
        hidden = {name for field in fields if field.hidden for name in column_names(field)}
        if self._derived is not None:
            hidden |= self._derived.hidden
        self.features = tuple(each for name, each in columns.items() if name not in hidden)
        self._names = {str(number): field.name for number, field in enumerate(fields)}
        self._open = {
            str(number): coder.vocabulary
            for number, coder in self._coders.items()
            if isinstance(coder, CategoryCoder) and coder.is_open
        }

    def code(
        self, contents: Sequence[Content], step: CodingStep | None = None
    ) -> NDArray[np.float64]:
        """Code accepted records, in their order.

        Parameters
        ----------
        step
            Needed where features are derived.

        Returns
        -------
        NDArray
            (n, d) float64, one column for each of `features`; missing is NaN.
        """
        columns: Columns = {}
        for number, coder in self._coders.items():
            coded = coder.code(list(map(self._getters[number], contents)))
            for feature, column in zip(coder.features, coded, strict=True):
                columns[feature.name] = column
        if self._derived is not None:
            assert step is not None
            self._derived.code(contents, columns, step)
        matrix = np.empty((len(contents), len(self.features)))
        for place, feature in enumerate(self.features):
            matrix[:, place] = columns[feature.name]
        return matrix

    @property
    def bounds_reached(self) -> list[str]:
        """A sentence for each open feature that has no code left for a further value."""
        return [
            f"feature `{self._names[number]}` has had {vocabulary.own_codes} different values; "
            "further ones count as `(other)` (categories_max)"
            for number, vocabulary in self._open.items()
            if vocabulary.is_full
        ]

    def snapshot(self) -> State:
        """Return the open vocabularies by the feature's number, and what is derived."""
        state = {
            name: value
            for number, vocabulary in self._open.items()
            for name, value in nest(number, vocabulary.snapshot()).items()
        }
        if self._derived is not None:
            state.update(nest("derived", self._derived.snapshot()))
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Take over a snapshot of a coder with the same configuration."""
        for number, vocabulary in self._open.items():
            vocabulary.restore(part(number, state))
        if self._derived is not None:
            self._derived.restore(part("derived", state))


def _inputs_of(derived: DerivedConfig) -> tuple[str, ...]:
    """Names of the columns that a derived feature is made of."""
    of = getattr(derived, "of", None)
    return (of,) if isinstance(of, str) else of or ()


def _column_coder(feature: FeatureConfig) -> ColumnCoder:
    if isinstance(feature, CategoryFeature):
        return CategoryCoder(feature)
    if isinstance(feature, TimestampFeature):
        return TimestampCoder(feature)
    if isinstance(feature, TextFeature):
        return TextCoder(feature)
    return NumberCoder(feature.name)


def _minute_of_hour(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """0 <= minute < 60; seconds are its fraction."""
    return np.asarray(time_ms % _HOUR_MS / 60_000)


def _hour_of_day(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """0 <= hour < 24; minutes and seconds are its fraction."""
    return np.asarray(time_ms % _DAY_MS / _HOUR_MS)


def _day_of_week(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """0 is Monday; 1970-01-01 was a Thursday."""
    return ((time_ms // _DAY_MS + 3) % 7).astype(np.float64)


def _is_weekend(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 on Saturday and Sunday, else 0."""
    return (_day_of_week(time_ms) >= 5).astype(np.float64)


def _day_of_month(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 is the first of the month."""
    days = time_ms.astype("datetime64[ms]").astype("datetime64[D]")
    return np.asarray((days - days.astype("datetime64[M]")).astype(np.float64) + 1.0)


def _day_of_year(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 is the first of January."""
    days = time_ms.astype("datetime64[ms]").astype("datetime64[D]")
    return np.asarray((days - days.astype("datetime64[Y]")).astype(np.float64) + 1.0)


def _month(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 is January."""
    months = time_ms.astype("datetime64[ms]").astype("datetime64[M]")
    return np.asarray((months - months.astype("datetime64[Y]")).astype(np.float64) + 1.0)


def _quarter(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 is January to March."""
    return (_month(time_ms) - 1.0) // 3.0 + 1.0


def _epoch_s(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    return time_ms / 1000.0


_PARTS: Mapping[str, Callable[[NDArray[np.int64]], NDArray[np.float64]]] = {
    "epoch_s": _epoch_s,
    "minute_of_hour": _minute_of_hour,
    "hour_of_day": _hour_of_day,
    "day_of_week": _day_of_week,
    "is_weekend": _is_weekend,
    "day_of_month": _day_of_month,
    "day_of_year": _day_of_year,
    "month": _month,
    "quarter": _quarter,
}
