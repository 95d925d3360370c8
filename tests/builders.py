"""Builders for tests: pipelines and records, small and plain."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from stream.config.pipeline import Config
from stream.log.base import RecordBatch, TopicPartition

EVENTS = TopicPartition("toy.features", 0)
LABELS = TopicPartition("toy.labels", 0)


def toy_config(**changes: Any) -> Config:
    """Two float features and a category, two closed classes; top-level sections can be replaced."""
    return Config.model_validate(
        {
            "app": "toy",
            "log": {"type": "embedded", "path": ":memory:toy"},
            "schema": {
                "features": [
                    {"name": "a", "type": "float"},
                    {"name": "b", "type": "float", "missing": True},
                    {"name": "c", "type": "category"},
                ]
            },
            "target": {"type": "classification", "path": "$.y", "classes": ["no", "yes"]},
            "model": {"name": "hoeffding_tree"},
            "checkpoint": {"store": "memory://toy"},
            **changes,
        }
    )


def event(a: float = 0.5, b: float | None = 1.0, c: str = "x", **more: Any) -> bytes:
    """A toy event's bytes."""
    return msgspec.json.encode({"a": a, "b": b, "c": c, **more})


def batch(
    source: TopicPartition,
    values: Sequence[bytes | None],
    *,
    keys: Sequence[bytes | None] | None = None,
    timestamps: Sequence[int] | None = None,
    first: int = 0,
) -> RecordBatch:
    """A batch with offsets from `first` on; keys and times count up unless they are given."""
    count = len(values)
    return RecordBatch(
        source,
        list(range(first, first + count)),
        list(timestamps) if timestamps is not None else [1000 * (first + i) for i in range(count)],
        list(keys) if keys is not None else [b"e%d" % (first + i) for i in range(count)],
        list(values),
    )


def cut(whole: RecordBatch, size: int) -> list[RecordBatch]:
    """The same records in batches of at most `size`."""
    columns = (whole.offsets, whole.timestamps, whole.keys, whole.values)
    return [
        RecordBatch(whole.source, *(column[start : start + size] for column in columns))
        for start in range(0, len(whole), size)
    ]


def stream(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Records whose concept turns round in the middle; some faulty, some repeated, some missing."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        a, b = rng.random(), rng.gauss(0, 1)
        wanted = (a > 0.5) != (number > count // 2)
        label = wanted if rng.random() < 0.9 else not wanted
        made.append(
            {
                "id": f"e{number if rng.random() > 0.01 else number // 2}",
                "a": a if rng.random() > 0.01 else "warm",
                "b": None if rng.random() < 0.05 else b,
                "c": rng.choice("pqrstuvw"),
                "y": ("yes" if label else "no") if rng.random() > 0.02 else None,
            }
        )
    return made
