"""`driftgate warmup`: compile before anyone waits for it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from stream.cli.kernel_cache import cache_folder, drop_stale
from stream.cli.warmup_plan import of_models, of_pipeline
from stream.loading.load import load_config


def run_warmup(path: Path | None, models: Sequence[str], as_machine: bool) -> None:
    """Rehearse, and say of each operator how long it took and what had to be compiled."""
    found = of_pipeline(load_config(path, os.environ)) if path else of_models(models)
    rehearsals = list(found)
    console = Console(stderr=as_machine, highlight=False, soft_wrap=True)
    drop_stale()
    done = []
    for number, rehearsal in enumerate(rehearsals, start=1):
        with console.status(f"{rehearsal.name} ({number} of {len(rehearsals)})"):
            seconds, kernels = rehearsal.timed()
        console.print(
            f"{rehearsal.kind:9}  {rehearsal.name:36}  {seconds:6.1f} s  {kernels.anew:3} compiled,"
            f" {kernels.from_cache:3} found"
        )
        done.append(
            {
                "kind": rehearsal.kind,
                "name": rehearsal.name,
                "seconds": seconds,
                "compiled": kernels.anew,
                "found": kernels.from_cache,
            }
        )
    if as_machine:
        print(json.dumps({"cache": str(cache_folder()), "operators": done}))
    else:
        console.print(f"compiled kernels are in {cache_folder()}")
