"""Compiled kernels: what is rehearsed is what a pipeline calls; stale ones go; who loads what.

The command itself: tests/stream/cli/test_warmup.py. How long starting takes: tests/bench/start.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from operators.catalog import LEARNERS
from stream.cli import kernel_cache

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "river", "pandas", "matplotlib", "sklearn", "pyarrow")

# Run in a process of its own: here other tests have called kernels already.
REHEARSED = """
import json, sys
from operators.catalog import DETECTORS, LEARNERS
from operators import rehearsal
from stream.cli import kernel_cache
from stream.topology import build_parts
from stream.checkpoint.format import Checkpoint, decode, encode
from stream.task import PartitionTask
from tests.builders import EVENTS, batch, event, stream, toy_config

names = json.loads(sys.argv[1])
for n_classes in (rehearsal.N_CLASSES, 0):
    rehearsal.rehearse_evaluator(n_classes)
for name in DETECTORS:
    rehearsal.rehearse_detector(name, {})
for name in names:
    rehearsal.rehearse_learner(name, {})
before = kernel_cache.compiled()

def run(name):
    classes = {"type": "classification", "path": "$.y", "classes": ["no", "yes"]}
    values = {"type": "regression", "path": "$.a"}
    target = classes if rehearsal.is_classifier(name) else values
    config = toy_config(model={"name": name}, target=target)
    lines = [event(**{k: v for k, v in r.items() if k != "id"}) for r in stream(900)]
    parts = build_parts(config, 0)
    task = PartitionTask(parts, {EVENTS.topic: 0})
    whole = batch(EVENTS, lines)
    task.accept(whole)
    task.step({EVENTS.topic: False}, 1)
    task.step({EVENTS.topic: False}, 500)
    written = Checkpoint("toy", 0, "f", task.steps, {EVENTS.topic: 501}, 0, task.snapshot())
    heir = PartitionTask(build_parts(config, 0), {EVENTS.topic: 0})
    heir.restore(decode(encode(written), "here").state)
    heir.accept(whole)
    assert heir.step({EVENTS.topic: False}, 900).report.predicted > 300

for name in names:
    run(name)
    more = kernel_cache.compiled().since(before)
    if more != (0, 0):
        print("CALLED WITH OTHER TYPES", name, more)
"""


OF_DRIFT = """
from stream.cli import kernel_cache
from stream.topology import build_parts
from stream.task import PartitionTask
from stream.cli.warmup_plan import of_pipeline
from tests.builders import EVENTS, batch, event, stream, toy_config

monitors = [{"name": "psi", "watches": watched} for watched in ("features", "predictions")]
derived = [
    {"name": "n", "type": "rolling", "of": "b", "by": "c", "window": "1m", "function": "mean"},
    {"name": "l", "type": "lag", "of": "n", "by": "c"},
]
drift = {"diagnose": True, "respond": True, "monitors": monitors}
values = {"type": "regression", "path": "$.a"}
for name, more in (("naive_bayes", {}), ("linear_regression", {"target": values})):
    schema = toy_config().model_dump(by_alias=True, mode="json")["schema"]
    schema["derived"] = derived
    config = toy_config(model={"name": name}, drift=drift, schema=schema, **more)
    for rehearsal in of_pipeline(config):
        rehearsal.run()
    before = kernel_cache.compiled()
    lines = [event(**{k: v for k, v in r.items() if k != "id"}) for r in stream(3000)]
    for _ in range(2):
        task = PartitionTask(build_parts(config, 0), {EVENTS.topic: 0})
        task.accept(batch(EVENTS, lines))
        said = task.step({EVENTS.topic: False}, 3000).report.drift
    assert name != "naive_bayes" or any(each.event == "action" for each in said)
    more = kernel_cache.compiled().since(before)
    if more != (0, 0):
        print("CALLED WITH OTHER TYPES", name, more)
"""

LAYOUTS = """
import json, re, sys
from collections import Counter
from numba.core.dispatcher import Dispatcher
from operators.rehearsal import is_classifier
from stream.evaluate import Series, delay_labels, evaluate
from stream.observe.logs import configure_logging
from tests.builders import event, stream, toy_config

def plain(types):
    # The types without the order of arrays in memory, and whether they may be written to.
    text = ", ".join(map(str, types))
    return re.sub("readonly |unaligned ", "", re.sub(r"(\\dd), [ACF]", r"\\1", text))

