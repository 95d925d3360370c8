"""Track: how often monitors are wrong when nothing has changed, and how late when something has.

Run with `python -m tests.bench.monitor_calibration`, or with names behind it: of the parts `size`,
`false_alarms`, `dependence`, `discoveries`, `delays`, `cost`, and of monitors. It prints the
figures of docs/monitors.md; each part takes some minutes. `RUNS` in the environment scales the
repeats.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from operators.catalog import MONITORS, create_monitor
from operators.monitors.base import Finding
from tests.bench.null_streams import STEADY, autocorrelated, one_factor, space_of, steady

Floats = NDArray[np.float64]

ONE_DECISION = ("chi_square", "jensen_shannon", "ks", "psi", "wasserstein")
SCALE = float(os.environ.get("RUNS", "1"))
LONG = 100_000
AT_5_PERCENT = {"control": "spending", "alpha": 0.05 * math.pi**2 / 6.0}
"""The first test is then made at a level of 5 %."""


def runs(count: int) -> range:
    return range(max(round(count * SCALE), 2))


def numbers(count: int) -> Space:
    return Space(tuple(Feature(f"x{j}") for j in range(count)), n_classes=0)


def first_test(name: str, x: Floats, space: Space, params: dict[str, Any]) -> list[Finding]:
    """Findings of the first test at 5 %, of rows that are just one reference and one window."""
    return create_monitor(name, space, {**AT_5_PERCENT, **params}).watch(x)


def size_of(name: str, kind: str, params: dict[str, Any], count: int = 2_000) -> float:
    """Share of steady windows found changed at 5 %, each beside a reference of its own."""
    rows, space = params["reference_size"] + params["window"], space_of([kind])
    wrong = 0
    for seed in runs(count):
        x = STEADY[kind](np.random.default_rng(seed), rows)[:, None]
        wrong += bool(first_test(name, x, space, params))
    return wrong / len(runs(count))


def size(names: list[str]) -> None:
    print("\nSize at 5 %, 2,000 steady windows each, in per cent\n")
    settings = [(2_000, 500), (1_000, 200), (1_000, 1_000), (5_000, 500)]
    heads = " | ".join(f"{old:,} / {now:,}" for old, now in settings)
    print(f"| test | feature | bins | {heads} |\n|---|---|---|{'---|' * len(settings)}")
    cases = [("psi", "normal", bins) for bins in (5, 10, 20)]
    cases += [("psi", "lognormal", 10), ("psi", "counts", 10), ("psi", "category", 0)]
    cases += [("jensen_shannon", "normal", 10), ("chi_square", "normal", 10)]
    cases += [(name, kind, 50) for name in ("ks", "wasserstein") for kind in ("normal", "cauchy")]
    cases += [("ks", "counts", 50), ("wasserstein", "counts", 50), ("mmd", "normal", 0)]
    for name, kind, bins in cases:
        if name not in names:
            continue
        shown = []
        for old, now in settings:
            params = {"reference_size": old, "window": now, **({"bins": bins} if bins else {})}
            shown.append(f"{100 * size_of(name, kind, params):.1f}")
        print(f"| `{name}` | {kind} | {bins or ''} | {' | '.join(shown)} |", flush=True)


def alarms_of(
    name: str,
    draw: Callable[[np.random.Generator, int], Floats],
    space: Space,
    params: dict[str, Any],
    count: int,
) -> list[list[Finding]]:
    """Findings of runs of 100,000 rows."""
    found = []
    for seed in runs(count):
        x = draw(np.random.default_rng(1_000 + seed), LONG)
        found.append(create_monitor(name, space, params).watch(x))
    return found


def moments(findings: list[Finding]) -> int:
    """Times at which anything was found."""
    return len({f.index for f in findings})


def false_alarms(names: list[str]) -> None:
    count = len(runs(100))
    print(f"\nFalse alarms in {count} runs of 100,000 rows, by default, ten unlike features\n")
    print("| test | setting | alarms per 100,000 rows | runs with any | most in a run | features |")
    print("|---|---|---|---|---|---|")
    for name in names:
        others: list[dict[str, Any]] = [{"control": "spending"}, {"reference": "rolling"}]
        for params in [{}, *(others if name in ("psi", "ks") else [])]:
            found = alarms_of(name, steady, space_of(list(STEADY)), params, 100)
            times = [moments(findings) for findings in found]
            columns = sorted(
                {list(STEADY)[f.column] for one in found for f in one if f.column >= 0}
            )
            setting = ", ".join(f"`{v}`" for v in params.values()) or "default"
            print(
                f"| `{name}` | {setting} | {sum(times) / len(times):.2f} "
                f"| {sum(t > 0 for t in times)} | {max(times)} | {', '.join(columns)} |",
                flush=True,
            )


def dependence(names: list[str]) -> None:
    print("\nFalse alarms in 100,000 rows that hang on those before them, AR(1), ten features\n")
    print("| test | 0.2 | 0.5 | 0.9 | 0.9, `every: 50` |\n|---|---|---|---|---|")
    for name in names:
        shown = []
        for phi, every in ((0.2, 1), (0.5, 1), (0.9, 1), (0.9, 50)):

            def draw(rng: np.random.Generator, n: int, phi: float = phi) -> Floats:
                return autocorrelated(rng, n, 10, phi)

            params = {"every": every}
            if every > 1 and name != "betting":
                params |= {"reference_size": 600, "window": 200}
            found = alarms_of(name, draw, numbers(10), params, 10)
            shown.append(f"{np.mean([moments(findings) for findings in found]):.1f}")
        print(f"| `{name}` | {' | '.join(shown)} |", flush=True)


def discovered(
    name: str, shifted: int, rho: float, seed: int, n_features: int = 200
) -> tuple[float, float]:
    """Share of false ones among what is found at 5 %, and share of the shifted that is found."""
    x = one_factor(np.random.default_rng(seed), 2_500, n_features, rho)
    x[2_000:, :shifted] += 0.2
    columns = {f.column for f in first_test(name, x, numbers(n_features), {})}
    wrong = sum(column >= shifted for column in columns)
    return wrong / max(len(columns), 1), (len(columns) - wrong) / max(shifted, 1)


def discoveries(names: list[str]) -> None:
    print(
        "\nFalse discoveries at 5 % among 200 features, some shifted by 0.2 deviations, in per cent"
    )
    print("(found: share of the shifted ones)\n")
    print("| test | correlation | none shifted | 20 shifted (found) | 100 shifted (found) |")
    print("|---|---|---|---|---|")
    for name in sorted({*names} & {*ONE_DECISION}):
        for rho in (0.0, 0.5):
            shown = []
            for shifted in (0, 20, 100):
                each = [discovered(name, shifted, rho, seed) for seed in runs(100)]
                false, true = (100 * float(np.mean(part)) for part in zip(*each, strict=True))
                shown.append(f"{false:.1f}" + (f" ({true:.0f})" if shifted else ""))
            print(f"| `{name}` | {rho} | {' | '.join(shown)} |", flush=True)


CHANGES: dict[str, tuple[str, Callable[[Floats, np.random.Generator], Floats]]] = {
    "mean + 0.25": ("normal", lambda x, rng: x + 0.25),
    "mean + 0.5": ("normal", lambda x, rng: x + 0.5),
    "mean + 1": ("normal", lambda x, rng: x + 1.0),
    "spread x 1.25": ("normal", lambda x, rng: x * 1.25),
    "1 % in the tail": ("normal", lambda x, rng: np.where(rng.random(len(x)) < 0.01, 8.0, x)),
    "30 % to 40 %": ("two_kinds", lambda x, rng: np.where(rng.random(len(x)) < 1 / 7, 1.0, x)),
    "a new 2 %": ("category", lambda x, rng: np.where(rng.random(len(x)) < 0.02, 35.0, x)),
    "gaps 5 % to 10 %": ("gaps", lambda x, rng: np.where(rng.random(len(x)) < 0.0526, np.nan, x)),
}
AFTER = 20_000


def delay(name: str, change: str, at: int, seed: int, params: dict[str, Any]) -> int | None:
    """Rows from a change of one of ten features to its finding; None if it is missed."""
    kind, altered = CHANGES[change]
    rng = np.random.default_rng(seed)
    at += int(rng.integers(0, 500))  # anywhere between two tests
    x = rng.normal(size=(at + AFTER, 10))
    x[:, 0] = STEADY[kind](rng, len(x))
    x[at:, 0] = altered(x[at:, 0], rng)
    others = [Feature(f"x{j}") for j in range(9)]
    space = Space((*space_of([kind]).features, *others), n_classes=0)
    late = [f.index - at for f in create_monitor(name, space, params).watch(x) if f.column < 1]
    return next((rows for rows in late if rows >= 0), None)


def delays(names: list[str]) -> None:
    print(
        "\nRows from a change of one of ten features to its finding, median of 20 (found in 20,000)"
    )
    settings: list[tuple[int, dict[str, Any]]] = [
        (10_000, {}),
        (10_000, {"control": "spending"}),
        (90_000, {"control": "spending"}),
        (10_000, {"reference": "rolling"}),
    ]
    for at, params in settings:
        setting = ", ".join(f"`{v}`" for v in params.values()) or "default"
        print(f"\nChange after {at:,} rows, {setting}\n")
        print(f"| test | {' | '.join(CHANGES)} |\n|---|{'---|' * len(CHANGES)}")
        for name in sorted({*names} & {"psi", "ks"}) if params else names:
            shown = []
            for change in CHANGES:
                found = [delay(name, change, at, seed, params) for seed in runs(20)]
                late = [rows for rows in found if rows is not None]
                share = f" ({100 * len(late) / len(found):.0f} %)" if len(late) < len(found) else ""
                shown.append(
                    f"{median(late):,.0f}{share}" if 2 * len(late) > len(found) else f"-{share}"
                )
            print(f"| `{name}` | {' | '.join(shown)} |", flush=True)


def cost(names: list[str]) -> None:
    print("\nRows per CPU second in batches of 500, and memory (snapshot) of each feature\n")
    print("| test | 10 numbers | 200 numbers | bytes a feature, `fixed` | `rolling` |")
    print("|---|---|---|---|---|")
    for name in names:
        shown = []
        for n_features in (10, 200):
            x = np.random.default_rng(1).normal(
                size=(max(400_000 // n_features, 20_000), n_features)
            )
            monitors = [create_monitor(name, numbers(n_features), {}) for _ in range(2)]
            monitors[0].watch(x[:5_000])  # compiles
            start = process_time()
            for at in range(0, len(x), 500):
                monitors[1].watch(x[at : at + 500])
            shown.append(f"{len(x) / (process_time() - start):,.0f}")
        for params in [{}] if name == "betting" else [{}, {"reference": "rolling"}]:
            state = create_monitor(name, numbers(100), params).snapshot()
            shown.append(f"{sum(np.asarray(value).nbytes for value in state.values()) / 100:,.0f}")
        print(f"| `{name}` | {' | '.join(shown)} |", flush=True)


PARTS: dict[str, Callable[[list[str]], None]] = {
    "size": size,
    "false_alarms": false_alarms,
    "dependence": dependence,
    "discoveries": discoveries,
    "delays": delays,
    "cost": cost,
}


def main(names: list[str]) -> None:
    for part in [name for name in names if name in PARTS] or PARTS:
        PARTS[part]([name for name in names if name in MONITORS] or [*MONITORS])


if __name__ == "__main__":
    main(sys.argv[1:])
