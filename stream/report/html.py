"""HTML and SVG elements as text. Whatever is not `Html` already is escaped where it goes in."""

from __future__ import annotations

import re
from html import escape
from typing import Final

_VOID: Final = frozenset({"br", "wbr", "meta", "circle", "line", "path", "rect"})
"""Elements without an end tag; those of SVG are closed by a slash."""


class Html(str):
    """Text that is HTML already, and goes into a page as it is."""

    __slots__ = ()


def text(value: object) -> Html:
    """Escape a value, for content and for attributes alike.

    Examples
    --------
    >>> text("<script>&")
    '&lt;script&gt;&amp;'
    """
    if isinstance(value, Html):
        return value
    # A lone surrogate, as a damaged file may have it, cannot be written in UTF-8.
    readable = str(value).encode("utf-8", "backslashreplace").decode()
    return Html(escape(readable))


def element(tag: str, /, *content: object, **attributes: object) -> Html:
    """Write an element.

    Parameters
    ----------
    tag
        Its name.
    content
        Elements, and values that are escaped.
    attributes
        By name: one underscore at the end is dropped (`class_`), others become hyphens; None
        leaves an attribute out.

    Examples
    --------
    >>> element("p", "1 < 2", element("br"), class_="note")
    '<p class="note">1 &lt; 2<br/></p>'
    """
    written = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID and not content:
        return Html(f"<{tag}{written}/>")
    return Html(f"<{tag}{written}>{join(content)}</{tag}>")


def code(name: object) -> Html:
    """Write a name as a name; a long one may be broken behind its underscores and commas.

    Examples
    --------
    >>> code("naive_bayes")
    '<code>naive_<wbr/>bayes</code>'
    """
    pieces = re.split(r"(?<=[_,:{])", str(name))
    parts = [part for piece in pieces for part in (element("wbr"), piece)]
    return element("code", *parts[1:])


def join(parts: object) -> Html:
    """Write parts one after the other."""
    assert isinstance(parts, list | tuple)
    return Html("".join(text(part) for part in parts))
