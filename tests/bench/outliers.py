"""What wild values cost each model: python -m tests.bench.outliers [MODEL ...]

4,000 records of a column of 0 to 1, which decides the class (or, with another, makes the target),
and of noise. A value of 1e6 is put into that column at record 1,000, at record 10, or at each tenth
one from 1,000 to 1,200; or into the target at record 1,000. Then: the share of right predictions
from record 1,200 on, or the median of their absolute errors.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from operators.catalog import LEARNERS, create_learner
from operators.rehearsal import is_classifier
from operators.tape import Rows, test_then_train

Array = NDArray[np.float64]

N, JUDGED = 4_000, 1_200
WILD = 1e6
PLACES = {"one": [1_000], "an early one": [10], "20 of 200": list(range(1_000, 1_200, 10))}


def data() -> tuple[Array, Array, Array]:
    """Features, classes, values."""
    rng = np.random.default_rng(7)
    x = np.column_stack([rng.random(N), rng.normal(size=N)])
    classes = (x[:, 0] > 0.5).astype(np.float64)
    return x, classes, 3 * x[:, 0] + x[:, 1] + 0.1 * rng.normal(size=N)


def score(name: str, x: Array, y: Array, truth: Array) -> float:
    """Accuracy, or the median of absolute errors, of the records judged."""
    n_classes = 2 if is_classifier(name) else 0
    space = Space((Feature("a"), Feature("b")), n_classes, ("no", "yes")[:n_classes])
    model = create_learner(name, space, 1, {})
    output = np.full((N, space.n_outputs), np.nan)
    rows = Rows(x, y, output, np.full((N, model.trace_width), np.nan))
    model.run(test_then_train(N), rows)
    if n_classes:
        return float((output.argmax(axis=1) == truth)[JUDGED:].mean())
    return float(np.median(np.abs(output[:, 0] - truth)[JUDGED:]))


def wild(values: Array, places: list[int]) -> Array:
    """The same with wild values in the first column, or in the only one."""
    changed = values.copy()
    changed.reshape(N, -1)[places, 0] = WILD
    return changed


def main() -> None:
    """Print a table."""
    x, classes, values = data()
    print(f"| model | none | {' | '.join(PLACES)} | one in the target |\n|---|---|---|---|---|---|")
    for name in sys.argv[1:] or sorted(LEARNERS):
        y = classes if is_classifier(name) else values
        found = [score(name, x, y, y)]
        found += [score(name, wild(x, places), y, y) for places in PLACES.values()]
        if not is_classifier(name):
            found.append(score(name, x, wild(y, PLACES["one"]), y))
        cells = [f"{each:.3f}" for each in found] + [""] * (5 - len(found))
        print(f"| `{name}` | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
