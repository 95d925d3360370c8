"""Checkpoints as bytes, whole and damaged; in a store: test_store.py.

Those of released versions are in tests/golden/. Recovering from them is in tests/replay/.
"""

from __future__ import annotations

import hashlib
import json
import random
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.snapshot import digest
from stream.checkpoint.format import Checkpoint, decode, encode
from stream.errors import CheckpointError

STATE = {
    "model/x": np.arange(12, dtype=np.float32).reshape(3, 4),
    "empty": np.empty((0, 3)),
    "structured": np.array([(1, 2.5)], dtype=[("count", "<i8"), ("mean", "<f8")]),
    "blocks": np.zeros(2, dtype=[("sums", "<f8", (3,))]),
    "nested": np.zeros(2, dtype=[("inner", [("a", "<i4"), ("b", "|u1", (2, 2))]), ("c", "?")]),
    "names": np.array(["a", "longer"]),
    "count": 7,
    "rate": 0.1,
    "on": True,
    "name": "ü",
}
CHECKPOINT = Checkpoint("app", 3, "abc", 42, {"f": 10, "l": 20}, 42, STATE, "a life", '{"k":1}')
_MAGIC = b"driftgate-checkpoint\n"


def sealed(body: bytes) -> bytes:
    """With its checksum, so that all that a reader can check is what it says."""
    return body + hashlib.sha256(body).digest()


def with_header(header: object, payload: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return sealed(_MAGIC + len(text).to_bytes(8, "little") + text + payload)


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    start = len(_MAGIC) + 8
    size = int.from_bytes(data[len(_MAGIC) : start], "little")
    return json.loads(data[start : start + size]), data[start + size : -32]


def test_bytes_come_back_as_they_were() -> None:
    back = decode(encode(CHECKPOINT), "memory")
    assert digest(back.state) == digest(STATE)
    assert replace(back, state={}) == replace(CHECKPOINT, state={})


def test_equal_checkpoints_have_equal_bytes_whatever_the_order_of_names() -> None:
    turned = dict(reversed(STATE.items()))
    assert encode(replace(CHECKPOINT, state=turned)) == encode(CHECKPOINT)


def test_a_copy_stays_as_it_is() -> None:
    state = {"x": np.arange(3), "n": 1}
    copied = replace(CHECKPOINT, state=state).copied()
    state["x"] += 1  # type: ignore[operator]
    state["n"] = 2
    assert (list(copied.state["x"]), copied.state["n"]) == ([0, 1, 2], 1)  # type: ignore[arg-type]


def test_a_header_without_the_later_fields_is_read() -> None:
    header, payload = parts(encode(CHECKPOINT))
    del header["life"], header["settings"]
    back = decode(with_header(header, payload), "memory")
    assert (back.life, back.settings) == ("", "")
    assert digest(back.state) == digest(STATE)


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


@pytest.mark.parametrize("header", [{"format": 2}, {"format": 2, "arrays": 7}, {"format": -1}])
def test_another_format_is_refused_in_a_line_that_names_both(header: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError) as caught:
        decode(with_header(header), "store/7.checkpoint")
    assert str(caught.value) == (
        f"store/7.checkpoint: format must be 1; got {header['format']}. "
        "Run the version of driftgate that wrote it, or a newer one."
    )


@pytest.mark.parametrize(
    "data",
    [
        sealed(_MAGIC),
        sealed(_MAGIC + b"\xff" * 8),
        with_header(b""),
        with_header(b"{"),
        with_header(b'{"format": 1, "app": "\xff"}'),
        with_header(b"[" * 100_000),
        with_header(b'{"format":' + b"9" * 5000 + b"}"),
        with_header([]),
        with_header({"format": 1}),
        with_header({"format": "1"}),
        with_header({"format": 1.5}),
    ],
    ids=range(11),
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"^memory: header must be that of a checkpoint; "):
        decode(data, "memory")


@pytest.mark.parametrize(
    ("dtype", "shape", "start"),
    [
        ("<f8", [1], 1),
        ("<f8", [2], 0),
        ("<f8", [2**62], 0),
        ("<f8", [2**40, 2**40], 0),
        ("<f8", [0, 2**62, 2**62], 0),
        ("<f8", [-1], 0),
        ("<f8", [1] * 33, 0),
        ("<f8", [1], -8),
        ("<f8", [0], 16),
        ("<f8", [1], 2**63),
        ("<f8", [1.5], 0),
        ("<f8", "8", 0),
        ("|O", [1], 0),
        ("O", [1], 0),
        ("<f8,O", [1], 0),
        ([["a", "|O"]], [1], 0),
        ([["a", [["b", "|O"]]]], [1], 0),
        ("|V0", [2**62], 0),
        ([], [5], 0),
        ([["a", "<f8", [0]]], [2**40], 0),
        ([["a", "|u1", [2**40, 2**40]]], [1], 0),
        ([["a", "<f4"], ["a", "<f4"]], [1], 0),
        ([["a", "<f8", [1], 4]], [1], 0),
        ([["a", "<f8", ["x"]]], [1], 0),
        ([[1, "<f8"]], [1], 0),
        ([7], [1], 0),
        ("nonsense", [1], 0),
        ("<f7", [1], 0),
        ("<M8[Y]", [1], 0),
        (None, [1], 0),
        ({"a": 1}, [1], 0),
        (7, [1], 0),
    ],
)
def test_arrays_that_cannot_be_are_refused(dtype: object, shape: object, start: object) -> None:
    header, _ = parts(encode(replace(CHECKPOINT, state={})))
    header["arrays"] = {"x": {"dtype": dtype, "shape": shape, "start": start}}
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=r"^memory: .*(array 'x'|arrays)"):
        decode(with_header(header, bytes(8)), "memory")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_structured_types_nested_without_end_are_refused() -> None:
    header, _ = parts(encode(replace(CHECKPOINT, state={})))
    dtype: object = "<f8"
    for _ in range(50):
        dtype = [["a", dtype]]
    header["arrays"] = {"x": {"dtype": dtype, "shape": [1], "start": 0}}
    with pytest.raises(CheckpointError, match="nested too deep"):
        decode(with_header(header, bytes(8)), "memory")


