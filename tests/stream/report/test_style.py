"""Colours: text can be read on its ground in light and dark (WCAG 2.2, 1.4.3: at least 4.5)."""

from __future__ import annotations

import pytest

from stream.report.style import DARK, LIGHT, SERIES, style_sheet


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_itself() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("ground", ["ground", "raised"])
def test_all_that_is_written_can_be_read(theme: dict[str, str], ground: str) -> None:
    inks = [name for name in theme if name not in ("ground", "raised", "rule")]
    faint = {name: contrast(theme[name], theme[ground]) for name in inks}
    assert {name: value for name, value in faint.items() if value < 4.5} == {}


def test_both_themes_have_the_same_colours_and_each_is_used() -> None:
    sheet = style_sheet()
    assert LIGHT.keys() == DARK.keys()
    assert [name for name in LIGHT if f"var(--{name})" not in sheet] == []
    assert set(SERIES) <= LIGHT.keys()


def test_the_sheet_fetches_nothing() -> None:
    sheet = style_sheet()
    assert "url(" not in sheet
    assert "@import" not in sheet
