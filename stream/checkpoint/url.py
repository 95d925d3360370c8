"""The checkpoint store's URL: opened by fsspec, and shown without its secrets."""

from __future__ import annotations

import re
from typing import Any

import fsspec
from fsspec.core import split_protocol
from fsspec.registry import known_implementations

from stream.errors import SetupError, StoreUnavailableError

# Names before the host, and values in the query: both are where credentials are put.
_USER = re.compile(r"(?<=://)(?:[^/@?#]*:[^?#]*|[^/@?#]*)(?=@)")
_VALUE = re.compile(r"=([^&#]+)")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
# By themselves s3fs tries a request five times, and its client each of these five times more:
# minutes until a server that is away is called so; gcsfs waits for an answer without end. Here a
# failed write is tried again by the worker, beside its work.
_BOUNDS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 20,
            "retries": {"mode": "standard", "total_max_attempts": 3},
        }
    },
    "gcs": {"requests_timeout": 20},
}
_S3_RETRIES = 1
_REASON_MAX = 300


def masked(url: str) -> str:
    """Return a URL with credentials replaced by asterisks.

    Examples
    --------
    >>> masked("s3://key:secret@bucket/folder?token=abc&sse=kms")
    's3://***@bucket/folder?token=***&sse=***'
    """
    head, mark, query = _USER.sub("***", url).partition("?")
    return head + mark + _VALUE.sub("=***", query)


def reason(error: BaseException, url: str) -> str:
    """Say in one line what a filesystem raised, without the secrets of its URL."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    text = text.replace(url, masked(url))
    for secret in _secrets(url):
        text = text.replace(secret, "***")
    line = " ".join(text.split())
    return line if len(line) <= _REASON_MAX else f"{line[: _REASON_MAX - 3]}..."


def _secrets(url: str) -> list[str]:
    """List what `masked` hides, the parts of a pair of name and password each by itself."""
    _, _, query = url.partition("?")
    users = [part for user in _USER.findall(url) for part in (user, *user.split(":"))]
    found = {secret for secret in [*users, *_VALUE.findall(query)] if len(secret) >= 3}
    return sorted(found, key=len, reverse=True)


def open_filesystem(url: str) -> tuple[Any, str]:
    """Return the filesystem of a URL, and the path in it.

    Raises
    ------
    SetupError
        Nothing opens such a URL, or the package that does is not installed.
    StoreUnavailableError
        The filesystem connects when it is made, and cannot.
    """
    protocol = split_protocol(url)[0] or "file"
    kind = _EXTRAS.get(protocol, "")
    try:
        filesystem, root = fsspec.core.url_to_fs(url, **_bounds(kind))
    except ImportError as error:
        raise SetupError(_missing(protocol, url)) from error
    except ValueError as error:
        raise SetupError(
            f"checkpoint.store: must be a URL that fsspec opens; got {masked(url)!r} "
            f"({reason(error, url)})."
        ) from error
    except Exception as error:
        raise StoreUnavailableError(
            f"{masked(url)}: store must be within reach; got {reason(error, url)}."
        ) from error
    if kind == "s3":
        filesystem.retries = _S3_RETRIES
    return filesystem, str(root)


def _bounds(kind: str) -> dict[str, Any]:
    """Bound waits and retries, but for what the user has put into fsspec's configuration."""
    given = fsspec.config.conf.get(kind, {})
    return {name: value for name, value in _BOUNDS.get(kind, {}).items() if name not in given}


def _missing(protocol: str, url: str) -> str:
    extra = _EXTRAS.get(protocol)
    known = known_implementations.get(protocol, {}).get("err", "its package is missing")
    remedy = f"Run: pip install 'driftgate[{extra}]'" if extra else known
    return (
        f"checkpoint.store: the package that opens {protocol}:// must be installed; "
        f"got {masked(url)!r} without it. {remedy}."
    )
