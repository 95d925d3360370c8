"""Takes secrets out of text that is shown: what looks like a password or a token is masked.

The last line of defence: nothing should put a secret into a message in the first place.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "**********"

SECRET_KEY = re.compile(
    r"passw(or)?d|secret|token|credential|api_?key|private_?key|authorization", re.IGNORECASE
)
"""Names of what is secret."""

_NAME = r"(?:passw(?:or)?d|secret|token|credential|api_?key|private_?key|\bsig|signature|\bpwd)"
# What a text must hold for a pattern to be tried, the pattern, and what is shown in its place.
# Lengths are bounded so that a long line takes time in proportion to its length.
_PATTERNS = (
    # user:password@ of a URL or of a part of one: the user stays. A password may hold slashes.
    (
        "@",
        re.compile(r"(?<![^\s/@:,\"'`<>])([^\s/@:,\"'`<>]{0,256}):(?!//)[^\s\"'`<>]{1,256}@"),
        rf"\1:{MASK}@",
    ),
    # A URL's user alone, which may be a token.
    ("@", re.compile(r"(?<=://)[^\s/@:\"'`<>]{1,2048}@"), f"{MASK}@"),
    # name=value, of a URL's query or of settings that a library shows.
    (
        "=",
        re.compile(
            rf"(?i)({_NAME}[\w-]{{0,64}}=)"
            r"(\"[^\"]{1,2048}\"|'[^']{1,2048}'|[^\s&,;\"'`)\]}]{1,2048})"
        ),
        rf"\1{MASK}",
    ),
    (" ", re.compile(r"(?i)(\bbearer\s{1,8})[\w.~+/=-]+"), rf"\1{MASK}"),
    # A JSON Web Token.
    ("eyJ", re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.?[\w-]*"), MASK),
)


def mask_text(text: str) -> str:
    """Mask passwords in URLs and settings, bearer tokens and JSON Web Tokens.

    Examples
    --------
    >>> mask_text("open s3://key:hunter2@bucket?sig=abc")
    'open s3://key:**********@bucket?sig=**********'
    >>> mask_text("Authorization: Bearer abc.def")
    'Authorization: Bearer **********'
    """
    for needed, pattern, shown in _PATTERNS:
        if needed in text:
            text = pattern.sub(shown, text)
    return text


def mask_value(value: Any) -> Any:
    """Mask plain data as it comes from a file: by the names of keys, and in its text.

    Examples
    --------
    >>> mask_value([{"password": "hunter2", "port": 9092}, "user:hunter2@broker"])
    [{'password': '**********', 'port': 9092}, 'user:**********@broker']
    """
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {
            key: MASK if SECRET_KEY.search(str(key)) else mask_value(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask_value(item) for item in value]
    return value
