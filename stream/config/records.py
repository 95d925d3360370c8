"""Configuration of records: how an event is read, what is predicted of it, how labels come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stream.config.paths import FieldPath, IdPath, KeyPath, TimePath
from stream.config.values import ClassLabel, Duration, Section, class_key

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
    parts: tuple[Literal["epoch_s", "hour_of_day", "day_of_week", "day_of_year", "month"], ...] = (
        Field(
            default=("epoch_s",),
            min_length=1,
            description="What the model sees of it, in UTC; each part is one numeric feature "
            "NAME.PART. The hour's fraction is its minutes; day 0 of the week is Monday.",
        )
    )


FeatureConfig = Annotated[
    FloatFeature | IntegerFeature | BooleanFeature | CategoryFeature | TimestampFeature,
    Field(discriminator="type"),
]


def _column_names(feature: FeatureConfig) -> list[str]:
    if isinstance(feature, TimestampFeature):
        return [f"{feature.name}.{part}" for part in feature.parts]
    return [feature.name]


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
    record_bytes_max: int = Field(
        default=1_048_576, ge=1, description="A larger record goes to the dead letters unread."
    )
    duplicates_window: int = Field(
        default=65_536,
        ge=1,
        description="An id seen again within this many accepted events is a duplicate.",
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [name for feature in self.features for name in _column_names(feature)]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"feature names must be unique; repeated: {', '.join(repeated)}")
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
