"""What `doctor` asks of an embedded log: can the file be used, would a worker get on with it."""

from __future__ import annotations

from collections.abc import Iterator

from stream.config import Config
from stream.config_log import EmbeddedLog
from stream.errors import DriftgateError
from stream.log.base import Probe, TopicPartition
from stream.log.embedded.store import Store
from stream.log.findings import judge_counts, judge_positions


def probe_embedded(config: Config) -> list[Probe]:
    """Open the file, and look at its topics and at the positions in them."""
    assert isinstance(config.log, EmbeddedLog)
    try:
        store = Store(config.log.path)
    except DriftgateError as error:
        return [_failed("log file", error)]
    usable = Probe("log file", True, f"`{config.log.path}` can be used")
    try:
        with store.translated():
            return [usable, *_topics(config, store)]
    except DriftgateError as error:
        return [_failed("log file", error)]
    finally:
        store.close()


def _topics(config: Config, store: Store) -> Iterator[Probe]:
    names = {key: name for key, name in config.topics.model_dump().items() if name}
    if config.labels.source != "topic":
        names.pop("labels", None)
    found = store.topics()
    missing = [name for name in names.values() if name not in found]
    if missing:
        detail = f"missing: {', '.join(missing)}"
        yield Probe("topics", False, detail, "driftgate topics create")
        return
    yield Probe("topics", True, f"all {len(names)} exist")
    inputs = [names[role] for role in ("features", "labels") if role in names]
    yield judge_counts(inputs, {name: found[name] for name in names.values()})
    yield from _positions(config.app, inputs, names["journal"], store)


def _positions(app: str, inputs: list[str], journal: str, store: Store) -> list[Probe]:
    found = store.topics()
    sources = [TopicPartition(name, number) for name in inputs for number in range(found[name])]
    positions = {source: store.position(app, source) for source in sources}

    def journal_holds(partition: int) -> bool:
        if partition >= found[journal]:
            return False
        bounds = store.bounds(TopicPartition(journal, partition))
        return bounds.end > bounds.first

    return judge_positions(
        app,
        {source: at.offset if at else None for source, at in positions.items()},
        {source: store.bounds(source) for source in sources},
        journal_holds,
    )


def _failed(name: str, error: DriftgateError) -> Probe:
    detail, _, remedy = str(error).rpartition(". ")
    return Probe(name, False, detail or str(error), remedy if detail else "")
