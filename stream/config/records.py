"""Configuration of records: how an event is read, what is predicted of it, how labels come."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stream.config.derived import DerivedConfig
from stream.config.paths import PATH_PATTERN, FieldPath, IdPath, KeyPath, TimePath
from stream.config.values import ClassLabel, Duration, Section, class_key

TimePart = Literal[
    "epoch_s",
    "minute_of_hour",
    "hour_of_day",
    "day_of_week",
    "is_weekend",
    "day_of_month",
    "day_of_year",
    "month",
    "quarter",
]
_FORMAT = (
    "How a time is written where it is not ISO 8601, as Python's `strptime` reads it: `%d/%m/%Y` "
    "for 31/01/2024. Digits of a whole number are read so, too."
)


def _time_format(form: str) -> str:
    moment = datetime(2001, 12, 31)
    try:
        day = datetime.strptime(moment.strftime(form), form).date()
    except ValueError:
        day = None
    if day != moment.date():
        raise ValueError("must say year, month and day, as in %d/%m/%Y")
    return form


TimeFormat = Annotated[str, AfterValidator(_time_format)]


class _FeatureBase(Section):
    name: str = Field(
        min_length=1, max_length=200, description="What it is called, in data files too."
    )
    path: FieldPath | None = Field(
        default=None,
        description="Where the value stands in the record; default `$.NAME`, where a dot in the "
        "name leads into an object.",
    )
    missing: bool = Field(
        default=False, description="Whether the value may be null or absent (it then is NaN)."
    )
    hidden: bool = Field(
        default=False,
        description="Whether it is only an input of derived features and the model does not see "
        "it.",
    )


class FloatFeature(_FeatureBase):
    """A finite number."""

    type: Literal["float"]


class IntegerFeature(_FeatureBase):
    """A whole number of at most 53 bits."""

    type: Literal["integer"]


class BooleanFeature(_FeatureBase):
    """`true` or `false`; a number 1 or 0 to the model."""

    type: Literal["boolean"]


class CategoryFeature(_FeatureBase):
    """A string out of a set: a closed vocabulary, or an open one that grows up to a bound."""

    type: Literal["category"]
    vocabulary: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="All allowed values (closed). Left out: open, taken up as they come.",
    )
    categories_max: int = Field(
        default=64,
        ge=2,
        le=65536,
        description="Bound of an open vocabulary; values beyond it share one code, `(other)`.",
    )

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        if self.vocabulary is not None and len(set(self.vocabulary)) != len(self.vocabulary):
            raise ValueError("vocabulary must not repeat a value")
        return self


class TimestampFeature(_FeatureBase):
    """A time: an ISO 8601 string, or a number of `unit` since 1970-01-01 UTC."""

    type: Literal["timestamp"]
    unit: Literal["s", "ms"] = Field(default="ms", description="Of a time given as a number.")
    format: TimeFormat | None = Field(default=None, description=_FORMAT)
    parts: tuple[TimePart, ...] = Field(
        default=("epoch_s",),
        min_length=1,
        description="What the model sees of it, in UTC; each part is one numeric feature "
        "NAME.PART. The hour's fraction is its minutes; day 0 of the week is Monday; a weekend is "
        "Saturday and Sunday.",
    )


class TextFeature(_FeatureBase):
    """Free text, as counts of hashed n-grams: one numeric column NAME.BUCKET a bucket.

    An n-gram belongs to the bucket CRC-32 modulo `buckets` of its UTF-8 bytes.
    """

    type: Literal["text"]
    analyzer: Literal["word", "char"] = Field(
        default="word",
        description="Of what n-grams are made: words (runs of letters, digits and `_`), or "
        "characters, with white space as single spaces.",
    )
    ngram_range: tuple[int, int] = Field(
        default=(1, 1), description="Shortest and longest n-gram, 1 to 8, as in scikit-learn."
    )
    buckets: int = Field(
        default=64,
        ge=2,
        le=4096,
        description="Columns. More: fewer n-grams that cannot be told apart, more memory.",
    )
    binary: bool = Field(
        default=False, description="Whether an n-gram counts once, however often it occurs."
    )
    lowercase: bool = Field(default=True, description="Whether upper and lower case are the same.")
    characters_max: int = Field(
        default=4096, ge=1, description="Characters looked at; what comes after them is not."
    )

    @model_validator(mode="after")
    def _range_rises(self) -> Self:
        shortest, longest = self.ngram_range
        if not 1 <= shortest <= longest <= 8:
            raise ValueError("ngram_range must be two rising numbers of 1 to 8")
        return self


class KeyFeature(_FeatureBase):
    """What names a customer, a card, a device: text or an integer, of any number of values.

    Derived features go by it; the model never sees it.
    """

    type: Literal["key"]
    hidden: Literal[True] = Field(default=True, description="Always.")


FeatureConfig = Annotated[
    FloatFeature
    | IntegerFeature
    | BooleanFeature
    | CategoryFeature
    | TimestampFeature
    | TextFeature
    | KeyFeature,
    Field(discriminator="type"),
]


def column_names(feature: FeatureConfig) -> list[str]:
    """Names of a feature's columns; a key has none, but is called by its name."""
    if isinstance(feature, TimestampFeature):
        return [f"{feature.name}.{part}" for part in feature.parts]
    if isinstance(feature, TextFeature):
        return [f"{feature.name}.{bucket}" for bucket in range(feature.buckets)]
    return [feature.name]


