"""What a body may ask for, and what may stand between it and whoever answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_intercascade._steps.quiet import laid_over
from langchain_intercascade.errors import ConfigurationError, PanicError

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the outside world, in both colours.

    Attributes:
        blocking: Makes the request and returns the reply.
        awaited: The same, without blocking the event loop.
    """

    blocking: Callable[[RunnableConfig], Any]
    awaited: Callable[[RunnableConfig], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class StreamedCall(Call):
    """A call whose reply can also be had in pieces.

    Attributes:
        pieces: Yields the pieces of the reply.
        apieces: The same, without blocking the event loop.
        join: Puts the pieces together into the reply that `blocking` would give.
    """

    pieces: Callable[[RunnableConfig], Iterator[Any]]
    apieces: Callable[[RunnableConfig], AsyncIterator[Any]]
    join: Callable[[list[Any]], Any]


Steps: TypeAlias = Generator[Call, Any, T]


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that was kept as a value because the cascade can go on without the reply."""

    error: Exception

    def __str__(self) -> str:
        """Name the error's type only: messages of clients may quote prompts."""
        return type(self.error).__name__


def ask(
    runnable: Runnable[S, T], value: S, *, kwargs: Mapping[str, Any] | None = None, **config: Any
) -> Steps[T]:
    """Invoke `runnable` as one step.

    Args:
        runnable: Who is asked.
        value: What it is asked.
        kwargs: What it is called with besides, such as `stop`.
        config: Laid over the driver's config; the tag `QUIET` keeps the run out of
            every stream, though not out of traces.
    """
    more = dict(kwargs or {})
    reply: T = yield Call(
        lambda base: runnable.invoke(value, laid_over(base, config), **more),
        lambda base: runnable.ainvoke(value, laid_over(base, config), **more),
    )
    return reply


def ask_streaming(
    runnable: Runnable[S, T],
    value: S,
    *,
    join: Callable[[list[Any]], T],
    kwargs: Mapping[str, Any] | None = None,
    **config: Any,
) -> Steps[T]:
    """Do as `ask` does; a streaming driver hands out the pieces, and `join` puts them together."""
    more = dict(kwargs or {})
    reply: T = yield StreamedCall(
        lambda base: runnable.invoke(value, laid_over(base, config), **more),
        lambda base: runnable.ainvoke(value, laid_over(base, config), **more),
        lambda base: runnable.stream(value, laid_over(base, config), **more),
        lambda base: runnable.astream(value, laid_over(base, config), **more),
        join,
    )
    return reply


def either(blocking: Callable[[], T], awaited: Callable[[], Awaitable[T]]) -> Steps[T]:
    """Make one step of a pair of twins that need no config, such as `search` and `asearch`."""
    reply: T = yield Call(lambda _: blocking(), lambda _: awaited())
    return reply


def pausing(seconds: float) -> Steps[None]:
    """Wait, as one step."""
    return either(lambda: time.sleep(seconds), lambda: asyncio.sleep(seconds))


def nothing() -> Steps[None]:
    """Ask nobody for anything, as steps."""
    yield from ()


def attempt(steps: Steps[T]) -> Steps[T | Fault]:
    """Run `steps`; a failure comes back as a `Fault` instead of being raised.

    This is the one place where errors of unknown collaborators are caught: a
    Qdrant client alone raises five unrelated families, and the promise is that
    none of them costs the caller the answer.  A wrong configuration is not such
    a fault: hiding it would cost money for ever, so it is raised.
    """
    try:
        return (yield from steps)
    except BaseException as error:  # noqa: BLE001 - the boundary described above; never silent
        return _kept(error)


def attempted(call: Callable[[], T]) -> T | Fault:
    """Return what `call` returns, or its failure as `attempt` does, where nobody has to wait.

    Examples:
        >>> attempted(lambda: 1 + 1), str(attempted(lambda: 1 / 0))
        (2, 'ZeroDivisionError')
    """
    try:
        return call()
    except BaseException as error:  # noqa: BLE001 - as in `attempt`
        return _kept(error)


def _kept(error: BaseException) -> Fault:
    """Return `error` as a value, unless it has to be raised."""
    failed = failure(error)
    if failed is None or isinstance(failed, ConfigurationError):
        raise error
    return Fault(failed)


def failure(error: BaseException | None) -> Exception | None:
    """Return `error` if somebody has failed; `None` if it is a cancellation, or the end.

    The panic of a library written in Rust is a failure, though it is no `Exception`: its class
    can neither be imported nor be told by its base, only by its name.

    Examples:
        >>> failure(KeyboardInterrupt()) is None
        True
        >>> failure(type("PanicException", (BaseException,), {})())
        PanicError('a library panicked in the middle of a call')
    """
    if isinstance(error, Exception):
        return error
    if type(error).__name__ != "PanicException":
        return None
    panic = PanicError("a library panicked in the middle of a call")
    panic.__cause__ = error
    return panic


def overheard(steps: Steps[T], heard: list[Any]) -> Steps[T]:
    """Run `steps`, and put every reply that it was given into `heard`, in order.

    What nested steps have spent on models can so be charged without each of
    them keeping books.
    """
    return (yield from relayed(steps, heard=heard.append))


def relayed(
    steps: Steps[T],
    *,
    through: Callable[[Call], Call] = lambda call: call,
    heard: Callable[[Any], object] = lambda _: None,
) -> Steps[T]:
    """Run `steps`, standing between it and whoever carries out its calls.

    Args:
        steps: What is run.
        through: Makes of each call the one that is carried out.
        heard: Told every reply, in order; faults are no replies.
    """
    reply: Any = None
    error: Exception | None = None
    try:
        while True:
            try:
                call = steps.send(reply) if error is None else steps.throw(error)
            except StopIteration as end:
                value: T = end.value
                return value
            reply = error = None
            try:
                reply = yield through(call)
            except Exception as failed:  # noqa: BLE001 - handed on to the steps it belongs to
                error = failed
            else:
                heard(reply)
    finally:
        steps.close()
