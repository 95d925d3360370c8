"""Codes features: columns of numbers out of decoded records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature
from operators.snapshot import Scalar, State, nest, part
from stream.codec.events import feature_path
from stream.codec.shape import Content, getter
from stream.codec.times import parse_time
from stream.codec.vocabulary import Vocabulary
from stream.config.pipeline import Config
from stream.config.records import CategoryFeature, FeatureConfig, TimestampFeature

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


class FeatureCoder:
    """Codes decoded records; its state is the open vocabularies.

    `features` has one entry a column. Their lists of categories grow as records are coded.
    """

    def __init__(self, config: Config) -> None:
        self._coders: list[ColumnCoder] = [
            _column_coder(feature) for feature in config.record.features
        ]
        self._getters = [getter(feature_path(feature)) for feature in config.record.features]
        self.features = tuple(feature for coder in self._coders for feature in coder.features)
        self._open = {
            str(number): coder.vocabulary
            for number, coder in enumerate(self._coders)
            if isinstance(coder, CategoryCoder) and coder.is_open
        }

    def code(self, contents: Sequence[Content]) -> NDArray[np.float64]:
        """Code accepted records, in their order.

        Returns
        -------
        NDArray
            (n, d) float64, one column for each of `features`; missing is NaN.
        """
        matrix = np.empty((len(contents), len(self.features)))
        column = 0
        for get, coder in zip(self._getters, self._coders, strict=True):
            for coded in coder.code(list(map(get, contents))):
                matrix[:, column] = coded
                column += 1
        return matrix

    def snapshot(self) -> State:
        """Return the open vocabularies, by the feature's number."""
        return {
            name: value
            for number, vocabulary in self._open.items()
            for name, value in nest(number, vocabulary.snapshot()).items()
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Take over a snapshot of a coder with the same configuration."""
        for number, vocabulary in self._open.items():
            vocabulary.restore(part(number, state))


def _column_coder(feature: FeatureConfig) -> ColumnCoder:
    if isinstance(feature, CategoryFeature):
        return CategoryCoder(feature)
    if isinstance(feature, TimestampFeature):
        return TimestampCoder(feature)
    return NumberCoder(feature.name)


def _hour_of_day(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """0 <= hour < 24; minutes and seconds are its fraction."""
    return np.asarray(time_ms % _DAY_MS / _HOUR_MS)


def _day_of_week(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """0 is Monday; 1970-01-01 was a Thursday."""
    return ((time_ms // _DAY_MS + 3) % 7).astype(np.float64)


def _day_of_year(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 is the first of January."""
    days = time_ms.astype("datetime64[ms]").astype("datetime64[D]")
    return np.asarray((days - days.astype("datetime64[Y]")).astype(np.float64) + 1.0)


def _month(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 is January."""
    months = time_ms.astype("datetime64[ms]").astype("datetime64[M]")
    return np.asarray((months - months.astype("datetime64[Y]")).astype(np.float64) + 1.0)


def _epoch_s(time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    return time_ms / 1000.0


_PARTS: Mapping[str, Callable[[NDArray[np.int64]], NDArray[np.float64]]] = {
    "epoch_s": _epoch_s,
    "hour_of_day": _hour_of_day,
    "day_of_week": _day_of_week,
    "day_of_year": _day_of_year,
    "month": _month,
}
