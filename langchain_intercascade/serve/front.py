"""Before and after every request: who it is, whether there is room, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from langchain_intercascade.serve.answering import written
from langchain_intercascade.serve.door import (
    Keys,
    Room,
    body_too_large,
    check_content,
    check_host,
    closing,
    declared_length,
)
from langchain_intercascade.serve.refusal import RefusedError, refusal_of
from langchain_intercascade.serve.relay import ClientGoneError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from langchain_intercascade.serve.metrics import Metrics

COMPLETIONS: Final = "/v1/chat/completions"

CLIENT_GONE: Final = 499
"""What nginx writes down for a client that did not wait for its answer."""

_OPEN: Final = frozenset({"/", "/healthz", "/readyz"})
"""Paths that tell nobody anything."""

_COUNTED: Final = (
    *(COMPLETIONS, "/v1/feedback", "/v1/models", "/v1/strategies"),
    *("/dashboard.json", "/metrics", "/healthz", "/readyz"),
)
"""Paths that are counted by name, with what lies beneath; all others together."""


class _Sent:
    """Hands on what is sent, and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class Front:
    """Lets a request in, or says why not; nothing that goes wrong gets past it unworded."""

    def __init__(self, app: ASGIApp, *, keys: Keys, room: Room, metrics: Metrics) -> None:
        """Stand before `app`."""
        self._app, self._keys, self._room, self._metrics = app, keys, room, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, sent = perf_counter(), _Sent(send)
        try:
            await self._admitted(scope, receive, sent)
        except asyncio.CancelledError:
            # The server cuts off who has not finished in time, and would print where they were.
            if not self._room.closing:
                raise
            await self._refused(closing(), scope, receive, sent)
        except Exception as error:  # noqa: BLE001 - the server would print its text
            await self._refused(refusal_of(error), scope, receive, sent)
        finally:
            status = sent.status or CLIENT_GONE
            self._metrics.note(_counted(scope["path"]), status, perf_counter() - began)

    async def _refused(
        self, refused: RefusedError, scope: Scope, receive: Receive, sent: _Sent
    ) -> None:
        if sent.status is None:  # or else part of the answer is on its way, and nothing goes behind
            await refusing(refused)(scope, receive, sent)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        if path not in _OPEN:
            check_host(headers.get("host"), self._keys)
            tenant = self._keys.tenant(headers.get("authorization"))
            scope.setdefault("state", {})["tenant"] = tenant
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        check_content(headers.get("content-type"))
        if self._room.closing:
            raise closing()
        if path != COMPLETIONS:
            await self._app(scope, receive, send)
            return
        self._room.enter(tenant)
        self._metrics.inside.set(self._room.inside)
        try:
            await self._app(scope, receive, send)
        finally:
            self._room.leave()
            self._metrics.inside.set(self._room.inside)


def refusing(refused: RefusedError) -> Response:
    """Return the response that says why there is none."""
    content, kind = written(refused.body()), "application/json"
    return Response(content, HTTPStatus(refused.status), refused.headers, kind)


def in_words(answer: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """Return `answer` with whatever it raises put into words.

    Here, and not outside: FastAPI would note down errors on their way, with their text.
    """

    @wraps(answer)
    async def worded(*args: Any, **kwargs: Any) -> Response:
        try:
            return await answer(*args, **kwargs)
        except (ClientGoneError, ClientDisconnect):
            return Response(status_code=CLIENT_GONE)
        except Exception as error:  # noqa: BLE001 - the boundary; what is not expected is logged
            return refusing(refusal_of(error))

    return worded


async def body_of(request: Request, most: int) -> bytes:
    """Return the body of a request.

    Raises:
        RefusedError: It is too large; no more of it than that is read.
    """
    if declared_length(request.headers.get("content-length")) > most:
        raise body_too_large(most)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise body_too_large(most)
        parts.append(part)
    return b"".join(parts)


def _counted(path: str) -> str:
    fitting = (each for each in _COUNTED if path == each or path.startswith(f"{each}/"))
    return next(fitting, "other")
