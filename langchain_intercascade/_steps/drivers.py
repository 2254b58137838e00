"""Who carries out what a body asks for: the only code that knows whether anybody awaits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, closing
from typing import Any, Generic, TypeVar, cast

from langchain_core.runnables import RunnableConfig

from langchain_intercascade._steps.calls import Call, Steps, StreamedCall, failure
from langchain_intercascade.errors import BrokenStreamError

T = TypeVar("T")


def run(steps: Steps[T], config: RunnableConfig | None = None) -> T:
    """Drive `steps` to its value, blocking on each call."""
    base = config or {}
    with closing(steps):
        body = Body(steps)
        while (call := body.advance()) is not None:
            with body.answering():
                body.reply = call.blocking(base)
    return body.value


async def arun(steps: Steps[T], config: RunnableConfig | None = None) -> T:
    """Drive `steps` to its value, awaiting each call."""
    base = config or {}
    with closing(steps):
        body = Body(steps)
        while (call := body.advance()) is not None:
            with body.answering():
                body.reply = await call.awaited(base)
    return body.value


def stream(steps: Steps[T], config: RunnableConfig | None = None) -> Generator[Any, None, T]:
    """Drive `steps`, yield the pieces of streamed replies, and return its value."""
    base = config or {}
    with closing(steps):
        body = Body(steps)
        while (call := body.advance()) is not None:
            pieces: list[Any] = []
            with body.answering(pieces):
                if not isinstance(call, StreamedCall):
                    body.reply = call.blocking(base)
                    continue
                with closing(cast("Generator[Any]", call.pieces(base))) as arriving:
                    for piece in arriving:
                        pieces.append(piece)
                        yield piece
                body.reply = call.join(pieces)
    return body.value


async def astream(
    steps: Steps[T], config: RunnableConfig | None = None, *, done: Callable[[T], None]
) -> AsyncGenerator[Any]:
    """Drive `steps` and yield the pieces of streamed replies; `done` is told its value.

    An asynchronous generator cannot return a value, hence the callback.
    """
    base = config or {}
    with closing(steps):
        body = Body(steps)
        while (call := body.advance()) is not None:
            pieces: list[Any] = []
            with body.answering(pieces):
                if not isinstance(call, StreamedCall):
                    body.reply = await call.awaited(base)
                    continue
                async with aclosing(cast("AsyncGenerator[Any]", call.apieces(base))) as arriving:
                    async for piece in arriving:
                        pieces.append(piece)
                        yield piece
                body.reply = call.join(pieces)
    done(body.value)


class Body(Generic[T]):
    """A body on its way: what it will be told next, and its value at the end."""

    __slots__ = ("_error", "_pieces", "_steps", "reply", "value")

    value: T

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self._error: Exception | None = None
        self._pieces: Sequence[Any] = ()
        self.reply: Any = None

    def advance(self) -> Call | None:
        """Give the body the last reply or error; return its next call, `None` at the end."""
        reply, error = self.reply, self._error
        self.reply = self._error = None
        try:
            return self._steps.send(reply) if error is None else self._steps.throw(error)
        except StopIteration as end:
            self.value = end.value
            return None

    def answering(self, pieces: Sequence[Any] = ()) -> Body[T]:
        """Return itself, as a context that keeps an error of the call for the body.

        The body may know what to do about it.

        Args:
            pieces: What has already been handed out of the reply.
        """
        self._pieces = pieces
        return self

    # By hand: a context made of a generator costs as much as the rest of a step, and a call
    # has a dozen steps.

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if error is None or (failed := failure(error)) is None:
            return False
        self._error = failed
        if self._pieces:
            self._error = BrokenStreamError(f"the reply broke off ({type(failed).__name__})")
            self._error.__cause__ = failed
        return True
