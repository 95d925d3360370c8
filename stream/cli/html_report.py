"""Writes reports: one HTML file, with what the command line knows of its own making."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from stream import __version__
from stream.config.pipeline import Config
from stream.errors import SetupError
from stream.report.origin import Origin


def origin_of(config: Config, data: str, label_delay: int) -> Origin:
    """Say where this process's figures come from."""
    return Origin(
        data=Path(data).name,
        config=config,
        label_delay=label_delay,
        command=shlex.join(["driftgate", *sys.argv[1:]]),
        made=datetime.now(UTC),
        version=__version__,
    )


def write_report(path: Path, page: str) -> None:
    """Write a page.

    Raises
    ------
    SetupError
        The file cannot be written.
    """
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"--html {path}: must be a file that can be written; {error}.") from None
