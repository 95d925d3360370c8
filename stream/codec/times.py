"""Times on the wire: ISO 8601 strings or numbers, read as whole milliseconds since 1970 UTC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import numpy as np

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Years 1 to 9999: what an ISO 8601 string of four-digit years can say.
_MS_MIN = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_MS_MAX = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_NUMBER_MAX = 1e15  # beyond the year 9999 in either unit
# What is remembered is bounded in number; a fraction of a second may have a million digits.
_REMEMBERED_MAX = 64


def parse_time(
    value: str | int | float, unit: Literal["s", "ms"] = "ms", form: str | None = None
) -> int:
    """Read a time; parts of a millisecond are dropped, a string without an offset is UTC.

    Parameters
    ----------
    value
        An ISO 8601 string, or a number of `unit` since 1970-01-01 UTC.
    unit
        Of a number; strings do not depend on it.
    form
        How a time is written, as `datetime.strptime` reads it, where it is not ISO 8601. The digits
        of a whole number are read so, too: 20240131 with `%Y%m%d`.

    Raises
    ------
    ValueError
        `value` is no time, or lies outside of the years 1 to 9999.

    Examples
    --------
    >>> parse_time("1970-01-02T00:00:00.250+01:00")
    82800250
    >>> parse_time(1.5, "s")
    1500
    >>> parse_time("31/01/1970", form="%d/%m/%Y")
    2592000000
    """
    if form is not None:
        text = str(value)
        is_short = len(text) <= _REMEMBERED_MAX
        return (_parse_written if is_short else _parse_written.__wrapped__)(text, form)
    if isinstance(value, str):
        is_short = len(value) <= _REMEMBERED_MAX
        time_ms = (_parse_iso if is_short else _parse_iso.__wrapped__)(value)
    elif not -_NUMBER_MAX < value < _NUMBER_MAX:  # also refuses NaN, before `floor` would
        raise ValueError("outside of the years 1 to 9999")
    else:
        time_ms = math.floor(value * 1000 if unit == "s" else value)
    if not _MS_MIN <= time_ms <= _MS_MAX:
        raise ValueError("outside of the years 1 to 9999")
    return time_ms


# An event's time is looked at several times, column by column: by each rule of its path, for the
# event's order and for the features made of it. A batch is to fit.
@lru_cache(maxsize=32_768)
def _parse_iso(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=65_536)  # days come again and again, and strptime takes some 5 us
def _parse_written(text: str, form: str) -> int:
    moment = datetime.strptime(text, form)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def format_times(times: Sequence[int]) -> list[str]:
    """Write milliseconds as ISO 8601 in UTC.

    Examples
    --------
    >>> format_times([82800250])
    ['1970-01-01T23:00:00.250Z']
    """
    moments = np.array(times, dtype="datetime64[ms]")
    return list(np.datetime_as_string(moments, unit="ms", timezone="UTC").tolist())
