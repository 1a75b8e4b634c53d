"""A thread for what may hang."""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
_Work = tuple[Future[Any], Callable[[], Any]]


class Hand(Executor):
    """A thread that does one thing after another. A process that ends does not wait for it, as it would for the threads
    of ``ThreadPoolExecutor``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        weakref.finalize(self, self._work.put, None)

    def submit(self, call: Callable[P, T], /, *args: P.args, **more: P.kwargs) -> "Future[T]":
        """Have a call done when those before it are."""
        future: Future[T] = Future()
        self._work.put((future, partial(call, *args, **more)))
        if self._thread is None:
            self._thread = threading.Thread(target=_do, args=(self._work,), name=self._name, daemon=True)
            self._thread.start()
        return future


def _do(waiting: "SimpleQueue[_Work | None]") -> None:
    while (work := waiting.get()) is not None:
        future, call = work
        if not future.set_running_or_notify_cancel():
            continue
        try:
            answer = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(answer)
        del work, future, call  # nothing of it is held while the thread waits