def _name_of(feature: Any) -> Any:
    return feature.get("name") if isinstance(feature, dict) else getattr(feature, "name", None)


def _paths(derived: Any) -> list[str]:
    """Paths that a derived feature, not yet checked, goes by."""
    by = derived.get("by") if isinstance(derived, dict) else getattr(derived, "by", None)
    names = [by] if isinstance(by, str) else by if isinstance(by, list | tuple) else []
    return [name for name in names if isinstance(name, str) and re.match(PATH_PATTERN, name)]


class Schema(Section):
    """How an event is read."""

    id: IdPath = Field(
        default="$key",
        description="What names an event: `$key` (the record's key), `$offset`, or a path.",
    )
    event_time: TimePath = Field(
        default="$timestamp",
        description="When it happened: `$timestamp` (the record's) or a path to an ISO 8601 "
        "string or a number of milliseconds since 1970-01-01 UTC.",
    )
    event_time_format: TimeFormat | None = Field(default=None, description=_FORMAT)
    event_time_ahead_max: Duration = Field(
        default=timedelta(days=1),
        description="How far the time of an event or a label may lie ahead of its record's "
        "timestamp; beyond it the record is a dead letter (`bad_time`). The default bears local "
        "time that is written without its offset (14 h at most). Of `$timestamp` itself the broker "
        "is the bound (`message.timestamp.after.max.ms`).",
    )
    features: tuple[FeatureConfig, ...] = Field(
        min_length=1, description="What the model sees; all else in a record is skipped."
    )
    derived: tuple[DerivedConfig, ...] = Field(
        default=(),
        description="Further columns, made of those above it and of earlier events and labels; see "
        "docs/features.md. The model sees them after the features.",
    )
    record_bytes_max: int = Field(
        default=1_048_576, ge=1, description="A larger record goes to the dead letters unread."
    )
    duplicates_window: int = Field(
        default=65_536,
        ge=1,
        description="An id seen again within this many accepted events is a duplicate.",
    )

    @model_validator(mode="before")
    @classmethod
    def _paths_are_keys(cls, data: Any) -> Any:
        """Read each path that a derived feature goes `by`, as a feature of type `key`."""
        if not isinstance(data, dict) or not isinstance(data.get("features"), list | tuple):
            return data
        derived = data.get("derived")
        if not isinstance(derived, list | tuple):
            return data
        named = [_name_of(feature) for feature in data["features"]]
        wanted = [path for each in derived for path in _paths(each)]
        implied = [path for path in dict.fromkeys(wanted) if path not in named]
        keys = [{"name": path, "type": "key", "path": path} for path in implied]
        return {**data, "features": [*data["features"], *keys]}

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [name for feature in self.features for name in column_names(feature)]
        names += [each.name for each in self.derived]
        repeated = sorted(name for name, count in Counter(names).items() if count > 1)
        if repeated:
            raise ValueError(f"feature names must be unique; repeated: {', '.join(repeated)}")
        if all(each.hidden for each in (*self.features, *self.derived)):
            raise ValueError("a feature must not be hidden; the model would see none")
        return self


class Classification(Section):
    """The target is one of a set of classes."""

    type: Literal["classification"]
    path: FieldPath = Field(description="Where the label stands in its record.")
    classes: tuple[ClassLabel, ...] | None = Field(
        default=None, min_length=2, description="All classes (closed). Left out: open."
    )
    classes_max: int = Field(
        default=16, ge=2, le=1024, description="Bound of open classes; a label beyond it is dead."
    )

    @model_validator(mode="after")
    def _classes_differ(self) -> Self:
        keys = [class_key(label) for label in self.classes or ()]
        repeated = sorted({key for key in keys if keys.count(key) > 1})
        if repeated:
            raise ValueError(
                f"classes must differ when written as text; repeated: {', '.join(repeated)}"
            )
        return self


class Regression(Section):
    """The target is a finite number."""

    type: Literal["regression"]
    path: FieldPath = Field(description="Where the label stands in its record.")


Target = Annotated[Classification | Regression, Field(discriminator="type")]


class Labels(Section):
    """Where labels come from, and how long an event waits for its own."""

    source: Literal["inline", "topic"] = Field(
        default="inline", description="In the event itself, or in a topic of their own."
    )
    id: KeyPath = Field(
        default="$key",
        description="Where a label record names its event.",
    )
    event_time: TimePath = Field(
        default="$timestamp",
        description="When the label became known, as `schema.event_time`.",
    )
    max_delay: Duration = Field(
        default=timedelta(days=7),
        description="In event time; an event expires once the labels are past it by more than "
        "this, and a label that came first is an orphan once the events are.",
    )
    pending_max: int = Field(
        default=100_000,
        ge=1,
        description="Events waiting for labels, a partition; beyond it the oldest expires early. "
        "Each takes about 550 bytes of memory, and 8 to 16 more for each column: features, outputs "
        "and what the model keeps of its prediction. Labels that wait for events have the same "
        "bound.",
    )
    wait_for_other: Duration = Field(
        default=timedelta(seconds=1),
        description="How long one topic's records wait for the other topic when that is known to "
        "hold more, so that both are read in event time.",
    )
