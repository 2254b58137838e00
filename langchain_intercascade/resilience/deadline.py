"""How long somebody waits for a blocking call.

Python cannot interrupt a thread, and providers' own timeouts differ and mostly bound the
silence on the line, not the whole.  So a blocking call with a deadline runs in a daemon
thread, and after the deadline nobody waits for it any more; it ends by itself, when the
provider's client gives up.  Awaited calls need none of this: they are cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import closing
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

_END: Final = object()


def finished_in(
    seconds: float, call: Callable[[], T], *, ended: Callable[[], None], late: Exception
) -> T:
    """Return what `call` returns, or raise `late`.

    Args:
        seconds: How long to wait for it.
        call: What is done, in a thread of its own that sees this one's context variables.
        ended: Called once it has really ended, whether or not anybody still waits.
        late: Raised if it takes longer.
    """
    reply: Future[T] = Future()

    def work() -> None:
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            ended()
            reply.set_exception(error)
        else:
            ended()
            reply.set_result(value)

    _started(work, ended)
    try:
        return reply.result(seconds)
    except TimeoutError:
        if reply.done():  # in the last moment, or it is the call's own error
            return reply.result()
        raise late from None


def pieces_in(
    seconds: float, make: Callable[[], Iterator[T]], *, ended: Callable[[], None], late: Exception
) -> Generator[T]:
    """Yield the pieces that `make` makes, each of which may take so long, or raise `late`.

    One thread makes them all, and each only when it is asked for.  A reader that leaves
    closes the stream at once, unless it is just then waiting for the line.

    Args:
        seconds: How long to wait for a piece.
        make: Opens the stream.
        ended: Called once the stream is closed.
        late: Raised if a piece takes longer.
    """
    wanted: SimpleQueue[object] = SimpleQueue()
    given: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def work() -> None:
        try:
            with closing(cast("Generator[T]", make())) as arriving:
                while wanted.get() is not _END:
                    given.put((next(arriving, _END), None))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            given.put((_END, error))
        finally:
            ended()

    worker = _started(work, ended)
    waited_for = True
    try:
        while True:
            wanted.put(None)
            try:
                piece, error = given.get(timeout=seconds)
            except Empty:
                waited_for = False
                raise late from None
            if error is not None:
                raise error
            if piece is _END:
                return
            yield piece
    finally:
        wanted.put(_END)
        if waited_for:
            worker.join(seconds)


def _started(work: Callable[[], None], ended: Callable[[], None]) -> threading.Thread:
    context = copy_context()
    thread = threading.Thread(
        target=context.run, args=(work,), name="inter-cascade-call", daemon=True
    )
    try:
        thread.start()
    except RuntimeError:  # there are too many threads, or the interpreter is going
        ended()
        raise
    return thread
