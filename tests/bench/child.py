"""One case in a process of its own: `python -m tests.bench.child CASE`, CASE being JSON.

Memory, crashes and Java's machine stay with the case. Standard output has a JSON object a line:
`done` records now and then, and at the end `outcome` or `error`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from typing import Any

from stream.errors import DriftgateError
from tests.bench.case import Case

_SECONDS_BETWEEN = 0.5


class _Reporter:
    """Says how far a case is, but not more than a few times a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SECONDS_BETWEEN
            say({"done": done})


def say(message: dict[str, Any]) -> None:
    """Write a line for the parent."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def pin_to_one_core() -> None:
    """Leave this process, and what it starts, one core; where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main() -> None:
    """Run the case."""
    case = Case.from_json(json.loads(sys.argv[1]))
    pin_to_one_core()
    library = "ours" if case.candidate.is_ours else case.candidate.library
    try:
        outcome = import_module(f"tests.bench.runners.{library}").run(case, _Reporter())
    except (DriftgateError, ValueError) as error:
        say({"error": str(error)})
        return
    say({"outcome": outcome.to_json()})


if __name__ == "__main__":
    main()
