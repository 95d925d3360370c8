"""Seconds and bytes that a part of this process costs."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from pathlib import Path
from types import TracebackType

_CLEAR = Path("/proc/self/clear_refs")


class Stopwatch:
    """Adds up CPU and wall seconds over the times that it is entered."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self._cpu_start = 0.0
        self._wall_start = 0.0

    def __enter__(self) -> Stopwatch:
        self._wall_start = time.perf_counter()
        self._cpu_start = time.process_time()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cpu_s += time.process_time() - self._cpu_start
        self.wall_s += time.perf_counter() - self._wall_start


class PeakMemory:
    """Growth of the process's peak resident memory since it was made (Linux; elsewhere 0)."""

    def __init__(self) -> None:
        gc.collect()
        _give_back_freed_memory()
        # 5 resets the peak (proc(5)), which loading and compiling have raised before.
        if _CLEAR.exists():
            _CLEAR.write_text("5")
        self._before = status_bytes("VmRSS")

    def grown_bytes(self) -> int:
        """Peak since the start minus what was resident then."""
        return max(status_bytes("VmHWM") - self._before, 0)


def _give_back_freed_memory() -> None:
    """Else what was freed before is used again, and nothing seems to be needed (glibc only)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def status_bytes(name: str, pid: int | None = None) -> int:
    """Read one of a process's sizes, of this one by default; 0 where there is none (proc(5))."""
    try:
        text = Path(f"/proc/{pid or 'self'}/status").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