@pytest.mark.parametrize(
    "change",
    [
        {"partition": -1},
        {"steps": -1},
        {"offsets": {"f": -1}},
        {"offsets": {"f": None}},
        {"journal_offset": -1},
        {"journal_offset": "1"},
        {"scalars": {"x": None}},
        {"scalars": {"x": [1]}},
        {"life": 7},
        {"settings": {}},
        {"versions": None},
    ],
)
def test_fields_that_cannot_be_are_refused(change: dict[str, Any]) -> None:
    header, payload = parts(encode(CHECKPOINT))
    with pytest.raises(CheckpointError, match="header must be that of a checkpoint"):
        decode(with_header(header | change, payload), "memory")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["", "|O", "<f8", "|u1", "V0", "<U9999999", "<i8,<i8", "life", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "start", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def swapped(value: Any, path: list[int], new: object) -> Any:
    """The same tree with the node that `path` leads to replaced; an end of the path suffices."""
    if not path or not isinstance(value, dict | list) or not value:
        return new
    if isinstance(value, list):
        at = path[0] % len(value)
        return [swapped(v, path[1:], new) if i == at else v for i, v in enumerate(value)]
    key = sorted(value)[path[0] % len(value)]
    return {**value, key: swapped(value[key], path[1:], new)}


def answered(data: bytes) -> None:
    """A checkpoint whose every array can be looked at, or the one error."""
    try:
        checkpoint = decode(data, "memory")
    except CheckpointError:
        return
    assert isinstance(checkpoint.life, str)
    for value in checkpoint.state.values():
        array = np.asarray(value)
        assert not array.dtype.hasobject
        assert array.nbytes <= len(data) + 1000
        assert array.tobytes() is not None


_HEADER, _PAYLOAD = parts(encode(CHECKPOINT))


@settings(max_examples=3000, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(0, 30), max_size=6), JSON), min_size=1, max_size=3))
def test_any_header_is_a_checkpoint_or_the_one_error(changes: list[tuple[list[int], Any]]) -> None:
    header: Any = _HEADER
    for path, new in changes:
        header = swapped(header, path, new)
    answered(with_header(header, _PAYLOAD))


@pytest.mark.parametrize("value", [-(2**63) - 1, 2**64, 10**40])
def test_a_value_of_more_than_64_bits_is_damage(value: int) -> None:
    header = {**_HEADER, "scalars": {**_HEADER["scalars"], "beyond": value}}
    with pytest.raises(CheckpointError, match="value 'beyond' must be of 64 bits; got"):
        decode(with_header(header, _PAYLOAD), "memory")


SIZES = st.sampled_from([-1, 0, 1, 2, 3, 8, 2**31, 2**62, 2**63 - 1])
SHAPES = st.lists(SIZES, max_size=4)
PLAIN = st.builds(
    "{}{}{}".format,
    st.sampled_from(["<", ">", "|", "=", ""]),
    st.sampled_from("?biufcSUVOMm"),
    st.sampled_from([0, 1, 2, 4, 8, 16, 999_999, 2**31]),
)
DTYPES = st.recursive(
    PLAIN,
    lambda inner: st.lists(
        st.tuples(st.sampled_from("ab") | st.just(""), inner)
        | st.tuples(st.sampled_from("ab"), inner, SHAPES),
        max_size=3,
    ),
    max_leaves=5,
)


@settings(max_examples=3000, deadline=None)
@given(DTYPES, SHAPES, SIZES)
def test_any_array_is_within_the_bytes_or_the_one_error(
    dtype: object, shape: list[int], start: int
) -> None:
    array = {"dtype": dtype, "shape": shape, "start": start}
    answered(with_header({**_HEADER, "arrays": {"x": array}}, _PAYLOAD))


@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_mutated_bytes_are_a_checkpoint_or_the_one_error(seed: int) -> None:
    rng = random.Random(seed)
    body = encode(CHECKPOINT)[:-32]
    head = body[: len(body) - len(_PAYLOAD)].rstrip(b" ")
    for _ in range(2500):
        data = bytearray(body)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(_MAGIC), len(head))
            match rng.randrange(5):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    data[at] = rng.choice(b'{}[]",:-0129eE.tfn|<O')
                case 2:
                    del data[at : at + rng.randint(1, 9)]
                case 3:
                    data[at:at] = bytes(rng.choices(b'0123456789[]{}",-', k=rng.randint(1, 20)))
                case _:
                    other = rng.randrange(len(_MAGIC), len(head))
                    data[at : at + 8] = body[other : other + 8]
        if rng.random() < 0.5:
            answered(sealed(bytes(data)))
        else:  # the header's length put right, so that its contents are reached
            text = bytes(data[len(_MAGIC) + 8 : len(data) - len(_PAYLOAD)])
            answered(with_header(text, _PAYLOAD))


def test_python_objects_are_never_written() -> None:
    with pytest.raises(AssertionError, match="must not hold Python objects"):
        encode(replace(CHECKPOINT, state={"bad": np.array([object()])}))


def test_numbers_that_json_does_not_have_are_never_written() -> None:
    with pytest.raises(AssertionError, match="bad must be finite"):
        encode(replace(CHECKPOINT, state={"bad": float("nan")}))
