"""`driftgate models`: what there is to choose from."""

from __future__ import annotations

import inspect
import json
from typing import Any

from rich.console import Console
from rich.markup import escape

from operators.catalog import LEARNERS, RIVER, find_learner, parameters
from operators.rehearsal import is_classifier


def list_models(as_machine: bool) -> None:
    """Print each model of the catalogue: its name, its first words, its parameters."""
    models = [_described(name) for name in sorted(LEARNERS)]
    if as_machine:
        print(json.dumps({"models": models}))
        return
    console = Console(highlight=False, soft_wrap=True)
    for model in models:
        console.print(f"[bold]{model['name']}[/]  [dim]{model['target']}[/]")
        console.print(f"  {escape(model['summary'])}")
        pairs = [f"{name}={json.dumps(value)}" for name, value in model["params"].items()]
        console.print(f"  [dim]{escape(', '.join(pairs))}[/]\n")
    console.print(f"[bold]{RIVER}PATH[/]  [dim]classification, regression[/]")
    console.print(
        "  Any estimator of river by its import path, such as river:naive_bayes.GaussianNB."
    )


def _described(name: str) -> dict[str, Any]:
    factory = find_learner(name)
    summary = (inspect.getdoc(factory) or "").partition("\n\n")[0]
    return {
        "name": name,
        "target": "classification" if is_classifier(name) else "regression",
        "summary": " ".join(summary.split()).replace(" [1]_", ""),
        "params": {key: value.default for key, value in parameters(factory).items()},
    }
