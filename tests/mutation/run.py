"""Runs mutants, one after the other, in a copy of the tree.

Each runs in a fork of this process, which has loaded the packages of others and none of ours: that
takes longer than most of the tests.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pytest

from tests.mutation.mutant import Mutant
from tests.mutation.results import Outcome, Result

ROOT = Path(__file__).parents[2]
_OURS = ("operators", "stream", "tests")
_OTHERS = ("numpy", "numba", "msgspec", "pydantic", "structlog", "prometheus_client", "fsspec")
_TESTERS = ("hypothesis.strategies", "_hypothesis_pytestplugin", "pytest_timeout", "xdist.plugin")
_LEFT_OUT = (".git", ".hypothesis", ".driftgate", ".venv", "build", "dist", "results", "*.db")
_TEST_S = 60  # a test that a mutant lets hang has failed after this
_LIMIT_S = 300.0
_OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "--tb=short", "-m", "not kafka")
_KILLED = (pytest.ExitCode.TESTS_FAILED, -signal.SIGKILL)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@contextmanager
def copied_tree() -> Iterator[Path]:
    """Copy the tree with its modification times, so that compiled kernels are found again."""
    for name in (*_OTHERS, *_TESTERS):
        importlib.import_module(name)
    with TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        yield tree


def check_tests(tree: Path, mutants: Iterable[Mutant]) -> None:
    """Run the tests without any mutant: where they fail anyway, they prove nothing.

    Raises
    ------
    RuntimeError
    """
    code, output = _run_tests(tree, sorted({file for mutant in mutants for file in mutant.tests}))
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"the tests must pass without a mutant; they do not:\n{output[-3000:]}")


def run_mutant(tree: Path, mutant: Mutant) -> Result:
    """Change the copy, run the tests that ought to notice, change it back."""
    path = tree / mutant.file
    original, times = path.read_text(), path.stat()
    path.write_text(mutant.applied(original))
    try:
        code, output = _run_tests(tree, mutant.tests)
    finally:
        path.write_text(original)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    if code == pytest.ExitCode.OK:
        return Result(mutant.file, mutant.name, Outcome.SURVIVED, "")
    if code not in _KILLED:
        raise RuntimeError(f"{mutant.name}: pytest must run; it ended with {code}:\n{output}")
    failed = _FAILED.search(output)
    return Result(mutant.file, mutant.name, Outcome.KILLED, _test_name(failed[1]) if failed else "")


def _run_tests(tree: Path, files: Iterable[str]) -> tuple[int, str]:
    """Run test files in a fork; returns pytest's exit code and what it wrote."""
    output = tree.with_name("output.txt")
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _become_tests(tree, output, [*_OPTIONS, "-o", f"timeout={_TEST_S}", *files])
    code = _wait(child)
    return code, output.read_text(errors="replace")


def _become_tests(tree: Path, output: Path, arguments: list[str]) -> NoReturn:
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        os.setsid()
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.chdir(tree)
        os.environ.update(PYTHONPATH=str(tree), OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
        sys.dont_write_bytecode = True
        sys.path[:] = [str(tree), *(path for path in sys.path if Path(path) != ROOT)]
        for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
            del sys.modules[name]
        loaded = "ignore::pytest.PytestAssertRewriteWarning"  # it comes too late to be rewritten
        code = int(pytest.main(["-W", loaded, *arguments]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def _wait(child: int) -> int:
    """Wait for a child, but not for ever; its exit code, or minus the signal that ended it."""
    deadline = time.monotonic() + _LIMIT_S
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.02)


def _test_name(node: str) -> str:
    """Leave out what a parametrised test was given: names of generated cases are not stable."""
    return node.partition("[")[0]
