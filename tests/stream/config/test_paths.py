"""Paths into a record: written and read back, for names of any kind; what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stream.config.paths import (
    PATH_PATTERN,
    FieldPath,
    IdPath,
    column_of,
    is_path,
    names_of,
    path_of,
)

NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1)


@given(NAMES)
def test_a_path_says_its_names(names: list[str]) -> None:
    path = path_of(names)
    assert re.fullmatch(PATH_PATTERN, path)
    assert TypeAdapter(FieldPath).validate_python(path) == path
    assert names_of(path) == tuple(names)
    assert column_of(path) == ".".join(names)
    assert is_path(path)


def test_plain_names_need_no_brackets() -> None:
    assert path_of(["weather", "wind-gust"]) == "$.weather.wind-gust"
    assert TypeAdapter(FieldPath).validate_python('$["weather"]["\\u0061"]') == "$.weather.a"


@pytest.mark.parametrize(
    "text",
    ["", "$", "a", "$.", "$.a b", "$[a]", '$["a]', '$["a"', "$['a']", '$.a["b"]x', '$["\n"]'],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(FieldPath).validate_python(text)


@pytest.mark.parametrize("text", ["$key", "$offset", "$.a", '$["a b"]'])
def test_what_names_an_event(text: str) -> None:
    assert TypeAdapter(IdPath).validate_python(text) == text
    assert is_path(text) == (text not in ("$key", "$offset"))
