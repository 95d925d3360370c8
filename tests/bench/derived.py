"""Track: time of derived features an event, by kind, with 10,000 keys.

Run with `python -m tests.bench.derived`. Events of `--keys` customers, chosen at random, come 10 ms
apart, in steps of `--step`. Each line is one derived feature alone, its key's hash included; `in a
pipeline` is the whole of `FeatureCoder.code`, reading not included. Times are the processor's, the
median over the steps after the first fifth; memory is what the arrays of the state hold when
written.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from time import process_time
from typing import Any

import numpy as np

from operators.tape import test_then_train
from stream.codec.derived import CodingStep
from stream.codec.events import EventReader
from stream.codec.features import FeatureCoder
from stream.codec.target import TargetCoder
from stream.config.pipeline import Config
from stream.log.base import RecordBatch, TopicPartition

HOUR = {"type": "rolling", "by": "card", "window": "1h"}
KINDS: dict[str, dict[str, Any]] = {
    "count": {**HOUR, "function": "count"},
    "mean": {**HOUR, "function": "mean", "of": "amount"},
    "max": {**HOUR, "function": "max", "of": "amount"},
    "distinct": {**HOUR, "function": "distinct", "of": "shop"},
    "lag": {"type": "lag", "of": "amount", "by": "card"},
    "target_mean": {"type": "target_mean", "by": "card"},
    "ratio": {"type": "ratio", "of": ["amount", "other"]},
}
TEXT = {"name": "note", "type": "text"}


def pipeline(derived: list[dict[str, Any]], more: list[dict[str, Any]], keys: int) -> Config:
    """Two numbers and hidden keys, and what is measured."""
    named = [{"name": f"d{number}", **each} for number, each in enumerate(derived)]
    for each in named:
        if each["type"] != "ratio":
            each["keys_max"] = keys
    features = [
        {"name": "amount", "type": "float"},
        {"name": "other", "type": "float"},
        {"name": "card", "type": "key"},
        {"name": "shop", "type": "key"},
        *more,
    ]
    return Config.model_validate(
        {
            "app": "bench",
            "log": {"type": "embedded"},
            "schema": {"features": features, "derived": named},
            "target": {"type": "classification", "path": "$.y", "classes": [0, 1]},
        }
    )


def steps(keys: int, step: int, count: int) -> Iterator[tuple[list[bytes], list[int]]]:
    """Events of random keys, in time."""
    rng = np.random.default_rng(1)
    for number in range(count):
        cards, shops = rng.integers(0, keys, step), rng.integers(0, 500, step)
        amounts = rng.gamma(2.0, 20.0, (step, 2)).round(2)
        yield (
            [
                json.dumps(
                    {"amount": a, "other": b, "card": f"card-{card:08d}", "shop": f"shop-{shop}",
                     "note": "a customer has called about the parcel"}
                ).encode()
                for (a, b), card, shop in zip(amounts.tolist(), cards, shops, strict=True)
            ],
            [10 * (number * step + i) for i in range(step)],
        )  # fmt: skip


def measure(config: Config, keys: int, step: int, count: int) -> tuple[float, float]:
    """Microseconds an event, and megabytes of state."""
    target = TargetCoder(config)
    coder, reader = FeatureCoder(config, target), EventReader(config)
    taken = []
    tape, y = test_then_train(step), np.arange(step, dtype=np.float64) % 2.0
    for values, times in steps(keys, step, count):
        batch = RecordBatch(
            TopicPartition("e", 0), list(range(step)), times, [b"k"] * step, [*values]
        )
        contents = reader.read(batch).contents
        waiting = np.full((step, coder.key_width), np.nan)
        start = process_time()
        coder.code(contents, CodingStep(times, tape, y, waiting))
        taken.append(1e6 * (process_time() - start) / step)
    size = sum(np.asarray(value).nbytes for value in coder.snapshot().values()) / 1e6
    return statistics.median(taken[count // 5 :]), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--step", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=100)
    chosen = parser.parse_args()
    arguments = (chosen.keys, chosen.step, chosen.steps)
    bare, _ = measure(pipeline([], [], chosen.keys), *arguments)
    print("feature,us_an_event,state_mb")
    print(f"two floats alone,{bare:.2f},0.0", flush=True)
    for name, derived in KINDS.items():
        found, size = measure(pipeline([derived], [], chosen.keys), *arguments)
        print(f"{name},{found - bare:.2f},{size:.1f}", flush=True)
    found, _ = measure(pipeline([], [TEXT], chosen.keys), *arguments)
    print(f"text of seven words,{found - bare:.2f},0.0", flush=True)
    found, size = measure(pipeline([*KINDS.values()], [], chosen.keys), *arguments)
    print(f"all seven derived,{found - bare:.2f},{size:.1f}", flush=True)


if __name__ == "__main__":
    main()
