"""Numbers and times as a reader wants them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

NONE = "–"
"""What stands where there is no value."""

_SHARES = ("accuracy", "kappa", "kappa_m", "kappa_t", "auc")
_DAY_MS = 86_400_000
_KILO = 1000.0


def figure(name: str, value: float) -> str:
    """Write a figure of the evaluator: shares in per cent, others with four digits.

    Examples
    --------
    >>> figure("accuracy", 0.91234), figure("mae", 12.34567), figure("auc", math.nan)
    ('91.23 %', '12.35', '–')
    """
    if math.isnan(value):
        return NONE
    if name.removeprefix("faded_") in _SHARES:
        return f"{100 * value:.2f} %"
    return significant(value)


def significant(value: float) -> str:
    """Write a number with four digits, in full where that is short.

    Examples
    --------
    >>> significant(0.123456), significant(45312.4), significant(1.5e-7)
    ('0.1235', '45,312', '1.5e-07')
    """
    if math.isnan(value):
        return NONE
    if abs(value) >= _KILO:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def spread(name: str, value: float) -> str:
    """Write the spread of a figure; empty if there is none.

    Examples
    --------
    >>> spread("accuracy", 0.0012), spread("accuracy", math.nan)
    ('± 0.12', '')
    """
    if math.isnan(value):
        return ""
    return f"± {100 * value:.2f}" if name in _SHARES else f"± {value:.2g}"


def size(count: int | None) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> size(512), size(20_480), size(3_500_000), size(None)
    ('512 B', '20 kB', '3.5 MB', '–')
    """
    if count is None:
        return NONE
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < _KILO:
            break
        value, unit = value / _KILO, larger
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"


def rate(value: float) -> str:
    """Write records a second, with two digits: a stopwatch knows no more.

    Examples
    --------
    >>> rate(1_234_567.0), rate(876.0)
    ('1,200,000', '880')
    """
    if math.isnan(value) or value <= 0:
        return NONE
    digits = math.floor(math.log10(value)) - 1
    return f"{round(value, -digits):,.0f}"


def day(milliseconds: float, span_ms: float) -> str:
    """Write a moment as shortly as the span around it allows.

    Examples
    --------
    >>> day(1_357_034_400_000, 400 * 86_400_000), day(1_357_034_400_000, 3_600_000)
    ('Jan 2013', '1 Jan 10:00')
    """
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    if span_ms > 120 * _DAY_MS:
        return f"{moment:%b %Y}"
    if span_ms > 4 * _DAY_MS:
        return f"{moment.day} {moment:%b %Y}"
    return f"{moment.day} {moment:%b %H:%M}"


def plural(count: int, noun: str, several: str = "") -> str:
    """Count things.

    Examples
    --------
    >>> plural(1, "drift"), plural(2000, "drift"), plural(0, "category", "categories")
    ('1 drift', '2,000 drifts', '0 categories')
    """
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"
