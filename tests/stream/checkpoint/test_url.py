"""A store's URL: what opens it, and that its secrets are never shown."""

from __future__ import annotations

import importlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.checkpoint.url import masked, open_filesystem, reason
from stream.errors import SetupError, StoreUnavailableError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("file://.driftgate/checkpoints", "file://.driftgate/checkpoints"),
        ("/plain/path", "/plain/path"),
        ("s3://bucket/a@b/c=d", "s3://bucket/a@b/c=d"),
        ("s3://key:secret@bucket/x", "s3://***@bucket/x"),
        ("sftp://token@host/x", "sftp://***@host/x"),
        ("ftp://u:p/a@s@host/x", "ftp://***@host/x"),
        ("s3://b/x?key=K&secret=S", "s3://b/x?key=***&secret=***"),
        ("https://u:p@h/x?sig=a%2Fb==#f", "https://***@h/x?sig=***#f"),
        ("simplecache::s3://k:s@b/x", "simplecache::s3://***@b/x"),
    ],
)
def test_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


SECRET = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=4, max_size=20)


@given(SECRET.map("NAME{}".format), SECRET.map("PASS{}".format), SECRET.map("TOKEN{}".format))
def test_no_secret_is_in_what_is_shown(name: str, password: str, token: str) -> None:
    url = f"s3://{name}:{password}@bucket/folder?token={token}"
    said = [masked(url), reason(ValueError(f"{url}; {password!r} of {name}, {token}"), url)]
    for text in said:
        assert not any(secret in text for secret in (name, password, token))
    assert masked(url) == "s3://***@bucket/folder?token=***"


def test_a_reason_is_one_line_and_not_endless() -> None:
    assert reason(OSError("a\n  b"), "memory://") == "OSError: a b"
    assert reason(KeyError(), "memory://") == "KeyError"
    assert len(reason(OSError("x" * 5000), "memory://")) == 300


@pytest.mark.parametrize(
    ("url", "package", "remedy"),
    [
        ("s3://k:s3cret@b/x", "s3fs", "pip install 'driftgate[s3]'"),
        ("s3a://b/x", "s3fs", "pip install 'driftgate[s3]'"),
        ("gs://b/x", "gcsfs", "pip install 'driftgate[gcs]'"),
        ("gcs://b/x", "gcsfs", "pip install 'driftgate[gcs]'"),
        ("adl://b/x", "adlfs", "adlfs"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, url: str, package: str, remedy: str
) -> None:
    registry = importlib.import_module("fsspec.registry")  # `fsspec.registry` is a view of its own
    for protocol in ("s3", "s3a", "gs", "gcs", "adl"):
        monkeypatch.delitem(registry._registry, protocol, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SetupError) as caught:
        open_filesystem(url)
    assert str(caught.value).startswith("checkpoint.store: the package that opens ")
    assert remedy in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_url_that_nothing_opens_is_refused() -> None:
    with pytest.raises(SetupError, match=r"checkpoint\.store: must be a URL that fsspec opens"):
        open_filesystem("nonsense://u:s3cret@x")


def test_a_filesystem_that_connects_at_once_and_cannot() -> None:
    with pytest.raises(StoreUnavailableError, match=r"^ftp://\*\*\*@127\.0\.0\.1:1/x: store must"):
        open_filesystem("ftp://bob:s3cret@127.0.0.1:1/x")
