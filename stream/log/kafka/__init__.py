"""The log on Apache Kafka: a consumer group, and one transactional producer a worker."""

from stream.log.kafka.admin import KafkaAdmin
from stream.log.kafka.log import KafkaLog
from stream.log.kafka.probe import probe_kafka, probe_kafka_state
from stream.log.kafka.settings import KafkaSettings

__all__ = ["KafkaAdmin", "KafkaLog", "KafkaSettings", "probe_kafka", "probe_kafka_state"]
