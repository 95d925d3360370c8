"""The example pipelines and that of docs/features.md are valid, and say what the others do not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from operators import tape
from operators.base import Feature, Space
from operators.catalog import create_learner
from stream.codec.features import FeatureCoder
from stream.codec.target import TargetCoder
from stream.datasets.flights import PIPELINE
from stream.loading.load import load_config

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_loads(path: Path) -> None:
    config = load_config(path, {})
    assert config.model.name == "adaptive_moe"


def test_the_features_of_the_page_are_valid(tmp_path: Path) -> None:
    page = (EXAMPLES.parents[1] / "docs" / "features.md").read_text()
    example = page[page.index("    schema:\n") : page.index("\nA derived feature")]
    path = tmp_path / "p.yaml"
    path.write_text(
        f"app: toy\nlog: {{type: embedded}}\n{dedent(example)}\n"
        "target: {type: classification, path: $.y, classes: [0, 1]}\n"
    )
    config = load_config(path, {})
    names = [each.name for each in FeatureCoder(config, TargetCoder(config)).features]
    assert names[:3] == ["amount", "at.hour_of_day", "at.is_weekend"]
    assert names[-7:] == [each.name for each in config.record.derived]


def test_rivers_transformers_run_as_the_page_says(tmp_path: Path) -> None:
    page = (EXAMPLES.parents[1] / "docs" / "features.md").read_text()
    path = tmp_path / "p.yaml"
    path.write_text(
        "app: toy\nlog: {type: embedded}\nschema: {features: [{name: a, type: float}]}\n"
        "target: {type: classification, path: $.y, classes: [0, 1]}\n"
        f"{dedent(page[page.rindex('      model:') :])}"
    )
    config = load_config(path, {})
    space = Space((Feature("a"),), n_classes=2, classes=(0, 1))
    learner = create_learner(config.model.name, space, 1, config.model.params, b"key")
    x = np.repeat([[1000.0], [1001.0]], 50, axis=0)
    rows = tape.Rows(x, np.repeat([0.0, 1.0], 50), np.empty((100, 2)), np.empty((100, 0)))
    learner.run(tape.test_then_train(100), rows)
    assert b"StandardScaler" in np.asarray(learner.snapshot()["pickle"]).tobytes()


def test_there_is_one_for_each_way_to_run() -> None:
    loaded = {path.stem: load_config(path, {}) for path in EXAMPLES.glob("*.yaml")}
    assert {name: config.log.type for name, config in loaded.items()} == {
        "electricity": "embedded",
        "flights": "embedded",
        "kafka": "kafka",
    }
    assert loaded["flights"].labels.source == "topic"
    assert loaded["kafka"].record == loaded["electricity"].record


def test_the_demos_pipeline_is_the_flights_example() -> None:
    assert (EXAMPLES / "flights.yaml").resolve() == PIPELINE.resolve()
