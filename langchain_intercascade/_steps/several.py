"""Several bodies side by side, in both colours."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_executor_for_config
from langchain_core.runnables.utils import gather_with_concurrency

from langchain_intercascade._steps.calls import Call, Fault, Steps, failure
from langchain_intercascade._steps.drivers import Body

T = TypeVar("T")


def together(bodies: Sequence[Steps[T]]) -> Steps[list[T]]:
    """Run `bodies` side by side and return their values, in order.

    Whenever each of them waits for a reply, all their calls are made at once: in
    threads, or as tasks on the event loop, as many at a time as the config's
    `max_concurrency` allows.  An error that one of them raises is raised, and the
    others are closed.  Nothing is handed out in pieces.
    """
    with ExitStack() as closed:
        running = [Body(closed.enter_context(closing(each))) for each in bodies]
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
