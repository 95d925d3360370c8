"""A page's frame: head, style, and how it was made. Nothing in it is fetched from anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from stream.config.masking import mask_text, mask_value
from stream.report.html import Html, element, join
from stream.report.origin import Origin
from stream.report.style import style_sheet

# The browser itself then refuses whatever would leave the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_SETTINGS_MAX = 50_000
"""Characters; a vocabulary alone may have more than a page should."""


def page(
    title: str, body: Sequence[Html], origin: Origin, digests: Sequence[tuple[str, str]]
) -> str:
    """Write a whole page.

    Parameters
    ----------
    body
        What stands in it, headline included.
    digests
        Names and values that say whether another run came to the same.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=f"driftgate {origin.version}"),
        element("title", title),
        element("style", Html(style_sheet())),
    )
    main = element("main", *body)
    whole = element("html", head, element("body", main, _footer(origin, digests)), lang="en")
    return f"<!doctype html>\n{whole}\n"


def cards(pairs: Sequence[tuple[str, str, str]]) -> Html:
    """Write the figures that count most: what, how much, and a word beside it."""
    return element(
        "dl",
        *[
            element(
                "div",
                element("dt", name),
                element("dd", value, element("small", beside) if beside else ""),
            )
            for name, value, beside in pairs
        ],
        class_="cards",
    )


def _footer(origin: Origin, digests: Sequence[tuple[str, str]]) -> Html:
    settings = origin.config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    shown = yaml.safe_dump(mask_value(settings), sort_keys=False, allow_unicode=True, width=100)
    if len(shown) > _SETTINGS_MAX:
        shown = f"{shown[:_SETTINGS_MAX]}\n... (cut: {len(shown):,} characters in all)"
    made = f"{origin.made:%Y-%m-%d %H:%M} UTC by driftgate {origin.version}, with the command"
    lines = [element("p", f"{name}: ", element("code", value)) for name, value in digests if value]
    return element(
        "footer",
        element("h2", "How this was made"),
        element("p", made),
        element("pre", element("code", mask_text(origin.command))),
        *lines,
        element(
            "details",
            element("summary", "Settings that differ from their defaults"),
            element("pre", element("code", shown)),
        ),
    )


def paragraphs(lead: object, *others: object) -> Html:
    """Write the headline's sentences, the first one larger; empty ones are left out."""
    rest = [element("p", other) for other in others if other]
    return join([element("p", lead, class_="lead"), *rest])
