"""What `doctor` asks of an embedded log: can the file be used, would a worker get on with it."""

from __future__ import annotations

from stream.config.log import EmbeddedLog
from stream.config.pipeline import Config
from stream.errors import DriftgateError
from stream.log.base import Probe, TopicPartition
from stream.log.embedded.admin import EmbeddedAdmin
from stream.log.embedded.store import Store
from stream.log.findings import judge_counts, judge_positions


def probe_embedded(config: Config) -> list[Probe]:
    """Open the file and look at its topics."""
    usable = Probe("log file", True, f"`{_path(config)}` can be used")
    try:
        return [usable, *_topics(_names(config), _counts(config))]
    except DriftgateError as error:
        detail, _, remedy = str(error).rpartition(". ")
        return [Probe("log file", False, detail, remedy)]


def probe_embedded_state(config: Config) -> list[Probe]:
    """Look at the group's positions; nothing is said where the file or a topic is missing."""
    names = _names(config)
    try:
        counts = _counts(config)
        if any(name not in counts for name in names.values()):
            return []
        store = Store(_path(config))
        try:
            with store.translated():
                return _positions(config.app, names, counts, store)
        finally:
            store.close()
    except DriftgateError:
        return []


def _path(config: Config) -> str:
    assert isinstance(config.log, EmbeddedLog)
    return config.log.path


def _names(config: Config) -> dict[str, str]:
    names = {role: name for role, name in config.topics.model_dump().items() if name}
    if config.labels.source != "topic":
        names.pop("labels", None)
    return names


def _inputs(names: dict[str, str]) -> list[str]:
    return [names[role] for role in ("features", "labels") if role in names]


def _counts(config: Config) -> dict[str, int]:
    admin = EmbeddedAdmin(_path(config))
    try:
        return admin.topics()
    finally:
        admin.close()


def _topics(names: dict[str, str], counts: dict[str, int]) -> list[Probe]:
    missing = [name for name in names.values() if name not in counts]
    if missing:
        return [Probe("topics", False, f"missing: {', '.join(missing)}", "driftgate topics create")]
    there = Probe("topics", True, f"all {len(names)} exist")
    return [there, judge_counts(_inputs(names), {name: counts[name] for name in names.values()})]


def _positions(
    app: str, names: dict[str, str], counts: dict[str, int], store: Store
) -> list[Probe]:
    sources = [
        TopicPartition(name, number) for name in _inputs(names) for number in range(counts[name])
    ]
    positions = {source: store.position(app, source) for source in sources}
    journal = names["journal"]

    def journal_holds(partition: int) -> bool:
        if partition >= counts[journal]:
            return False
        bounds = store.bounds(TopicPartition(journal, partition))
        return bounds.end > bounds.first

    return judge_positions(
        app,
        {source: at.offset if at else None for source, at in positions.items()},
        {source: store.bounds(source) for source in sources},
        journal_holds,
    )
