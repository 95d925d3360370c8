"""`driftgate doctor`: whether this pipeline can run here."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.url import masked
from stream.config.masking import mask_text
from stream.config.pipeline import Config
from stream.errors import DriftgateError
from stream.loading.load import load_config
from stream.log.base import Probe
from stream.log.open import probe_log, probe_state

_MARKS = {"ok": "[green]ok  [/]", "warning": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}


def run_doctor(path: Path, as_json: bool) -> int:
    """Print every finding; returns the exit code: 0, or 2 if anything is wrong.

    A warning is not: the pipeline runs with it, at the cost that it names.
    """
    config = load_config(path, os.environ)
    probes = [*probe_quietly(config), *_quietly(probe_state, config), probe_store(config)]
    if as_json:
        findings = [
            {
                "name": probe.name,
                "ok": probe.ok,
                "level": probe.level,
                "detail": probe.detail,
                "remedy": probe.remedy,
            }
            for probe in probes
        ]
        print(mask_text(json.dumps({"ok": all(p.ok for p in probes), "findings": findings})))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for probe in probes:
            console.print(f"{_MARKS[probe.level]} {escape(mask_text(str(probe)))}")
    return 0 if all(probe.ok for probe in probes) else 2


def probe_quietly(config: Config) -> list[Probe]:
    """Probe whether a worker could run on the log."""
    return _quietly(probe_log, config)


def _quietly(probe: Callable[[Config], list[Probe]], config: Config) -> list[Probe]:
    """What a probe finds is said once, in its own words, not by the client too."""
    client = logging.getLogger("kafka")
    level = client.level
    client.setLevel(logging.CRITICAL + 1)
    try:
        return probe(config)
    finally:
        client.setLevel(level)


def probe_store(config: Config) -> Probe:
    """Whether checkpoints can be written."""
    url = config.checkpoint.store
    try:
        CheckpointStore(url, config.app, config.checkpoint.keep).check_writable()
    except DriftgateError as error:
        remedy = "Set checkpoint.store to a place that this user may write to."
        return Probe("checkpoint store", False, str(error), remedy)
    return Probe("checkpoint store", True, f"{masked(url)} is writable")
