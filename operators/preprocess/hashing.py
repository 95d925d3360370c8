"""Keys and texts as numbers, by hashes that are the same in every process and on every machine."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

KEY_BITS = 53
"""Bits of a key's hash: those that a float64 holds, so that a key can wait in a row of numbers."""

_MISSING = bytes(8)
_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"\s+")


def hash_key(text: str) -> float:
    """Return the first 53 bits of a text's BLAKE2b hash.

    Two of a million keys have the same hash with a probability of 0.006 %; they then share their
    state.

    Examples
    --------
    >>> hash_key("card 7") == hash_key("card 7"), hash_key("card 7") == hash_key("card 8")
    (True, False)
    """
    return float(hash_keys([text])[0])


def hash_keys(texts: Iterable[str | None]) -> NDArray[np.float64]:
    """Hash each text by `hash_key`; None is NaN."""
    digests = [
        _MISSING if text is None else blake2b(text.encode(), digest_size=8).digest()
        for text in texts
    ]
    hashes = np.frombuffer(b"".join(digests), dtype=">u8") >> (64 - KEY_BITS)
    keys = hashes.astype(np.float64)
    keys[[digest is _MISSING for digest in digests]] = np.nan
    return keys


class NgramHasher:
    """Counts of hashed n-grams [1]_.

    Parameters
    ----------
    analyzer
        `word`: n-grams of words, runs of letters, digits and `_`. `char`: of characters, with
        white space as single spaces and none at the ends.
    ngram_range
        Shortest and longest n-gram.
    buckets
        Columns. An n-gram belongs to bucket CRC-32 modulo `buckets` of its UTF-8 bytes.
    binary
        Whether a bucket is 1 however often one of its n-grams occurs.
    lowercase
        Whether case is ignored.
    characters_max
        Characters looked at; the rest of a text is not.

    Notes
    -----
    Stateless. O(characters_max * lengths of n-grams) a text.

    Examples
    --------
    >>> hasher = NgramHasher("word", (1, 2), buckets=4)
    >>> hasher(["not good, not bad", None]).sum(axis=1).tolist()
    [7.0, nan]

    References
    ----------
    .. [1] Weinberger et al., 2009, Feature hashing for large scale multitask learning, ICML.
    """

    def __init__(
        self,
        analyzer: str,
        ngram_range: tuple[int, int],
        *,
        buckets: int,
        binary: bool = False,
        lowercase: bool = True,
        characters_max: int = 4096,
    ) -> None:
        self._split: Callable[[str], list[str]] = _words if analyzer == "word" else _characters
        self._join = " ".join if analyzer == "word" else "".join
        self._lengths = range(ngram_range[0], ngram_range[1] + 1)
        self._buckets = buckets
        self._binary = binary
        self._lowercase = lowercase
        self._characters_max = characters_max

    def __call__(self, texts: Sequence[str | None]) -> NDArray[np.float64]:
        """Return (n_texts, buckets) float64; a row of NaN for None."""
        counts = np.zeros((len(texts), self._buckets))
        for row, text in enumerate(texts):
            if text is None:
                counts[row] = np.nan
                continue
            for bucket, count in self._count(text).items():
                counts[row, bucket] = count
        return np.minimum(counts, 1.0) if self._binary else counts

    def _count(self, text: str) -> Counter[int]:
        text = text[: self._characters_max]
        tokens = self._split(text.lower() if self._lowercase else text)
        return Counter(
            zlib.crc32(self._join(tokens[start : start + length]).encode()) % self._buckets
            for length in self._lengths
            for start in range(len(tokens) - length + 1)
        )


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _characters(text: str) -> list[str]:
    return list(_SPACE.sub(" ", text).strip())
