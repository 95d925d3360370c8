"""Track: seconds from the start of a process to the first figures, without compiled kernels.

Run with `python -m tests.bench.cold_start DATA [MODEL ...]`, where DATA is electricity.csv.gz; a
few models of each kind if none is named. Each is evaluated on 1,000 rows in a new process with an
empty `NUMBA_CACHE_DIR`, then once more with what the first one left there. The median of a few such
pairs counts, in time of the processor, which other work lengthens little, and by the clock. The
whole command is timed: imports, configuration, compiling, the figures, and all that follows.
Regressors predict the price from the other columns. What is compiled: tests/bench/compile_times.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import yaml

from operators.rehearsal import is_classifier

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "examples" / "electricity.yaml"
MODELS = (
    "hoeffding_tree",
    "adaptive_moe",
    "adaptive_random_forest",
    "logistic_regression",
    "adaptive_random_forest_regressor",
)
REPEATS = 3


class Taken(NamedTuple):
    """What a command took."""

    cpu_s: float
    seconds: float


def evaluate(config: Path, data: str, model: str, cache: str) -> Taken:
    """Run a command in a process of its own."""
    command = ("evaluate", str(config), "--data", data, "--model", model, "--limit", "1000")
    start, before = time.perf_counter(), os.times()
    subprocess.run(
        [sys.executable, "-m", "stream", *command, "--json"],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        check=True,
        capture_output=True,
    )
    after = os.times()
    cpu_s = after.children_user + after.children_system
    cpu_s -= before.children_user + before.children_system
    return Taken(cpu_s, time.perf_counter() - start)


def of_price(folder: str) -> Path:
    """Write the pipeline with the price as its target."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    features = config["schema"]["features"]
    config["schema"]["features"] = [each for each in features if each["name"] != "nswprice"]
    config["target"] = {"type": "regression", "path": "$.nswprice"}
    config["model"] = {"name": "linear_regression"}
    path = Path(folder) / "price.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def main() -> None:
    data = str(Path(sys.argv[1]).resolve())
    print("model,cold_cpu_s,cold_s,warm_cpu_s,warm_s")
    with tempfile.TemporaryDirectory() as folder:
        price = of_price(folder)
        for model in sys.argv[2:] or MODELS:
            config = CONFIG if is_classifier(model) else price
            cold, warm = [], []
            for repeat in range(REPEATS):
                cache = str(Path(folder) / f"{model}-{repeat}")
                cold.append(evaluate(config, data, model, cache))
                warm.append(evaluate(config, data, model, cache))
            figures = (*map(median, zip(*cold, strict=True)), *map(median, zip(*warm, strict=True)))
            print(",".join([model, *(f"{figure:.1f}" for figure in figures)]), flush=True)


if __name__ == "__main__":
    main()
