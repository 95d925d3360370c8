"""What a worker must be allowed on its topics, and nothing more.

The whole list is in docs/security.md. READ and WRITE each bring DESCRIBE with them.
"""

from __future__ import annotations

from typing import Any

from kafka import errors as client
from kafka.admin import KafkaAdminClient

from stream.config.pipeline import Config
from stream.log.kafka.settings import KafkaSettings


def topic_rights(config: Config) -> dict[str, tuple[str, ...]]:
    """Rights that a worker of this pipeline needs, by topic."""
    topics = config.topics
    needed = {
        topics.features: ("READ",),
        topics.predictions: ("WRITE",),
        topics.drift: ("WRITE",),
        topics.dead_letters: ("WRITE",),
        topics.journal: ("READ", "WRITE"),
    }
    if config.labels.source == "topic":
        needed[topics.labels] = ("READ",)
    return {name: rights for name, rights in needed.items() if name is not None}


def is_hidden(topic: str, settings: KafkaSettings) -> bool:
    """Tell whether the broker keeps a topic from this user; it says so to those who name it."""
    try:
        admin = KafkaAdminClient(**settings.client())
        try:
            (found,) = admin.describe_topics([topic])
        finally:
            admin.close()
    except client.KafkaError:
        return False
    code: Any = found["error_code"]
    return bool(code == client.TopicAuthorizationFailedError.errno)
