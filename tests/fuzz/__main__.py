"""Fuzz one target at length: `python -m tests.fuzz TARGET [--seconds 60] [--seed 1]`.

With the package `atheris` installed, its coverage guides the search; without it, sound inputs are
changed at random. The first input that breaks a target is written out and shown.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.seeds import HARD, SEEDS, mutated

_SLOW_S = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Feed a reader with bad inputs.")
    parser.add_argument("target", choices=sorted(SEEDS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is not None:
        guided(arguments.target, arguments.seconds, arguments.seed)
    return unguided(arguments.target, arguments.seconds, arguments.seed)


def guided(name: str, seconds: float, seed: int) -> None:
    """Let atheris search; it ends the process itself."""
    import atheris

    # Before they are imported: only what is loaded under it is watched. msgspec is C and is not.
    with atheris.instrument_imports(include=["yaml", "stream", "tests.fuzz"]):
        from tests.fuzz.targets import TARGETS
    corpus = Path(f".driftgate/fuzz/{name}")
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / "seed").write_bytes(SEEDS[name])
    for number, data in enumerate(HARD[name]):
        (corpus / f"hard-{number}").write_bytes(data)
    options = [f"-max_total_time={seconds:.0f}", f"-seed={seed}", "-max_len=4096", "-timeout=10"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[name])
    atheris.Fuzz()


def unguided(name: str, seconds: float, seed: int) -> int:
    """Change sound inputs at random until time is up or one breaks the target."""
    from tests.fuzz.targets import TARGETS

    rng = random.Random(seed)
    TARGETS[name](SEEDS[name])  # what is loaded once does not count
    end = time.monotonic() + seconds
    count, slowest_s = 0, 0.0
    while time.monotonic() < end:
        data = mutated(name, rng)
        took_s = _try(TARGETS[name], data)
        if took_s is None or took_s > _SLOW_S:
            file = Path(f"fuzz-{name}-{seed}-{count}.bin")
            file.write_bytes(data)
            print(f"input {count} broke it or took {took_s} s; it is in {file}")
            return 1
        count, slowest_s = count + 1, max(slowest_s, took_s)
    print(f"{name}: {count} inputs, none broke it; the slowest took {slowest_s:.3f} s")
    return 0


def _try(target: Callable[[bytes], None], data: bytes) -> float | None:
    started = time.monotonic()
    try:
        target(data)
    except Exception:
        traceback.print_exc()
        return None
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
