"""`driftgate warmup`: for a pipeline, for a model, and what it says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from operators.catalog import DETECTORS
from stream.cli import main

EXAMPLE = Path(__file__).parents[3] / "deploy" / "examples" / "electricity.yaml"


def driftgate(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Any, str, str]:
    monkeypatch.setattr(sys, "argv", ["driftgate", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


def test_a_model_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = driftgate(
        ["warmup", "--model", "hoeffding_tree", "--json"], monkeypatch, capsys
    )
    said = json.loads(out)
    assert code in (0, None)
    assert [(task["kind"], task["name"]) for task in said["operators"]] == [
        ("evaluator", "classification"),
        ("evaluator", "regression"),
        *(("detector", name) for name in DETECTORS),
        ("model", "hoeffding_tree"),
    ]
    assert list(Path(said["cache"]).glob("*.run_tree-*.nbi"))
    assert "hoeffding_tree" in err


def test_a_pipeline_with_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = tmp_path / "small.yaml"
    text = EXAMPLE.read_text()
    pipeline.write_text(
        text.replace("name: adaptive_moe", "name: hoeffding_tree\n  params: {leaves_max: 4}")
    )
    _, out, _ = driftgate(["warmup", str(pipeline)], monkeypatch, capsys)
    lines = [line.split()[:2] for line in out.splitlines()]
    assert lines[:3] == [
        ["evaluator", "classification"],
        ["detector", "adwin"],
        ["model", "hoeffding_tree"],
    ]
    assert out.splitlines()[-1].startswith("compiled kernels are in ")


def test_a_name_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = driftgate(["warmup", "--model", "hoefding_tree"], monkeypatch, capsys)
    assert code == 2
    assert "--model: must be one of" in err
    assert "Did you mean hoeffding_tree?" in err
