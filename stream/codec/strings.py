"""Lists of strings as arrays, so that a snapshot needs neither objects nor pickles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import Scalar, State


def pack_strings(strings: Sequence[str]) -> State:
    r"""Write strings as their UTF-8 bytes, one after the other, and their lengths in bytes.

    Examples
    --------
    >>> state = pack_strings(["é", "", "ab"])
    >>> state["lengths"].tolist(), bytes(state["bytes"])
    ([2, 0, 2], b'\xc3\xa9ab')
    """
    encoded = [string.encode() for string in strings]
    return {
        "bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8).copy(),
        "lengths": np.array([len(part) for part in encoded], dtype=np.int64),
    }


def unpack_strings(state: Mapping[str, NDArray[np.generic] | Scalar]) -> list[str]:
    """Read back what `pack_strings` wrote.

    Examples
    --------
    >>> unpack_strings(pack_strings(["é", "", "ab"]))
    ['é', '', 'ab']
    """
    text = np.asarray(state["bytes"], dtype=np.uint8).tobytes()
    ends = np.cumsum(np.asarray(state["lengths"], dtype=np.int64)).tolist()
    return [text[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