configure_logging("human", "warning")
records = [r for r in stream(900) if r["y"] and isinstance(r["a"], float)]
times = [1000 * i for i in range(len(records))]
keys = [b"e%d" % i for i in range(len(records))]
classes = {"type": "classification", "path": "$.y", "classes": ["no", "yes"]}
values = {"type": "regression", "path": "$.b"}
for name in json.loads(sys.argv[1]):
    changes = {"model": {"name": name}, "target": classes if is_classifier(name) else values}
    changes["detectors"] = [{"name": "adwin"}]
    whole = [event(**{k: v for k, v in r.items() if k != "id"}) for r in records]
    labels = Series(keys, whole, delay_labels(times, 100))
    evaluate(toy_config(**changes), Series(keys, whole, times), None)
    labelled = {"source": "topic", "id": "$key", "event_time": "$timestamp"}
    evaluate(toy_config(labels=labelled, **changes), Series(keys, whole, times), labels)

kernels = {
    id(value): value
    for module in list(sys.modules.values())
    if module.__name__.startswith("operators.kernels")
    for value in vars(module).values()
    if isinstance(value, Dispatcher)
}
for kernel in kernels.values():
    for types, count in Counter(map(plain, kernel.signatures)).items():
        if count > 1:
            print("COMPILED FOR", count, "KINDS OF", kernel.py_func.__qualname__, types)
print(sum(len(kernel.signatures) > 0 for kernel in kernels.values()) > 5)
"""


def python(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pipeline_calls_what_was_rehearsed_and_nothing_else() -> None:
    assert python(REHEARSED, json.dumps(sorted(LEARNERS))) == ""


def test_a_pipeline_that_answers_drift_calls_what_was_rehearsed() -> None:
    assert python(OF_DRIFT) == ""


def test_no_kernel_is_compiled_for_arrays_that_differ_only_in_how_they_lie_in_memory() -> None:
    names = ["hoeffding_tree", "adaptive_moe", "logistic_regression", "linear_regression"]
    assert python(LAYOUTS, json.dumps(names)) == "True\n"


def test_a_tree_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    data = tmp_path / "toy.csv"
    data.write_text("a,b,y\n" + "\n".join(f"{i % 7},{i % 5},{i % 2}" for i in range(50)))
    pipeline = tmp_path / "toy.yaml"
    features = "{name: a, type: float}, {name: b, type: float}"
    pipeline.write_text(
        "app: toy\nlog: {type: embedded}\n"
        f"schema: {{features: [{features}]}}\n"
        "target: {type: classification, path: $.y, classes: [0, 1]}\n"
        "model: {name: drift_moe, params: {router: torch}}\n"
    )
    program = (
        "import sys\n"
        "from stream.cli import main\n"
        f"sys.argv = ['driftgate', 'evaluate', {str(pipeline)!r}, '--data', {str(data)!r}, "
        "'--model', 'hoeffding_tree', '--json']\n"
        "try:\n    main()\n"
        "except SystemExit as left:\n    assert not left.code\n"
        f"print(sorted({set(HEAVY)!r} & sys.modules.keys()))\n"
        "from stream.cli import run\n"
        f"print(sorted({set(HEAVY)!r} & sys.modules.keys()))\n"
    )
    # A file comes as Arrow's batches; a worker reads no file.
    assert python(program).splitlines()[1:] == ["['pyarrow']", "['pyarrow']"]
    loaded = f"sorted({set(HEAVY)!r} & sys.modules.keys())"
    assert python(f"import sys\nfrom stream.cli import run\nprint({loaded})") == "[]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kernel_cache, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_kernels_go_when_a_source_has_changed(folder: Path) -> None:
    assert not kernel_cache.drop_stale()  # makes the folder and its mark
    for name in ("a.nbi", "a.1.nbc"):
        (folder / name).touch()
    assert not kernel_cache.drop_stale()
    (mark,) = folder.glob("*.sha256")
    mark.write_text("of other sources")
    assert kernel_cache.drop_stale()
    assert list(folder.iterdir()) == [mark]


def test_a_folder_that_cannot_be_written_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    (folder / "a.nbi").touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert not kernel_cache.drop_stale()
    assert (folder / "a.nbi").exists()
