"""What derived features are made of: columns by name, and keys out of decoded records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature
from operators.preprocess.hashing import hash_keys
from stream.codec.classes import class_key
from stream.codec.events import feature_path
from stream.codec.shape import Content, getter
from stream.config.records import FeatureConfig
from stream.errors import ConfigError

Array = NDArray[np.float64]
Columns = dict[str, Array]
"""Columns of a step's new events, by name."""

_KEYS = ("key", "category", "integer", "boolean")
_NAMED_MAX = 12


class Names:
    """Resolves the names that derived features use.

    Parameters
    ----------
    fields
        The features of the schema.
    columns
        What each column is, by name; those of derived features are added as they are made.
    """

    def __init__(self, fields: Sequence[FeatureConfig], columns: Mapping[str, Feature]) -> None:
        self._fields = {field.name: field for field in fields}
        self.columns = dict(columns)

    def number(self, name: str, where: str) -> str:
        """Name of a numeric column.

        Raises
        ------
        ConfigError
            There is none of this name above.
        """
        if self.column(name, where).capacity:
            raise ConfigError(f"{where}: must name a numeric column; got the category `{name}`.")
        return name

    def column(self, name: str, where: str) -> Feature:
        """Column of this name; raises ConfigError where there is none above."""
        if name not in self.columns:
            raise ConfigError(f"{where}: {self._must_name('a column', self.columns, name)}")
        return self.columns[name]

    def marks(self, name: str, where: str) -> str | Callable[[Content], str | None]:
        """Name of a numeric column, or what takes the text of a key or category out of a record."""
        field = self._fields.get(name)
        if field is not None and field.type in ("key", "category"):
            return _text_of(field)
        return self.number(name, where)

    def keys(self, by: Sequence[str], where: str) -> KeyReader:
        """What reads the key of each event; raises ConfigError where a name is unknown."""
        fields = []
        known = [name for name, field in self._fields.items() if field.type in _KEYS]
        for name in by:
            if name not in known:
                what = f"a feature of type {', '.join(_KEYS)}, or a path"
                raise ConfigError(f"{where}: {self._must_name(what, known, name)}")
            fields.append(self._fields[name])
        return KeyReader(fields)

    @staticmethod
    def _must_name(what: str, known: Sequence[str] | Mapping[str, Any], name: str) -> str:
        listed = [f"`{each}`" for each in list(known)[:_NAMED_MAX]]
        more = f" and {len(known) - _NAMED_MAX} more" if len(known) > _NAMED_MAX else ""
        there = f"There are {', '.join(listed)}{more}" if listed else "There is none"
        return f"must name {what} that stands above; got `{name}`. {there}."


class KeyReader:
    """Hashes the keys of records; those that are written the same are the same key.

    Parameters
    ----------
    fields
        What a key is made of, in this order. Without any, all events have one key.
    """

    def __init__(self, fields: Sequence[FeatureConfig]) -> None:
        self._texts = [_text_of(field) for field in fields]
        self.name = tuple(field.name for field in fields)

    def read(self, contents: Sequence[Content]) -> Array:
        """Return (n,) float64, a hash for each record; NaN where a part of its key is missing."""
        if not self._texts:
            return np.zeros(len(contents))
        if len(self._texts) == 1:
            return hash_keys(map(self._texts[0], contents))
        return hash_keys(map(self._joined, contents))

    def _joined(self, content: Content) -> str | None:
        parts = [text(content) for text in self._texts]
        if None in parts:
            return None
        # With their lengths, so that ("a", "bc") and ("ab", "c") are two keys.
        return "".join(f"{len(part)}:{part}" for part in parts if part is not None)


def _text_of(field: FeatureConfig) -> Callable[[Content], str | None]:
    get = getter(feature_path(field))

    def text(content: Content) -> str | None:
        value = get(content)
        return value if value is None or type(value) is str else class_key(value)

    return text
