"""Where tokens come from: a Python function or class of the user's, or a program.

Both are other people's code: each runs under a deadline, and what it says when it fails is cut to
one line and shown without anything that looks like a token.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from stream.config.log import KafkaLog, KafkaSecurity
from stream.config.masking import MASK, mask_text
from stream.errors import LogAccessError

_SHOWN_MAX = 200
_KILL_WAIT_S = 1.0


def token_source(log: KafkaLog) -> tuple[Callable[[], Any], str]:
    """Return the function that fetches a token, and how messages name it."""
    security = log.security
    if security.token_command is not None:
        where = "log.security.token_command"
        return lambda: _run(security, where), where
    assert security.token_provider is not None
    where = f"log.security.token_provider `{security.token_provider}`"
    return _load(security.token_provider, log, where), where


def _load(path: str, log: KafkaLog, where: str) -> Callable[[], Any]:
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
        if inspect.isclass(found):
            found = _with_settings(found, log)().token
        return _with_settings(found, log)
    except Exception as error:
        raise LogAccessError(
            f"{where}: must be a function, or a class with a method `token`, that can be imported; "
            f"got {_words(error)}. Check the name, and PYTHONPATH."
        ) from None


def _with_settings(function: Callable[..., Any], log: KafkaLog) -> Callable[[], Any]:
    """Bind the `log` section where a function needs an argument."""
    needed = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return (lambda: function(log)) if needed else function


def _run(security: KafkaSecurity, where: str) -> str:
    assert security.token_command is not None
    timeout_s = security.token_timeout.total_seconds()
    try:
        # A session of its own, so that what the program starts can be ended with it.
        process = subprocess.Popen(  # noqa: S603 - the owner of the file chose the program
            security.token_command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise LogAccessError(
            f"{where}: `{security.token_command[0]}` must be a program; got "
            f"`{error.strerror}`. Give its whole path."
        ) from None
    try:
        printed, said = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise _too_slow(where, timeout_s) from None
    finally:
        _end(process)
    token = printed.decode("utf-8", "replace").strip()
    if process.returncode != 0:
        raise LogAccessError(
            f"{where}: `{security.token_command[0]}` must end with 0; it ended with "
            f"{process.returncode}: {_first_line(said, token)}. Run it by hand to see why."
        )
    return token


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is still running of a program and of all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_KILL_WAIT_S)
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


def in_time(fetch: Callable[[], Any], timeout_s: float, where: str) -> Any:
    """Call in a thread of its own: a function that hangs must not hang the client's network."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def call() -> None:
        try:
            outcome.append(fetch())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=call, name="driftgate-token", daemon=True)
    thread.start()
    thread.join(timeout_s + _KILL_WAIT_S)
    if failure and isinstance(failure[0], LogAccessError):
        raise failure[0]
    if failure:
        raise LogAccessError(f"{where}: must return a token; it raised {_words(failure[0])}.")
    if not outcome:
        raise _too_slow(where, timeout_s)
    return outcome[0]


def _too_slow(where: str, timeout_s: float) -> LogAccessError:
    return LogAccessError(
        f"{where}: the token must come within {timeout_s:g} s (log.security.token_timeout); it did "
        f"not. Check what it waits for."
    )


def _first_line(said: bytes, token: str) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        return "no words"
    # A Python program says why it failed in the last line of its traceback.
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return _shown(line.replace(token, MASK) if token else line)


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {_shown(text)}" if text else type(error).__name__


def _shown(text: str) -> str:
    return mask_text(text)[:_SHOWN_MAX].rstrip(".")
