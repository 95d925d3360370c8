"""The example pipelines are valid, and say what the others do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.datasets.flights import PIPELINE
from stream.loading.load import load_config

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_loads(path: Path) -> None:
    config = load_config(path, {})
    assert config.model.name == "adaptive_moe"


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
