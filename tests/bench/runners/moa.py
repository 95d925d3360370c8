"""MOA's own command line on the stream's ARFF file: the fastest that MOA can be had."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stream.errors import SetupError
from tests.bench.case import Case, Outcome
from tests.bench.meter import status_bytes
from tests.bench.scores import Scores, majority_accuracy
from tests.bench.stream_files import ARFF, read_records

MODELS = {
    "hoeffding_tree": "trees.HoeffdingTree",
    "hoeffding_adaptive_tree": "trees.HoeffdingAdaptiveTree",
    "adaptive_random_forest": "meta.AdaptiveRandomForest",
    "streaming_random_patches": "meta.StreamingRandomPatches",
    "leveraging_bagging": "meta.LeveragingBag",
    "naive_bayes": "bayes.NaiveBayes",
    "majority_class": "functions.MajorityClass",
}
"""Their class; the command line offers no seed, so ensembles always use MOA's own."""

REGRESSORS = {
    "fimtdd": "trees.FIMTDD",
    "arffimtdd": "trees.ARFFIMTDD",
    "adaptive_random_forest_regressor": "meta.AdaptiveRandomForestRegressor",
    "soknl": "meta.SelfOptimisingKNearestLeaves",
    "target_mean": "rules.functions.TargetMean",
}
"""The same for numbers."""

_FLAGS = {"trees": "-s"}
_SECONDS_BETWEEN_LOOKS = 0.02
# One thread each for work and garbage: what MOA needs on one core. Trees are deep recursions.
_JAVA = ("java", "-Xss16m", "-Xmx8g", "-XX:+UseSerialGC")


class _Ended(NamedTuple):
    """What a process has used and printed."""

    cpu_s: float
    peak_bytes: int
    printed: str


def run(case: Case, progress: Callable[[int], None]) -> Outcome:
    """Measure one of `MODELS` or `REGRESSORS`."""
    if case.label_delay:
        raise SetupError("MOA's command line has no prequential task for late labels here.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dump = folder / "figures.csv"
        idle = _waited([*_JAVA, "-version"], folder)
        started = time.perf_counter()
        moa = _waited([*_JAVA, "-cp", str(jar()), "moa.DoTask", task(case, dump)], folder)
        wall_s = time.perf_counter() - started
        if not dump.exists():
            raise SetupError(f"MOA wrote no figures; it said: {moa.printed.strip()[-600:]}")
        with dump.open() as file:
            last = list(csv.DictReader(file))[-1]
    progress(case.limit)
    return Outcome(
        records=round(float(last["classified instances"])),
        scores=_scores(case, last),
        cpu_s=float(last["evaluation time (cpu seconds)"]),
        wall_s=wall_s,
        process_cpu_s=moa.cpu_s,
        memory_bytes=max(moa.peak_bytes - idle.peak_bytes, 0),
    )


def task(case: Case, dump: Path) -> str:
    """MOA's task line: test then train, one figure at the end."""
    name = case.candidate.name
    is_regressor = name in REGRESSORS
    flags = "".join(
        f" {_FLAGS.get(name, name)} {value}" for name, value in case.candidate.params.items()
    )
    return (
        f"EvaluatePrequential{'Regression' if is_regressor else ''}"
        f" -l ({(MODELS | REGRESSORS)[name]}{flags})"
        f" -s (ArffFileStream -f {case.folder / ARFF})"
        f" -e Basic{'Regression' if is_regressor else 'Classification'}PerformanceEvaluator"
        f" -i {case.limit} -t {max(int(case.budget_s), 1)} -f {case.limit} -q {case.limit}"
        f" -d {dump}"
    )


def _scores(case: Case, figures: Mapping[str, str]) -> Scores:
    records = read_records(case.folder, round(float(figures["classified instances"])))
    if records.space.n_classes == 0:
        # MOA's own determination compares with the mean so far; ours, with the one in the end.
        rmse = float(figures["root mean squared error"])
        return {
            "mae": float(figures["mean absolute error"]),
            "rmse": rmse,
            "r2": 1.0 - rmse**2 / float(np.var(records.y)),
        }
    accuracy = float(figures["classifications correct (percent)"]) / 100
    # MOA's own kappa M compares with the class that is most frequent in the end; ours, with the
    # one that was so far.
    majority = majority_accuracy(records.y, records.space.n_classes)
    return {
        "accuracy": accuracy,
        "kappa": float(figures["Kappa Statistic (percent)"]) / 100,
        "kappa_m": (accuracy - majority) / (1.0 - majority),
    }


def jar() -> Path:
    """MOA's jar inside the capymoa package.

    Raises
    ------
    SetupError
        There is none, or no Java to run it.
    """
    if shutil.which("java") is None:
        raise SetupError("MOA's command line needs `java` (17 or later) on the path.")
    spec = find_spec("capymoa")
    if spec is None or spec.origin is None:
        raise SetupError(
            "MOA's jar comes with CapyMOA: `pip install 'driftgate[bench]'`; or leave moa:... "
            "out with --peers."
        )
    return Path(spec.origin).parent / "jar" / "moa.jar"


def _waited(command: list[str], folder: Path) -> _Ended:
    """Run a command to its end."""
    text = folder / "printed.txt"
    peak_bytes = 0
    with text.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    pid = 0
    while pid == 0:
        # The usage that waiting gives has this process's own size in its peak, from before exec.
        peak_bytes = max(peak_bytes, status_bytes("VmHWM", process.pid))
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    return _Ended(usage.ru_utime + usage.ru_stime, peak_bytes, text.read_text(errors="replace"))
