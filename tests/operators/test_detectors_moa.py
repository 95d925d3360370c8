"""Detectors of which MOA's is right: they signal where MOA's do, run through CapyMOA as it is.

Java runs in a process of its own. Where MOA's differ is said in docs/detectors.md.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from operators.catalog import create_detector

ROOT = Path(__file__).parents[2]
CASES = {
    "cusum": "CUSUM",
    "ddm": "DDM",
    "ecdd": "EWMAChart",
    "rddm": "RDDM",
    "stepd": "STEPD",
}
MOAS = """
import json, sys
import numpy as np
from capymoa.drift import detectors
values, found = np.load(sys.argv[1]), {}
for name in sys.argv[2:]:
    found[name], detector = [], getattr(detectors, name)()
    for index, value in enumerate(values.tolist()):
        detector.add_element(value)
        if detector.detected_change():
            found[name].append(index)
print(json.dumps(found))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java"),
    pytest.mark.skipif(importlib.util.find_spec("capymoa") is None, reason="needs CapyMOA"),
]


def test_they_signal_where_moas_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    # STEPD of MOA signals without end where there are no errors at all.
    level = np.repeat(0.05 + 0.8 * rng.random(12) ** 2, 1_500)
    values = (rng.random(18_000) < level).astype(np.float64)
    np.save(tmp_path / "values.npy", values)
    ran = subprocess.run(
        [sys.executable, "-c", MOAS, str(tmp_path / "values.npy"), *CASES.values()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(ran.stdout.splitlines()[-1])
    for name, moas in CASES.items():
        alarms = create_detector(name, {}).update_many(values)
        drifts = [alarm.index for alarm in alarms if alarm.kind == "drift"]
        assert drifts == theirs[moas], name
        assert drifts, name
