"""Configuration of drift: what is diagnosed, done about it, and watched without labels."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from stream.config.operators import OperatorConfig
from stream.config.values import Section


class MonitorConfig(OperatorConfig):
    """A monitor by name, with its parameters and what it watches."""

    watches: Literal["features", "predictions"] = Field(
        default="features", description="What it is shown of each event when that is predicted."
    )


class Drift(Section):
    """What is done about drift beyond the alarms of detectors."""

    diagnose: bool = Field(
        default=False,
        description="Whether drifts are diagnosed: what changed, since when, which features, how "
        "sure that is. Each finding is a record of the drift topic.",
    )
    diagnoser: dict[str, Any] = Field(
        default_factory=dict, description="Parameters of the diagnoser; the others keep defaults."
    )
    respond: bool = Field(
        default=False,
        description="Whether the model is acted on by what was diagnosed, and the effect judged. "
        "Needs `diagnose`. Predictions change; each action and outcome is a record of the drift "
        "topic.",
    )
    policy: dict[str, Any] = Field(
        default_factory=dict, description="Parameters of the policy; the others keep defaults."
    )
    shadow: bool = Field(
        default=False,
        description="Whether a copy of the model to which nothing is done runs beside it, so that "
        "outcomes can compare. Needs `respond`; costs as much as the model itself.",
    )
    monitors: tuple[MonitorConfig, ...] = Field(
        default=(),
        description="Watch features and predictions without labels, by name in the catalog; each "
        "finding is a record of the drift topic.",
    )

    @model_validator(mode="after")
    def _each_needs_what_it_builds_on(self) -> Self:
        for name, needed in (
            ("diagnoser", "diagnose"),
            ("respond", "diagnose"),
            ("policy", "respond"),
            ("shadow", "respond"),
        ):
            if getattr(self, name) and not getattr(self, needed):
                raise ValueError(f"`{name}` needs `{needed}: true`")
        return self
