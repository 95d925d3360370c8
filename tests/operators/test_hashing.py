"""Hashes of keys and n-grams: the same everywhere, against a plain count; bounded."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.preprocess.hashing import NgramHasher, hash_key, hash_keys

ROOT = Path(__file__).parents[2]


def test_a_key_has_the_same_hash_for_ever() -> None:
    """Snapshots hold them."""
    assert [hash_key(text) for text in ("", "card-7", "é")] == [
        8044937785282358.0,
        3571363887829496.0,
        7146103782637155.0,
    ]


def test_hashes_do_not_depend_on_the_process() -> None:
    program = (
        "from operators.preprocess.hashing import *;"
        "print(hash_key('card-7'), NgramHasher('word', (1, 2), buckets=16)(['a b c']).tolist())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_keys_are_whole_numbers_that_a_float_holds() -> None:
    keys = hash_keys([*map(str, range(20_000)), None])
    assert np.isnan(keys[-1])
    assert len(np.unique(keys[:-1])) == 20_000
    assert keys[:-1].max() < 2**53
    assert (keys[:-1] == np.floor(keys[:-1])).all()


TEXTS = st.text(st.sampled_from("abAB é_.,\n7"), max_size=30)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.sampled_from([(1, 1), (1, 3), (2, 2)]), st.booleans(), st.sampled_from([2, 64]))
def test_character_ngrams_are_counted(
    text: str, lengths: tuple[int, int], binary: bool, buckets: int
) -> None:
    plain = " ".join(text.lower().split())
    expected = np.zeros(buckets)
    for length in range(lengths[0], lengths[1] + 1):
        for start in range(len(plain) - length + 1):
            expected[zlib.crc32(plain[start : start + length].encode()) % buckets] += 1
    hasher = NgramHasher("char", lengths, buckets=buckets, binary=binary)
    expected = np.minimum(expected, 1) if binary else expected
    np.testing.assert_array_equal(hasher([text])[0], expected)


@pytest.mark.parametrize(
    ("text", "lowercase", "expected"),
    [
        ("No good, bad.", True, ["no", "good", "bad", "no good", "good bad"]),
        ("so so so", True, ["so", "so", "so", "so so", "so so"]),
        ("A  a", False, ["A", "a", "A a"]),
        ("", True, []),
        ("...", True, []),
        ("größe_7", True, ["größe_7"]),
    ],
)
def test_words_and_pairs_of_words_are_counted(
    text: str, lowercase: bool, expected: list[str]
) -> None:
    found = NgramHasher("word", (1, 2), buckets=4096, lowercase=lowercase)([text])[0]
    counted = np.zeros(4096)
    for gram in expected:
        counted[zlib.crc32(gram.encode()) % 4096] += 1
    np.testing.assert_array_equal(found, counted)


def test_what_lies_beyond_the_bound_is_not_looked_at() -> None:
    hasher = NgramHasher("word", (1, 1), buckets=64, characters_max=7)
    np.testing.assert_array_equal(hasher(["one two three"]), hasher(["one two"]))
