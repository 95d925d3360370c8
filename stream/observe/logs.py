"""Log lines: structlog over the standard library's logging, to standard error.

`json` writes one object a line, `human` writes aligned text with `key=value`. Lines of libraries
(kafka-python, numba, warnings) go the same way at WARNING and above, those of kafka-python at most
one a minute of each kind (`stream.observe.log_repeats`). Secrets are masked last of all, by the
name of their key, by their type, and in text (`stream.config.masking`), so that no call site has to
remember it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor

from stream.config.masking import MASK, SECRET_KEY, mask_text
from stream.observe.log_repeats import RepeatLimit

# Loggers of the program itself; everything else is a library.
_OWN = ("stream", "driftgate")
# Deeper values are not log material; the bound also ends a structure that holds itself.
_DEPTH_MAX = 6

Level = Literal["debug", "info", "warning", "error"]


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stderr` is at that moment (progress bars put themselves there)."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # the base class has an attribute
        return sys.stderr


def mask_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace secrets anywhere in a log line (a structlog processor).

    Examples
    --------
    >>> mask_secrets(None, "info", {"event": "connect", "sasl": {"password": "hunter2"}})
    {'event': 'connect', 'sasl': {'password': '**********'}}
    >>> mask_secrets(None, "info", {"event": "open s3://key:hunter2@bucket"})
    {'event': 'open s3://key:**********@bucket'}
    """
    return {name: _masked(name, value, _DEPTH_MAX) for name, value in event.items()}


def _masked(name: str, value: Any, depth: int) -> Any:
    if isinstance(value, SecretStr) or (SECRET_KEY.search(name) and value is not None):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping | list | tuple) and depth == 0:
        return "..."
    if isinstance(value, Mapping):
        return {key: _masked(str(key), item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", item, depth - 1) for item in value]
    return value


def _lead_with_time(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Put what every line has first, so that eyes and `cut` find it."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # As text: renderers that take exceptions apart would print local variables.
        structlog.processors.format_exc_info,
    ]


def _renderer(format: Literal["human", "json"]) -> Processor:  # noqa: A002 - the option's name
    if format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def configure_logging(
    format: Literal["human", "json"],  # noqa: A002 - the option's name
    level: Level = "info",
) -> None:
    """Send all log lines to standard error in one format; may be called again.

    Parameters
    ----------
    format
        `human` for a terminal, `json` for a log collector (one object a line).
    level
        Lowest level of the program's own lines; libraries speak from WARNING on, or from `level`
        if that is higher.
    """
    handler = _StandardError()
    # At the handler: a logger's filter does not see the lines of the loggers below it.
    handler.addFilter(RepeatLimit("kafka"))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                mask_secrets,
                _lead_with_time,
                _renderer(format),
            ],
        )
    )
    wanted = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(wanted, logging.WARNING))
    for name in _OWN:
        logging.getLogger(name).setLevel(wanted)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
