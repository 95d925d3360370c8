"""The configuration: frozen models of one YAML file; unknown keys are refused.

Every setting has its default, its unit and its consequence here and nowhere else. Parameters of
models and detectors are not here: they live in the operators' constructors
(`stream.operator_params` checks them).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(value: Any) -> Any:
    """Read `250ms`, `30s`, `10m`, `24h` or `7d`.

    Examples
    --------
    >>> parse_duration("24h")
    datetime.timedelta(days=1)
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a number with a unit, such as 250ms, 30s, 10m, 24h or 7d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def format_duration(value: timedelta) -> str:
    """Write a duration in the largest unit that gives a whole number.

    Examples
    --------
    >>> format_duration(timedelta(days=1))
    '1d'
    """
    milliseconds = round(value.total_seconds() * 1000)
    for unit in ("d", "h", "m", "s"):
        size = round(_UNITS[unit] * 1000)
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$"}),
]


def _topic_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value) or value in (".", ".."):
        raise ValueError("must be 1 to 249 of the characters A-Z a-z 0-9 . _ -")
    return value


TopicName = Annotated[str, AfterValidator(_topic_name)]
PATH_PATTERN = r"^\$(\.[A-Za-z_][A-Za-z0-9_-]*)+$"
FieldPath = Annotated[str, Field(pattern=PATH_PATTERN)]
ClassLabel = bool | int | str


def class_key(label: ClassLabel) -> str:
    """Write a label so that equal classes are equal strings.

    Examples
    --------
    >>> class_key(1), class_key("1"), class_key(True)
    ('1', '1', 'true')
    """
    if isinstance(label, str):
        return label
    if isinstance(label, bool):
        return "true" if label else "false"
    return str(label)


class Section(BaseModel):
    """Base of all sections: frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=False)


class EmbeddedLog(Section):
    """The log inside the process: one SQLite file with topics, partitions and offsets."""

    type: Literal["embedded"]
    path: str = Field(
        default="driftgate.db", description="The SQLite file; `:memory:` keeps nothing."
    )
    partitions: int = Field(
        default=1, ge=1, le=1024, description="Partitions of the topics that `topics create` makes."
    )


class KafkaSecurity(Section):
    """TLS and SASL, passed through to the client; secrets may come from the environment."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="As the broker's listener speaks it."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="How the password is proven; needed with SASL_*, and only then."
    )
    username: str | None = Field(default=None, description="Or DRIFTGATE_SASL_USERNAME.")
    password: SecretStr | None = Field(default=None, description="Or DRIFTGATE_SASL_PASSWORD.")
    ca_file: str | None = Field(default=None, description="PEM file of trusted authorities.")
    certificate_file: str | None = Field(default=None, description="PEM client certificate.")
    key_file: str | None = Field(default=None, description="PEM key of the client certificate.")
    key_password: SecretStr | None = Field(default=None, description="Or DRIFTGATE_KEY_PASSWORD.")
    check_hostname: bool = Field(
        default=True, description="Whether the broker's certificate must name its host."
    )

    @model_validator(mode="after")
    def _sasl_needs_a_mechanism(self) -> Self:
        if self.protocol.startswith("SASL") != (self.sasl_mechanism is not None):
            raise ValueError("sasl_mechanism must be set with a SASL_* protocol, and only with one")
        return self


class KafkaLog(Section):
    """Apache Kafka: a consumer group, and one transactional producer a worker."""

    type: Literal["kafka"]
    bootstrap: str = Field(description="`host:port,host:port`; or DRIFTGATE_BOOTSTRAP.")
    group: str | None = Field(default=None, description="Consumer group; the app's name if absent.")
    worker: str | None = Field(
        default=None,
        description="Name of this worker, part of its transactional id; must be its own among the "
        "app's workers and should stay the same over restarts. Or DRIFTGATE_WORKER; else the host "
        "name.",
    )
    security: KafkaSecurity = KafkaSecurity()
    replication: int = Field(default=1, ge=1, description="Of topics that `topics create` makes.")
    partitions: int = Field(default=4, ge=1, description="Of topics that `topics create` makes.")
    session_timeout: Duration = Field(
        default=timedelta(seconds=45), description="Silent for this long, a worker is given up."
    )
    poll_interval_max: Duration = Field(
        default=timedelta(minutes=5),
        description="A worker that does not poll for this long loses its partitions.",
    )
    revoke_budget: Duration = Field(
        default=timedelta(seconds=30),
        description="Longest time for writing checkpoints while partitions are handed over.",
    )
    transaction_timeout: Duration = Field(
        default=timedelta(seconds=10), description="The broker aborts a transaction after this."
    )
    commit_timeout: Duration = Field(
        default=timedelta(seconds=30),
        description="The watchdog gives a commit up after this; its outcome is then read back.",
    )
    request_timeout: Duration = Field(
        default=timedelta(seconds=10), description="Longest wait for one answer of the broker."
    )
    record_bytes_max: int = Field(
        default=16 * 1024 * 1024, description="Largest record that is read or written, in bytes."
    )
    compression: Literal["none", "gzip", "lz4", "zstd"] = Field(
        default="lz4", description="Of what is written; reading knows them all."
    )

    @model_validator(mode="after")
    def _budgets_fit(self) -> Self:
        if self.revoke_budget >= self.poll_interval_max:
            raise ValueError(
                f"revoke_budget must be < poll_interval_max; got "
                f"{format_duration(self.revoke_budget)} >= "
                f"{format_duration(self.poll_interval_max)}"
            )
        return self


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

    id: str = Field(
        default="$key",
        pattern=r"^\$(key|offset|(\.[A-Za-z_][A-Za-z0-9_-]*)+)$",
        description="What names an event: `$key` (the record's key), `$offset`, or a path.",
    )
    event_time: str = Field(
        default="$timestamp",
        pattern=r"^\$(timestamp|(\.[A-Za-z_][A-Za-z0-9_-]*)+)$",
        description="When it happened: `$timestamp` (the record's) or a path to an ISO 8601 "
        "string or a number of milliseconds since 1970-01-01 UTC.",
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
    id: str = Field(
        default="$key",
        pattern=r"^\$(key|(\.[A-Za-z_][A-Za-z0-9_-]*)+)$",
        description="Where a label record names its event.",
    )
    event_time: str = Field(
        default="$timestamp",
        pattern=r"^\$(timestamp|(\.[A-Za-z_][A-Za-z0-9_-]*)+)$",
        description="When the label became known, as `schema.event_time`.",
    )
    max_delay: Duration = Field(
        default=timedelta(days=7),
        description="In event time; an event expires without its label after this, and a label "
        "that came first is an orphan after this.",
    )
    pending_max: int = Field(
        default=100_000,
        ge=1,
        description="Events waiting for labels, a partition; beyond it the oldest expires early.",
    )
    wait_for_other: Duration = Field(
        default=timedelta(seconds=1),
        description="How long one topic's records wait for the other topic when that is known to "
        "hold more, so that both are read in event time.",
    )


class OperatorConfig(Section):
    """An operator by name, with its parameters."""

    name: str = Field(description="Name in the catalog, or `river:package.Class` for a river one.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="Its constructor's parameters; the others keep defaults."
    )


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
        description="A URL that fsspec opens: file://, s3://, gs://, memory://.",
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
    predictions: Predictions = Predictions()
    seed: int = Field(default=1, ge=0, lt=2**31, description="Of everything random.")
    steps: Steps = Steps()
    checkpoint: Checkpoint = Checkpoint()
    metrics: Metrics = Metrics()

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
