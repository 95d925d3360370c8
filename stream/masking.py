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

_URL_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")
_BEARER = re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]+")
_JSON_WEB_TOKEN = re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.?[\w-]*")


def mask_text(text: str) -> str:
    """Mask passwords in URLs, bearer tokens and JSON Web Tokens.

    Examples
    --------
    >>> mask_text("open s3://key:hunter2@bucket")
    'open s3://key:**********@bucket'
    >>> mask_text("Authorization: Bearer abc.def")
    'Authorization: Bearer **********'
    """
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    return _JSON_WEB_TOKEN.sub(MASK, text)


def mask_value(value: Any) -> Any:
    """Mask plain data as it comes from a file: by the names of keys, and in its text.

    Examples
    --------
    >>> mask_value([{"password": "hunter2", "port": 9092}])
    [{'password': '**********', 'port': 9092}]
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
