"""What a command compiles: each function with its own seconds, below the kernel it is part of.

Run with `NUMBA_CACHE_DIR=$(mktemp -d) python -m tests.bench.compile_times evaluate CONFIG ...`, or
any other command of driftgate; what that prints comes first. Seconds are the processor's: with all
that a function calls, then its own. A kernel's own include the machine code of the whole.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from numba.core import event

from stream.cli import main as driftgate


@dataclass
class Compiled:
    """A function, compiled for one set of types."""

    name: str
    start: float
    seconds: float = 0.0
    parts: list[Compiled] = field(default_factory=list)

    @property
    def own(self) -> float:
        """Seconds without those of its parts."""
        return self.seconds - sum(part.seconds for part in self.parts)

    def show(self, depth: int = 0) -> None:
        """Print it, and its parts below it."""
        print(f"{self.seconds:7.2f} {self.own:6.2f}  {'  ' * depth}{self.name}")
        for part in self.parts:
            part.show(depth + 1)


class Listener(event.Listener):  # type: ignore[misc]
    """Keeps what numba says about compiling."""

    def __init__(self) -> None:
        self.root = Compiled("all", time.process_time())
        self._open = [self.root]

    def on_start(self, event: event.Event) -> None:
        """Begin a function, which belongs to the one that is open."""
        function = event.data["dispatcher"].py_func
        name = f"{function.__module__.removeprefix('operators.kernels.')}.{function.__name__}"
        self._open.append(Compiled(name, time.process_time()))

    def on_end(self, event: event.Event) -> None:
        """End the function that is open."""
        done = self._open.pop()
        done.seconds = time.process_time() - done.start
        self._open[-1].parts.append(done)
        self.root.seconds += done.seconds if len(self._open) == 1 else 0.0


def main() -> None:
    listener = Listener()
    with event.install_listener("numba:compile", listener):
        try:
            driftgate()
        except SystemExit as left:
            if left.code:
                raise
    listener.root.show()
    print(f"{time.process_time():7.2f}         the whole process")


if __name__ == "__main__":
    sys.argv[0] = "driftgate"
    main()
