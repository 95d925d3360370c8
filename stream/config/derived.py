"""Configuration of derived features: columns made of other columns and of earlier records."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from stream.config.values import ClassLabel, Duration, Section, class_key


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


By = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    Field(
        default=(),
        description="The key: a feature of type `key`, `category`, `integer` or `boolean`, or a "
        "path such as `$.customer.id`, or a list of them. Left out: all events of the partition "
        "share one state. An event whose key is missing gets NaN and leaves no mark.",
    ),
]
KeysMax = Annotated[
    int,
    Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="Keys kept, a partition; beyond it the least recently used one is evicted, and "
        "begins anew when it comes again.",
    ),
]


class _DerivedBase(Section):
    name: str = Field(min_length=1, max_length=200, description="Name of the column.")
    hidden: bool = Field(
        default=False,
        description="Whether it is only an input of later ones and the model does not see it.",
    )


class RatioFeature(_DerivedBase):
    """The first column divided by the second; NaN where that is 0 or either is missing."""

    type: Literal["ratio"]
    of: tuple[str, str] = Field(description="Names of two numeric columns.")


class DifferenceFeature(_DerivedBase):
    """The first column less the second; NaN where either is missing."""

    type: Literal["difference"]
    of: tuple[str, str] = Field(description="Names of two numeric columns.")


class LagFeature(_DerivedBase):
    """The value that a column had `k` events of the same key before, in event time."""

    type: Literal["lag"]
    of: str = Field(description="Name of a numeric column or of a category; missing values are "
                    "passed over.")  # fmt: skip
    by: By
    k: int = Field(default=1, ge=1, le=10_000, description="1 is the last event before this one.")
    events_max: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Events kept of each key, 16 bytes each; default `k`, at least 16. More than "
        "`k` are for events that come late.",
    )
    keys_max: KeysMax

    @model_validator(mode="after")
    def _keeps_enough(self) -> Self:
        if self.events_max is not None and self.events_max < self.k:
            raise ValueError(f"events_max must be >= k; got {self.events_max} and {self.k}")
        return self


class RollingFeature(_DerivedBase):
    """An aggregate over the events of the same key in a window of event time.

    The window of an event at time t is (t - window, t], of what was accepted before it.
    """

    type: Literal["rolling"]
    function: Literal["count", "sum", "mean", "min", "max", "distinct"] = Field(
        description="`distinct`: number of different values. Of no event at all, mean, min and max "
        "are NaN, the others 0."
    )
    of: str | None = Field(
        default=None,
        description="Name of a numeric column; for `count` and `distinct` also a feature of type "
        "`category` or `key`. Missing values do not enter. May be left out for `count` alone.",
    )
    by: By
    window: Duration = Field(description="Length of the window in event time.")
    with_current: bool = Field(
        default=True,
        description="Whether the event itself counts, as up to SQL's `CURRENT ROW`.",
    )
    events_max: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Earlier events kept of each key: the newest by event time; older ones leave, "
        "and a window holds no more. 16 bytes each, for each key. Default 128; 10,000 without "
        "`by`.",
    )
    keys_max: KeysMax

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.of is None and self.function != "count":
            raise ValueError(f"of must be given for function {self.function}")
        if self.window < timedelta(milliseconds=1):
            raise ValueError("window must be at least 1ms")
        return self


class TargetMeanFeature(_DerivedBase):
    """Target encoding: the mean of the labels of a key that were learnt before, smoothed.

    (sum + smooth * prior) / (n + smooth), where the prior is the mean over all keys. With classes
    one column NAME.CLASS a class (NAME alone if it is one), the mean of 1 for the class and 0 for
    others. NaN before the first label.
    """

    type: Literal["target_mean"]
    by: By
    classes: tuple[ClassLabel, ...] | None = Field(
        default=None,
        min_length=1,
        description="Classes with a column each; default: all of closed classes, of two the second "
        "alone. Must be given where classes are open, left out for regression.",
    )
    smooth: float = Field(
        default=10.0,
        ge=0,
        description="Labels that the prior counts as. Larger: keys with few labels stay nearer to "
        "the mean over all.",
    )
    fading_factor: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Weight of a label relative to the next one of its key (and, in the prior, "
        "of all); below 1 old labels fade.",
    )
    keys_max: KeysMax

    @model_validator(mode="after")
    def _classes_differ(self) -> Self:
        keys = [class_key(label) for label in self.classes or ()]
        if len(set(keys)) != len(keys):
            raise ValueError("classes must differ when written as text")
        return self


DerivedConfig = Annotated[
    RatioFeature | DifferenceFeature | LagFeature | RollingFeature | TargetMeanFeature,
    Field(discriminator="type"),
]
