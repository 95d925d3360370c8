"""Configuration of the log: where topics live, and how to get in."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from stream.config.values import Duration, Section, format_duration


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
    """TLS and SASL; secrets may come from the environment. See docs/security.md."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="As the broker's listener speaks it."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = (
        Field(
            default=None,
            description="How the worker proves who it is: a password, or with OAUTHBEARER a token; "
            "needed with SASL_*, and only then.",
        )
    )
    username: str | None = Field(default=None, description="Or DRIFTGATE_SASL_USERNAME.")
    password: SecretStr | None = Field(default=None, description="Or DRIFTGATE_SASL_PASSWORD.")
    token_provider: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="`package.module:name` of a Python function that returns a token, or a token "
        "and when it expires (seconds since 1970); or of a class whose `token` method does. It is "
        "imported and run by the worker. With OAUTHBEARER, this or `token_command`.",
    )
    token_command: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="A program and its arguments, run without a shell; what it prints is the "
        "token. With OAUTHBEARER, this or `token_provider`.",
    )
    token_timeout: Duration = Field(
        default=timedelta(seconds=5),
        description="Longest time to get a token. Connections wait for it, and so do heartbeats: "
        "keep it below log.session_timeout.",
    )
    token_extensions: dict[str, str] = Field(
        default={},
        description="SASL extensions that go with the token, such as the `logicalCluster` and "
        "`identityPoolId` of Confluent Cloud.",
    )
    ca_file: str | None = Field(
        default=None, description="PEM file of trusted authorities; default: the system's."
    )
    certificate_file: str | None = Field(default=None, description="PEM client certificate.")
    key_file: str | None = Field(
        default=None,
        description="PEM key of the client certificate; not needed when it is in the same file.",
    )
    key_password: SecretStr | None = Field(default=None, description="Or DRIFTGATE_KEY_PASSWORD.")
    check_hostname: bool = Field(
        default=True, description="Whether the broker's certificate must name its host."
    )

    @model_validator(mode="after")
    def _sasl_needs_a_mechanism(self) -> Self:
        if self.protocol.startswith("SASL") != (self.sasl_mechanism is not None):
            raise ValueError("sasl_mechanism must be set with a SASL_* protocol, and only with one")
        return self

    @model_validator(mode="after")
    def _one_source_of_tokens(self) -> Self:
        given = [self.token_provider, self.token_command]
        count = sum(source is not None for source in given)
        if self.sasl_mechanism == "OAUTHBEARER" and count != 1:
            raise ValueError(
                "exactly one of token_provider and token_command must be set with OAUTHBEARER"
            )
        if self.sasl_mechanism != "OAUTHBEARER" and (count or self.token_extensions):
            raise ValueError(
                "token_provider, token_command and token_extensions must be set only with "
                "sasl_mechanism OAUTHBEARER"
            )
        return self

    @model_validator(mode="after")
    def _passwords_need_both(self) -> Self:
        if self.sasl_mechanism in (None, "OAUTHBEARER"):
            return self
        if not self.username or self.password is None:
            raise ValueError(
                f"username and password must be set with {self.sasl_mechanism} "
                f"(DRIFTGATE_SASL_USERNAME, DRIFTGATE_SASL_PASSWORD)"
            )
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
        description="Whether workers are static members (`group.instance.id` is the transactional "
        "id): one that comes back under its name within session_timeout has its partitions at "
        "once; one that leaves for good frees them only after session_timeout.",
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

    @field_validator("bootstrap")
    @classmethod
    def _no_credentials_in_addresses(cls, value: str) -> str:
        if "@" in value:
            # Addresses are shown in messages and to the client, which logs them.
            raise ValueError(
                "an address must not hold a user or a password; set log.security.username and "
                "DRIFTGATE_SASL_PASSWORD"
            )
        return value

    @model_validator(mode="after")
    def _tokens_come_within_a_session(self) -> Self:
        uses_tokens = self.security.sasl_mechanism == "OAUTHBEARER"
        if uses_tokens and self.security.token_timeout >= self.session_timeout:
            raise ValueError(
                f"security.token_timeout must be < session_timeout; got "
                f"{format_duration(self.security.token_timeout)} >= "
                f"{format_duration(self.session_timeout)}"
            )
        return self

    @model_validator(mode="after")
    def _budgets_fit(self) -> Self:
        if self.revoke_budget >= self.poll_interval_max:
            raise ValueError(
                f"revoke_budget must be < poll_interval_max; got "
                f"{format_duration(self.revoke_budget)} >= "
                f"{format_duration(self.poll_interval_max)}"
            )
        return self
