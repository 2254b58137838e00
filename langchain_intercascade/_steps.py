"""One algorithm, two colours: this is where sync and async meet.

A *body* is a generator.  Whenever it needs the outside world (a model, an
encoder, a repository) it yields a `Call`, which holds that request in both
colours, and is sent the reply.  Everything between two calls is plain Python
and is written once.  The drivers below are the only code that knows whether
anybody awaits: `run` and `arun` return the body's value, `stream` and `astream`
also hand out, as they arrive, the pieces of replies that come in pieces.

`yield from` nests bodies and keeps the type of what comes back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import ExitStack, aclosing, closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from langchain_core.callbacks import Callbacks
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_executor_for_config
from langchain_core.runnables.utils import gather_with_concurrency

from langchain_intercascade.errors import BrokenStreamError, ConfigurationError, PanicError

QUIET: Final = "nostream"
"""Tag of runs that no user may see while they go on; LangGraph knows it too."""

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
        lambda base: runnable.invoke(value, _laid_over(base, config), **more),
        lambda base: runnable.ainvoke(value, _laid_over(base, config), **more),
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
        lambda base: runnable.invoke(value, _laid_over(base, config), **more),
        lambda base: runnable.ainvoke(value, _laid_over(base, config), **more),
        lambda base: runnable.stream(value, _laid_over(base, config), **more),
        lambda base: runnable.astream(value, _laid_over(base, config), **more),
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


def together(bodies: Sequence[Steps[T]]) -> Steps[list[T]]:
    """Run `bodies` side by side and return their values, in order.

    Whenever each of them waits for a reply, all their calls are made at once: in
    threads, or as tasks on the event loop, as many at a time as the config's
    `max_concurrency` allows.  An error that one of them raises is raised, and the
    others are closed.  Nothing is handed out in pieces.
    """
    with ExitStack() as closed:
        running = [_Body(closed.enter_context(closing(each))) for each in bodies]
        waiting = [(body, call) for body in running if (call := body.advance()) is not None]
        while waiting:
            calls = [call for _, call in waiting]
            replies = yield Call(partial(_all, calls), partial(_aall, calls))
            for (body, _), reply in zip(waiting, replies, strict=True):
                with body.answering():
                    body.reply = _unwrapped(reply)
            still = [body for body, _ in waiting]
            waiting = [(body, call) for body in still if (call := body.advance()) is not None]
        return [body.value for body in running]


def _all(calls: Sequence[Call], base: RunnableConfig) -> list[Any]:
    """Make all calls and return the replies; an error comes as a `Fault`."""

    def reply(call: Call) -> Any:
        try:
            return call.blocking(base)
        except BaseException as error:  # noqa: BLE001 - raised again in the body that called
            return _raised_later(error)

    if len(calls) == 1:
        return [reply(calls[0])]
    with get_executor_for_config(base) as threads:
        return list(threads.map(reply, calls))


async def _aall(calls: Sequence[Call], base: RunnableConfig) -> list[Any]:
    """Do as `_all` does, without blocking the event loop."""

    async def reply(call: Call) -> Any:
        try:
            return await call.awaited(base)
        except BaseException as error:  # noqa: BLE001 - raised again in the body that called
            return _raised_later(error)

    return await gather_with_concurrency(base.get("max_concurrency"), *map(reply, calls))


def _raised_later(error: BaseException) -> Fault:
    failed = failure(error)
    if failed is None:
        raise error
    return Fault(failed)


def _unwrapped(reply: Any) -> Any:
    if isinstance(reply, Fault):
        raise reply.error
    return reply


def run(steps: Steps[T], config: RunnableConfig | None = None) -> T:
    """Drive `steps` to its value, blocking on each call."""
    base = config or {}
    with closing(steps):
        body = _Body(steps)
        while (call := body.advance()) is not None:
            with body.answering():
                body.reply = call.blocking(base)
    return body.value


async def arun(steps: Steps[T], config: RunnableConfig | None = None) -> T:
    """Drive `steps` to its value, awaiting each call."""
    base = config or {}
    with closing(steps):
        body = _Body(steps)
        while (call := body.advance()) is not None:
            with body.answering():
                body.reply = await call.awaited(base)
    return body.value


def stream(steps: Steps[T], config: RunnableConfig | None = None) -> Generator[Any, None, T]:
    """Drive `steps`, yield the pieces of streamed replies, and return its value."""
    base = config or {}
    with closing(steps):
        body = _Body(steps)
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
        body = _Body(steps)
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


class _Body(Generic[T]):
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

    def answering(self, pieces: Sequence[Any] = ()) -> _Body[T]:
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


def out_of_sight(callbacks: Callbacks) -> Callbacks:
    """Return `callbacks` without those that show a run to a user while it goes on.

    Event streams and LangGraph's message stream are callbacks too, and are known by
    their `tap_output_iter`.  Tracers and counters stay: they must see every run.
    """
    if callbacks is None:
        return None
    if isinstance(callbacks, list):
        return [each for each in callbacks if not hasattr(each, "tap_output_iter")]
    if not any(hasattr(each, "tap_output_iter") for each in callbacks.handlers):
        return callbacks
    quiet = callbacks.copy()
    quiet.handlers = [h for h in quiet.handlers if not hasattr(h, "tap_output_iter")]
    quiet.inheritable_handlers = [
        h for h in quiet.inheritable_handlers if not hasattr(h, "tap_output_iter")
    ]
    return quiet


def _laid_over(base: RunnableConfig, changes: dict[str, Any]) -> RunnableConfig:
    """Return `base` with `changes`; tags and metadata are added to, the rest is replaced."""
    merged = cast("RunnableConfig", {**base, **changes})
    if "tags" in changes:
        merged["tags"] = [*(base.get("tags") or []), *changes["tags"]]
    if "metadata" in changes:
        merged["metadata"] = {**(base.get("metadata") or {}), **changes["metadata"]}
    if QUIET in (merged.get("tags") or ()):
        merged["callbacks"] = out_of_sight(base.get("callbacks"))
    return merged
