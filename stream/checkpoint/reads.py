"""Reading checkpoints beside the work.

A store that hangs must not hold up the worker's thread: the group would give the worker up, and
all partitions would stand still. So what a restoration asks of the store runs in a thread of its
own, and the restoration looks between its slices whether the answer has come. One an address:
while the store does not let go of it, the next attempt on it is refused at once, and an older
checkpoint may be asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Any, Protocol, TypeVar

from stream.errors import StoreUnavailableError

T = TypeVar("T")


class StoreReads(Protocol):
    """Asks a store, from one thread."""

    def ask(self, address: str, question: Callable[[], T]) -> Future[T]:
        """Begin to ask what is at an address of the store.

        Raises
        ------
        StoreUnavailableError
            An earlier question about it has had no answer.
        """


class ThreadedReads:
    """Asks in a daemon thread each: a store that never answers keeps no process from its end."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Future[Any], float]] = {}

    def ask(self, address: str, question: Callable[[], T]) -> Future[T]:
        self._open = {at: asked for at, asked in self._open.items() if not asked[0].done()}
        if address in self._open:
            raise StoreUnavailableError(
                f"{address}: the checkpoint store must answer; it has not for "
                f"{monotonic() - self._open[address][1]:.0f} s. It is asked again once it has."
            )
        answer: Future[T] = Future()
        self._open[address] = answer, monotonic()
        threading.Thread(
            target=_answer, args=(answer, question), name="restore", daemon=True
        ).start()
        return answer


class InlineReads:
    """Asks at once, in the thread that wants to know: for evaluation, and where order is all."""

    def ask(self, address: str, question: Callable[[], T]) -> Future[T]:
        answer: Future[T] = Future()
        _answer(answer, question)
        return answer


def _answer(answer: Future[T], question: Callable[[], T]) -> None:
    try:
        answer.set_result(question())
    except BaseException as error:
        answer.set_exception(error)
