"""What `doctor` asks of an embedded log: can the file be used, do the topics fit."""

from __future__ import annotations

from stream.config import Config
from stream.config_log import EmbeddedLog
from stream.errors import DriftgateError
from stream.log.base import Probe
from stream.log.embedded.admin import EmbeddedAdmin


def probe_embedded(config: Config) -> list[Probe]:
    """Open the file and look at its topics."""
    assert isinstance(config.log, EmbeddedLog)
    try:
        admin = EmbeddedAdmin(config.log.path)
    except DriftgateError as error:
        detail, _, remedy = str(error).rpartition(". ")
        return [Probe("log file", False, detail, remedy)]
    found = admin.topics()
    admin.close()
    return [Probe("log file", True, f"`{config.log.path}` can be used"), *_topics(config, found)]


def _topics(config: Config, found: dict[str, int]) -> list[Probe]:
    names = {key: name for key, name in config.topics.model_dump().items() if name}
    if config.labels.source != "topic":
        names.pop("labels", None)
    missing = [name for name in names.values() if name not in found]
    if missing:
        return [Probe("topics", False, f"missing: {', '.join(missing)}", "driftgate topics create")]
    counts = {found[name] for name in names.values()}
    if len(counts) > 1:
        detail = ", ".join(f"`{name}` has {found[name]}" for name in names.values())
        remedy = "Start with a new file: these topics must have equally many partitions."
        return [Probe("partitions", False, detail, remedy)]
    return [
        Probe("topics", True, f"all {len(names)} exist"),
        Probe("partitions", True, f"{counts.pop()} in every topic"),
    ]
