"""Elements: whatever text goes in comes out as that text. Pages: test_pages.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.report.html import Html, element, join, text
from tests.stream.report.samples import Page

# A parser makes one kind of line end of all, and reads no control characters.
texts = st.text(st.characters(exclude_categories=("Cc", "Cs")))


@given(texts)
def test_content_and_attributes_are_read_back_as_they_were(words: str) -> None:
    page = Page(element("p", words, title=words))
    assert page.faults == []
    assert "".join(page.words) == words
    assert page.attributes == [("p", {"title": words})]


def test_what_is_html_stays_and_what_is_not_is_escaped() -> None:
    inner = element("b", "&amp;")
    assert element("p", inner, "<i>", 3) == "<p><b>&amp;amp;</b>&lt;i&gt;3</p>"
    assert text(Html("<br/>")) == "<br/>"
    assert join(["<", inner]) == "&lt;<b>&amp;amp;</b>"


def test_a_lone_surrogate_can_be_written() -> None:
    assert text("caf\udce9").encode() == b"caf\\udce9"
