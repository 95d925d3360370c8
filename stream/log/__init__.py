"""The log, two ways behind one interface: Apache Kafka, and SQLite embedded in the process."""
