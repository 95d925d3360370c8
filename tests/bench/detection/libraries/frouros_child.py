"""Runs frouros' detectors for a parent: a JSON question a line in, a JSON answer a line out.

It is started by path with the interpreter of another environment, so it imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np

CLASSES = {
    "adwin": "ADWIN",
    "cusum": "CUSUM",
    "ddm": "DDM",
    "ecdd": "ECDDWT",
    "eddm": "EDDM",
    "gma": "GeometricMovingAverage",
    "hddm_a": "HDDMA",
    "hddm_w": "HDDMW",
    "kswin": "KSWIN",
    "page_hinkley": "PageHinkley",
    "rddm": "RDDM",
    "stepd": "STEPD",
}


def drifts(name: str, params: dict[str, Any], values: list[float]) -> list[int]:
    """Return where the detector signals; each drift resets it, as its documentation does."""
    from frouros.detectors import concept_drift

    config = getattr(concept_drift, f"{CLASSES[name]}Config")(**params)
    detector = getattr(concept_drift, CLASSES[name])(config=config)
    found = []
    for index, value in enumerate(values):
        detector.update(value=value)
        if detector.drift:
            found.append(index)
            detector.reset()
    return found


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Do what was asked."""
    if question["ask"] == "version":
        return {"version": version("frouros")}
    values = np.load(question["path"], allow_pickle=False)
    parts = np.split(values, np.cumsum(question["lengths"])[:-1])
    lists = [part.tolist() for part in parts]
    begun = time.thread_time()
    found = [drifts(question["name"], question["params"], part) for part in lists]
    return {"drifts": found, "cpu_s": time.thread_time() - begun}


def main() -> None:
    """Answer until nothing is asked any more."""
    warnings.simplefilter("ignore")  # SciPy says when an exact test becomes an approximate one
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # whatever goes wrong in the library is for the parent to say
            said = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
