"""The fault matrix against a real Apache Kafka: `python -m tests.matrix`.

    python -m tests.matrix [--only T1,T3] [--short [--save]] [--nodes 1|3] [--soak MINUTES]
                           [--older REVISION] [--json FILE]

Every scenario runs real workers (`driftgate run`) and looks at nothing but processes, topics, HTTP
and files. Each result goes to `tests/matrix/results/`, from which `python -m tests.matrix.document`
makes the tables of docs/reliability.md. Exit code 1: something does not hold.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.matrix.catalog import Scenario, chosen
from tests.matrix.cluster import Cluster
from tests.matrix.report import FOLDER, Result, table
from tests.matrix.stage import Stage


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios that were asked for."""
    options = _parse(arguments)
    # A worker or broker must not outlive this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scenarios = chosen(options.only, options.nodes)
    folder = Path(tempfile.mkdtemp(prefix="driftgate-matrix-"))
    print(f"logs and checkpoints: {folder}", flush=True)
    results = []
    with Cluster(options.nodes, folder / "kafka", proxied=True) as cluster:
        stage = Stage(
            cluster, folder, short=options.short, soak_s=60.0 * options.soak, older=options.older
        )
        for scenario in scenarios:
            results.append(perform(scenario, stage))
            if options.save or not options.short:
                results[-1].save(Path(options.results))
            print(table(results[-1:]), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(result) for result in results], indent=1))
    return 0 if all(result.passed for result in results) else 1


def perform(scenario: Scenario, stage: Stage) -> Result:
    """Run one scenario; what it raises is a check that does not hold."""
    start = time.monotonic()
    print(f"{scenario.id} {scenario.title} ...", flush=True)
    result = Result(scenario.id, scenario.title)
    try:
        scenario.run(stage, result)
    except Exception as error:
        traceback.print_exc()
        result.check("ran to its end", False, f"{type(error).__name__}: {error}")
    form = "short" if stage.short else "long"
    return result.finish(stage.cluster.nodes, time.monotonic() - start, form)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--only", help="scenarios by id, comma between them")
    parser.add_argument("--short", action="store_true", help="small doses, not saved")
    parser.add_argument("--save", action="store_true", help="save results of small doses, too")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--soak", type=float, default=60.0, help="minutes of T16")
    parser.add_argument("--older", default="HEAD~1", help="revision that T17 upgrades from")
    parser.add_argument("--json", help="write the results to this file, too")
    parser.add_argument("--results", default=str(FOLDER), help="folder of the results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
