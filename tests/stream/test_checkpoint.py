"""Checkpoints as bytes and in a store; taking them and recovering from them is in tests/replay/."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operators.snapshot import digest
from stream.checkpoint import Checkpoint, CheckpointStore, decode, encode
from stream.errors import CheckpointError, SetupError

STATE = {
    "model/x": np.arange(12, dtype=np.float32).reshape(3, 4),
    "empty": np.empty((0, 3)),
    "structured": np.array([(1, 2.5)], dtype=[("count", "<i8"), ("mean", "<f8")]),
    "blocks": np.zeros(2, dtype=[("sums", "<f8", (3,))]),
    "count": 7,
    "rate": 0.1,
    "on": True,
    "name": "ü",
}
CHECKPOINT = Checkpoint("app", 3, "abc", 42, {"f": 10, "l": 20}, 42, STATE)


def test_bytes_come_back_as_they_were() -> None:
    back = decode(encode(CHECKPOINT), "memory")
    assert digest(back.state) == digest(STATE)
    assert replace(back, state={}) == replace(CHECKPOINT, state={})


def test_equal_checkpoints_have_equal_bytes_whatever_the_order_of_names() -> None:
    turned = dict(reversed(STATE.items()))
    assert encode(replace(CHECKPOINT, state=turned)) == encode(CHECKPOINT)


def test_every_damage_is_noticed() -> None:
    data = encode(CHECKPOINT)
    rng = random.Random(1)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        with pytest.raises(CheckpointError, match="checksum must hold"):
            decode(bytes(damaged), "memory")
    for size in (0, 1, 31, 32, len(data) // 2, len(data) - 1):
        with pytest.raises(CheckpointError, match="checksum must hold"):
            decode(data[:size], "memory")


def test_a_store_keeps_the_last_ones_and_gives_the_newest_first(tmp_path: Path) -> None:
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=2)
    for steps in (1, 5, 30):
        store.write(replace(CHECKPOINT, steps=steps))
    found = [decode(data, path).steps for path, data in store.newest_first(3)]
    assert found == [30, 5]
    assert list(store.newest_first(4)) == []
    assert [path.name for path in tmp_path.rglob("*.tmp")] == []


def test_a_leftover_of_a_torn_write_is_not_taken_for_a_checkpoint(tmp_path: Path) -> None:
    store = CheckpointStore(f"file://{tmp_path}", "app", keep=2)
    store.write(CHECKPOINT)
    (tmp_path / "app" / "3" / "000000000000099.checkpoint.tmp").write_bytes(b"half")
    assert [decode(data, path).steps for path, data in store.newest_first(3)] == [42]


def test_a_url_that_nothing_opens_is_refused() -> None:
    with pytest.raises(SetupError, match=r"checkpoint\.store: must be a URL that fsspec opens"):
        CheckpointStore("nonsense://x", "app", 1)


def test_python_objects_are_never_written() -> None:
    with pytest.raises(AssertionError, match="must not hold Python objects"):
        encode(replace(CHECKPOINT, state={"bad": np.array([object()])}))
