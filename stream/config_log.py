"""Configuration of the log: where topics live, and how to get in."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from stream.config_values import Duration, Section, format_duration


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
    static_membership: bool = Field(
        default=False,
        description="Whether a worker that comes back under its name within session_timeout keeps "
        "its partitions; a worker that leaves frees them only after session_timeout.",
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
