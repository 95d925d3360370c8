"""The compiled kernels on disk: how many were found there, and when they must go.

numba keeps what it compiled in NUMBA_CACHE_DIR, or in `__pycache__` beside the source, and loads
it for as long as the file of the function that was called is what it was. It does not look at
the files of the functions that this one calls, so after an update it may run a mixture of old and
new kernels. `drop_stale` looks at them all.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

from numba.core.dispatcher import Dispatcher

from operators.kernels.prequential import watch_classification

_MARK = "kernels.sha256"


class Compiled(NamedTuple):
    """Kernels that were called in this process, by where they came from."""

    from_cache: int
    anew: int

    def since(self, before: Compiled) -> Compiled:
        """Leave out what was counted before."""
        return Compiled(self.from_cache - before.from_cache, self.anew - before.anew)


def cache_folder() -> Path:
    """Where the compiled kernels lie."""
    return Path(watch_classification.stats.cache_path)


def drop_stale() -> bool:
    """Remove compiled kernels if the source of any has changed since they were compiled.

    A folder that cannot be written to is left as it is: it came whole, with its sources, in an
    image. Returns whether there was anything to remove.
    """
    sources = Path(sys.modules["operators.kernels"].__path__[0])
    sha = hashlib.sha256()
    for path in sorted(sources.glob("*.py")):
        sha.update(path.read_bytes())
    folder = cache_folder()
    mark = folder / _MARK
    if mark.is_file() and mark.read_text() == sha.hexdigest():
        return False
    stale = list(folder.glob("*.nb[ic]"))
    try:
        for path in stale:
            path.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(sha.hexdigest())
    except OSError:
        return False
    return bool(stale)


def compiled() -> Compiled:
    """Count the kernels, one for each combination of types, that this process has called.

    A kernel that is only called by others is part of them.
    """
    found = {
        id(value): value.stats
        for name, module in list(sys.modules.items())
        if name.startswith("operators.kernels")
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    hits = sum(sum(stats.cache_hits.values()) for stats in found.values())
    misses = sum(sum(stats.cache_misses.values()) for stats in found.values())
    return Compiled(hits, misses)
