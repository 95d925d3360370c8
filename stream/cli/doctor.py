"""`driftgate doctor`: whether this pipeline can run here."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from stream.checkpoint import CheckpointStore
from stream.config import Config
from stream.config_file import load_config
from stream.errors import SetupError
from stream.log.base import Probe
from stream.log.open import probe_log
from stream.masking import mask_text


def run_doctor(path: Path, as_json: bool) -> int:
    """Print every finding; returns the exit code: 0, or 2 if anything is wrong."""
    config = load_config(path, os.environ)
    probes = [*probe_quietly(config), probe_store(config)]
    if as_json:
        findings = [
            {"name": p.name, "ok": p.ok, "detail": p.detail, "remedy": p.remedy} for p in probes
        ]
        print(mask_text(json.dumps({"ok": all(p.ok for p in probes), "findings": findings})))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for probe in probes:
            mark = "[green]ok  [/]" if probe.ok else "[red]FAIL[/]"
            console.print(f"{mark} {escape(mask_text(str(probe)))}")
    return 0 if all(probe.ok for probe in probes) else 2


def probe_quietly(config: Config) -> list[Probe]:
    """Probe the log; what a probe finds is said once, in its own words, not by the client too."""
    client = logging.getLogger("kafka")
    level = client.level
    client.setLevel(logging.CRITICAL + 1)
    try:
        return probe_log(config)
    finally:
        client.setLevel(level)


def probe_store(config: Config) -> Probe:
    """Whether checkpoints can be written."""
    url = config.checkpoint.store
    try:
        CheckpointStore(url, config.app, config.checkpoint.keep).check_writable()
    except (OSError, SetupError) as error:
        remedy = "Set checkpoint.store to a place that this user may write to."
        return Probe("checkpoint store", False, f"{url} must be writable; got {error}.", remedy)
    return Probe("checkpoint store", True, f"{url} is writable")
