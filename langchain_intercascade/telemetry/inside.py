"""Steps that go on inside a span, though others go on between them.

A body is a generator: between two of its calls, the thread or the task belongs to
somebody else.  So the span is the current one while a call is carried out, and
only then: in both colours, and in each wait for a piece of a stream.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from opentelemetry.context import attach, detach

from langchain_intercascade._steps import Call, Steps, StreamedCall, relayed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langchain_core.runnables import RunnableConfig
    from opentelemetry.context import Context

T = TypeVar("T")

_END: Final = object()


@contextmanager
def current(context: Context) -> Iterator[None]:
    """Make `context` the current one while the block runs; the block must not yield to others."""
    token = attach(context)
    try:
        yield
    finally:
        detach(token)


def inside(context: Context, steps: Steps[T]) -> Steps[T]:
    """Run `steps` with each of their calls carried out in `context`."""
    return (yield from relayed(steps, through=partial(_within, context)))


def pieces_inside(context: Context, arriving: Iterator[T]) -> Generator[T]:
    """Yield what arrives, waiting for each piece in `context`."""
    with closing(cast("Generator[T]", arriving)):
        while True:
            with current(context):
                piece: Any = next(arriving, _END)
            if piece is _END:
                return
            yield piece


async def apieces_inside(context: Context, arriving: AsyncIterator[T]) -> AsyncGenerator[T]:
    """Do as `pieces_inside` does, without blocking the event loop."""
    async with aclosing(cast("AsyncGenerator[T]", arriving)):
        while True:
            with current(context):
                piece: Any = await anext(arriving, _END)
            if piece is _END:
                return
            yield piece


def _within(context: Context, call: Call) -> Call:
    def blocking(config: RunnableConfig) -> Any:
        with current(context):
            return call.blocking(config)

    async def awaited(config: RunnableConfig) -> Any:
        with current(context):
            return await call.awaited(config)

    if not isinstance(call, StreamedCall):
        return Call(blocking, awaited)
    return StreamedCall(
        blocking,
        awaited,
        lambda config: pieces_inside(context, call.pieces(config)),
        lambda config: apieces_inside(context, call.apieces(config)),
        call.join,
    )
