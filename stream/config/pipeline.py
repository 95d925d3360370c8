"""The configuration: frozen models of one YAML file; unknown keys are refused.

Every setting has its default, its unit and its consequence here, or with the log
(`stream.config.log`) and with records (`stream.config.records`), and nowhere else. Parameters of
models and detectors are not here: they live in the operators' constructors
(`stream.loading.params` checks them).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stream.config.drift import Drift
from stream.config.log import EmbeddedLog, KafkaLog
from stream.config.operators import OperatorConfig
from stream.config.records import Labels, Schema, Target
from stream.config.values import Duration, Section, TopicName

_EMBEDDED_BUDGET_S = 10.0


class Topics(Section):
    """Names of the topics; those left out are named after the app."""

    features: TopicName | None = Field(default=None, description="Events; default `APP.features`.")
    labels: TopicName | None = Field(
        default=None, description="Labels, when they do not come inline; default `APP.labels`."
    )
    predictions: TopicName | None = Field(default=None, description="Default `APP.predictions`.")
    drift: TopicName | None = Field(default=None, description="Default `APP.drift`.")
    dead_letters: TopicName | None = Field(default=None, description="Default `APP.dead-letters`.")
    journal: TopicName | None = Field(default=None, description="Default `APP.journal`.")


class Model(OperatorConfig):
    """The model that predicts."""

    allow_pickle: bool = Field(
        default=False,
        description="Only for `river:` models: keep checkpoints as pickles signed with "
        "DRIFTGATE_SNAPSHOT_KEY. Without it such a model is rebuilt by replaying its whole log.",
    )


class Predictions(Section):
    """What a prediction says beside its answer."""

    explain: bool = Field(
        default=False,
        description="Whether predictions of a model with experts say who made them: `experts`, "
        "each one's part in the answer, rounded; parts below 0.001 are left out. Records get "
        "longer; answers stay the same.",
    )


class Steps(Section):
    """How much a task does at a time; no output depends on it."""

    records_max: int = Field(
        default=4000,
        ge=1,
        description="Records taken in one step, which commits as one transaction. More: higher "
        "throughput; fewer: shorter transactions.",
    )


class Checkpoint(Section):
    """Where and how often state is made durable."""

    store: str = Field(
        default="file://.driftgate/checkpoints",
        description="A URL that fsspec opens: file://, memory://, s3:// (needs "
        "`pip install 'driftgate[s3]'`), gs:// (needs `driftgate[gcs]`), ...; see "
        "[Object stores](#object-stores). One that all workers reach makes taking a partition "
        "over short.",
    )
    interval: Duration = Field(
        default=timedelta(seconds=30),
        description="Shortest time between two. Longer: less is written, more is replayed after "
        "a crash.",
    )
    keep: int = Field(default=3, ge=1, description="Checkpoints kept for each partition.")


class Metrics(Section):
    """Prometheus metrics, probes, and the prequential figures."""

    host: str = Field(
        default="0.0.0.0",  # noqa: S104 - a pod's port must be reachable by its kubelet
        description="Address to listen on.",
    )
    port: int = Field(default=9464, ge=0, le=65535, description="0 takes a free one.")
    fading_factor: float = Field(
        default=0.999, gt=0, lt=1, description="Weight of the past in the faded figures."
    )


class Config(Section):
    """A whole pipeline."""

    app: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$",
        description="Its name: a-z 0-9 . - and not too long. Topics, checkpoints and metrics "
        "carry it.",
    )
    log: Annotated[EmbeddedLog | KafkaLog, Field(discriminator="type")] = Field(
        description="Where topics live."
    )
    topics: Topics = Topics()
    # `schema` is a (deprecated) method name of pydantic's BaseModel, hence the alias.
    record: Schema = Field(alias="schema")
    target: Target = Field(description="What is predicted.")
    labels: Labels = Labels()
    model: Model = Model(name="drift_moe")
    detectors: tuple[OperatorConfig, ...] = Field(
        default=(OperatorConfig(name="adwin"),),
        description="Watch the model's errors; each alarm is a record of the drift topic.",
    )
    drift: Drift = Drift()
    predictions: Predictions = Predictions()
    seed: int = Field(default=1, ge=0, lt=2**31, description="Of everything random.")
    steps: Steps = Steps()
    checkpoint: Checkpoint = Checkpoint()
    metrics: Metrics = Metrics()
    on_failure: Literal["isolate", "exit"] | None = Field(
        default=None,
        description="What a partition's failure stops (its records were removed unread, its model "
        "raises): `isolate`, that partition alone, which is named by /readyz, a metric and an "
        "alert, and is tried again with growing pauses where that can help; `exit`, the worker. "
        "Default: `isolate` on Kafka, `exit` on an embedded log, which has one worker.",
    )

    @property
    def exits_on_failure(self) -> bool:
        """Whether a partition's failure ends the worker."""
        default = "exit" if isinstance(self.log, EmbeddedLog) else "isolate"
        return (self.on_failure or default) == "exit"

    @property
    def revoke_budget_s(self) -> float:
        """Longest time for writing checkpoints while partitions are handed over."""
        if isinstance(self.log, KafkaLog):
            return self.log.revoke_budget.total_seconds()
        return _EMBEDDED_BUDGET_S

    @property
    def transaction_timeout_s(self) -> float:
        """Time after which the broker aborts a transaction by itself."""
        if isinstance(self.log, KafkaLog):
            return self.log.transaction_timeout.total_seconds()
        return _EMBEDDED_BUDGET_S

    @model_validator(mode="before")
    @classmethod
    def _name_topics(cls, data: Any) -> Any:
        """Fill in the names of topics that were left out."""
        if not isinstance(data, dict) or not isinstance(data.get("app"), str):
            return data
        given = data.get("topics") or {}
        if not isinstance(given, dict):
            return data
        suffixes = {
            name: name.replace("_", "-") for name in Topics.model_fields if given.get(name) is None
        }
        named = {name: f"{data['app']}.{suffix}" for name, suffix in suffixes.items()}
        return {**data, "topics": {**given, **named}}

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        names = list(self.topics.model_dump().values())
        if len(set(names)) != len(names):
            raise ValueError("topics must have different names")
        return self

    @model_validator(mode="after")
    def _labels_topic_needs_ids(self) -> Self:
        if self.labels.source == "topic" and self.record.id == "$offset":
            raise ValueError("schema.id must be $key or a path when labels come from a topic")
        return self
