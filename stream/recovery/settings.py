"""Settings that may change while a state lives on, and those that may not.

What shapes the state (the schema's columns, the target, the model and its parameters, the seed) is
covered by the fingerprint: a checkpoint made under another one cannot be continued. Limits,
windows, detectors and monitors may change. The change takes place at one step, and its journal
entry holds the new settings, so that a replay changes them at the same step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from stream.config.operators import OperatorConfig, operator_names
from stream.config.pipeline import Config
from stream.task import PartitionTask
from stream.topology import Parts, PartsBuilder, input_topics

_RECORD = ("record_bytes_max", "duplicates_window", "event_time_ahead_max")
_LABELS = ("max_delay", "pending_max")
_UNBOUNDED = "36500d"
_FREE = ("wait_for_other",)  # changes when a step runs, never what a record does


def fingerprint(config: Config) -> str:
    """Digest of the settings that shape a state; a checkpoint is continued under the same one."""
    shape = _whole(config)
    for section, names in (("record", _RECORD), ("labels", (*_LABELS, *_FREE))):
        for name in names:
            shape[section].pop(name)
    shape["drift"].pop("monitors")
    return _digest(shape)


def legacy_fingerprint(config: Config) -> str:
    """Digest that versions before this one wrote into their checkpoints."""
    settings = _whole(config)
    settings["record"].pop("event_time_ahead_max")
    settings["labels"].pop("wait_for_other")
    settings["detectors"] = config.model_dump(mode="json", include={"detectors"})["detectors"]
    settings["fading_factor"] = config.metrics.fading_factor
    return _digest(settings)


def changeable(config: Config) -> str:
    """Settings in force that may change, as JSON."""
    dump = config.model_dump(mode="json")
    settings = {
        "record": {name: dump["record"][name] for name in _RECORD},
        "labels": {name: dump["labels"][name] for name in _LABELS},
        "detectors": dump["detectors"],
        "monitors": dump["drift"]["monitors"],
        "fading_factor": config.metrics.fading_factor,
    }
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def under(config: Config, settings: str) -> Config:
    """Return the configuration with these settings in place of its own.

    Parameters
    ----------
    settings
        What `changeable` returned once; empty for a state of a version that kept none, which had
        those of the configuration but for what it did not know.
    """
    kept: Mapping[str, Any] = json.loads(settings) if settings else {}
    dump = config.model_dump(mode="json", by_alias=True, exclude_unset=False)
    if not settings:
        dump["schema"]["event_time_ahead_max"] = _UNBOUNDED
    dump["schema"].update(kept.get("record", {}))
    dump["labels"].update(kept.get("labels", {}))
    dump["detectors"] = kept.get("detectors", dump["detectors"])
    dump["drift"]["monitors"] = kept.get("monitors", dump["drift"]["monitors"])
    dump["metrics"]["fading_factor"] = kept.get("fading_factor", dump["metrics"]["fading_factor"])
    dump["log"] = config.log  # its secrets do not survive being written
    return Config.model_validate(dump)


def before(settings: str) -> str:
    """Return what a version that kept no settings had, where the one after it kept these."""
    kept = json.loads(settings)
    kept["record"]["event_time_ahead_max"] = _UNBOUNDED
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


class Builds:
    """Builds the parts of tasks under the settings that were in force at some step.

    Parameters
    ----------
    config
        The configuration as it is now.
    build
        Builds the parts of a task of a partition under a configuration.
    """

    def __init__(self, config: Config, build: PartsBuilder) -> None:
        self._config = config
        self._build = build
        self.fingerprint = fingerprint(config)
        self.legacy_fingerprint = legacy_fingerprint(config)
        self.settings = changeable(config)

    def parts(self, partition: int, settings: str | None = None) -> Parts:
        """Build parts in their first state, under today's settings or those given."""
        return self._builder(self.settings if settings is None else settings)(partition)

    def _builder(self, settings: str) -> PartsBuilder:
        if settings == self.settings:
            return self._build
        return self._build.under(under(self._config, settings))

    def fits(self, fingerprint: str, settings: str) -> bool:
        """Tell whether a state of this fingerprint can be continued."""
        return fingerprint == self.fingerprint or (
            not settings and fingerprint == self.legacy_fingerprint
        )

    def change(self, task: PartitionTask, old: str, new: str) -> PartitionTask:
        """Return the task under other settings, with the state that these leave alone.

        A detector or monitor whose parameters have changed begins anew. The model itself is handed
        over: a river model may have no state that can be written.
        """
        parts = self._builder(new).around(task.parts)
        pieces = task.parts.stateful()
        for name, piece in parts.stateful().items():
            if name in pieces and piece is not pieces[name] and name not in _changed(old, new):
                piece.restore(pieces[name].snapshot())
        return task.rebuilt(parts)


def _whole(config: Config) -> dict[str, Any]:
    settings = config.model_dump(
        mode="json", include={"app", "record", "target", "labels", "model", "drift", "seed"}
    )
    settings["topics"] = input_topics(config)
    _leave_out_unused(settings["record"])
    return settings


def _leave_out_unused(record: dict[str, Any]) -> None:
    """Take out what shapes nothing where it is not used, so that older digests go on to fit."""
    if not record["derived"]:
        record.pop("derived")
    if record["event_time_format"] is None:
        record.pop("event_time_format")
    for feature in record["features"]:
        if not feature["hidden"]:
            feature.pop("hidden")
        if feature.get("format", "") is None:
            feature.pop("format")


def _changed(old: str, new: str) -> set[str]:
    """Names of the operators that are new, or not what they were."""
    if not old:
        return set()
    return {name for name, _ in _operators(new) - _operators(old)}


def _operators(settings: str) -> set[tuple[str, str]]:
    """Name, as in a task's snapshot, and description of each detector and monitor."""
    kept = json.loads(settings)
    return {
        (f"{kind}/{name}", json.dumps(operator, sort_keys=True))
        for kind in ("detector", "monitor")
        for name, operator in zip(_names(kept[f"{kind}s"]), kept[f"{kind}s"], strict=True)
    }


def _names(operators: list[dict[str, Any]]) -> list[str]:
    return operator_names([OperatorConfig(name=operator["name"]) for operator in operators])


def _digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
