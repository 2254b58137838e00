"""The gateway around one cascade: every path it answers, and what it does there."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from langchain_intercascade._steps import arun
from langchain_intercascade.serve.answering import ID_PREFIX, written
from langchain_intercascade.serve.asking import of_shape, unknown_model
from langchain_intercascade.serve.completing import Completions
from langchain_intercascade.serve.dashboard import PAGE, PAGE_HEADERS, told_to
from langchain_intercascade.serve.door import Keys, Room
from langchain_intercascade.serve.figures import Figures
from langchain_intercascade.serve.front import COMPLETIONS, Front, body_of, in_words, refusing
from langchain_intercascade.serve.metrics import CONTENT_TYPE, Metrics
from langchain_intercascade.serve.refusal import RefusedError
from langchain_intercascade.serve.reviewing import ACTIONS, reviewing, shown

if TYPE_CHECKING:
    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.config.tables import Limits

MODEL: Final = "intercascade"
"""The name under which a cascade is served."""

_NO_FEEDBACK: Final = "Say 'correct' (true or false), or the right 'answer', or both."
_NO_RUN: Final = "There is no such run among the last ones of this gateway; it may be too long ago."


class Feedback(BaseModel):
    """What a caller says of an answer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    run_id: str
    correct: bool | None = None
    answer: str | None = Field(default=None, min_length=1)


class Review(BaseModel):
    """Who decides about a strategy."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    by: str = Field(default="the dashboard", min_length=1, max_length=100)


class Gateway:
    """One cascade, served to many tenants. It belongs to the event loop it is served in.

    Attributes:
        room: How many are inside, and whether it is being closed.
    """

    def __init__(
        self, cascade: InterCascade, *, keys: Keys, limits: Limits, model: str = MODEL
    ) -> None:
        """Serve `cascade`, which stays the caller's to close.

        Args:
            cascade: What answers.
            keys: Whose requests are answered.
            limits: How much is taken on.
            model: The name under which it is served.
        """
        self.room = Room(concurrent=limits.concurrent, per_minute=limits.per_minute)
        self._cascade, self._keys, self._limits, self._model = cascade, keys, limits, model
        self._figures = Figures(cascade.spending)
        self._completions = Completions(cascade, self._figures, model)
        self._metrics = Metrics(cascade)
        self._began = int(time.time())
        self._deadline: float | None = None

    def close(self) -> None:
        """Take in nobody new from now on; whoever is inside has a while to finish."""
        self.room.closing = True
        self._deadline = time.monotonic() + self._limits.drain_seconds

    @property
    def seconds_left(self) -> float:
        """How long those inside, and then the lessons, still have; as configured before that."""
        if self._deadline is None:
            return self._limits.drain_seconds
        return max(0.0, self._deadline - time.monotonic())

    def app(self) -> FastAPI:
        """Return the application, to be run by any ASGI server that has a single process."""
        # Its documentation pages would fetch scripts from elsewhere.
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        for method, path, answer in (
            ("POST", COMPLETIONS, self._complete),
            ("POST", "/v1/feedback", self._feedback),
            ("POST", "/v1/strategies/{strategy_id}/{action}", self._review),
            ("GET", "/v1/models", self._models),
            ("GET", "/v1/models/{model}", self._one_model),
            ("GET", "/dashboard.json", self._dashboard),
            ("GET", "/metrics", self._read_metrics),
            ("GET", "/healthz", self._alive),
            ("GET", "/readyz", self._ready),
            ("GET", "/", self._page),
        ):
            app.add_api_route(path, in_words(answer), methods=[method], response_model=None)
        app.add_exception_handler(HTTPException, _no_such_path)
        app.add_middleware(Front, keys=self._keys, room=self.room, metrics=self._metrics)
        return app

    async def _complete(self, request: Request) -> Response:
        body = await body_of(request, self._limits.body_bytes)
        return await self._completions.answer(request, body)

    async def _feedback(self, request: Request) -> Response:
        try:
            told = Feedback.model_validate_json(await body_of(request, self._limits.body_bytes))
        except ValidationError as error:
            raise of_shape(error) from None
        run_id = told.run_id.removeprefix(ID_PREFIX)
        if told.correct is None and told.answer is None:
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, _NO_FEEDBACK, param="correct")
        if self._figures.owner(run_id) != request.state.tenant:
            raise RefusedError(HTTPStatus.NOT_FOUND, _NO_RUN, param="run_id", code="run_not_found")
        label = await self._cascade.afeedback(run_id, correct=told.correct, answer=told.answer)
        was_right = None if label is None else label.correct
        return _json({"object": "feedback", "run_id": run_id, "weak_was_right": was_right})

    async def _review(self, request: Request, strategy_id: str, action: str) -> Response:
        # A key that no page of the web can send: with it nobody's browser decides for him.
        if not request.headers.get("authorization"):
            msg = "A decision needs the 'Authorization' header, even where there are no keys."
            raise RefusedError(HTTPStatus.UNAUTHORIZED, msg, code="invalid_api_key")
        if action not in ACTIONS:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"Actions are: {', '.join(ACTIONS)}.")
        try:
            told = Review.model_validate_json(
                await body_of(request, self._limits.body_bytes) or b"{}"
            )
        except ValidationError as error:
            raise of_shape(error) from None
        done = await arun(
            reviewing(
                self._cascade.repository,
                strategy_id,
                action,
                tenant=request.state.tenant,
                by=told.by,
            )
        )
        return _json(shown(done))

    async def _models(self) -> Response:
        return _json({"object": "list", "data": [self._as_model()]})

    async def _one_model(self, model: str) -> Response:
        if model != self._model:
            raise unknown_model(self._model)
        return _json(self._as_model())

    def _as_model(self) -> dict[str, Any]:
        about = {"object": "model", "created": self._began, "owned_by": "intercascade"}
        return {"id": self._model, **about}

    async def _dashboard(self, request: Request) -> Response:
        tenant = request.state.tenant
        return _json(await told_to(tenant, self._cascade, self._figures))

    async def _page(self) -> Response:
        return Response(PAGE, media_type="text/html", headers=PAGE_HEADERS)

    async def _read_metrics(self) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def _alive(self) -> Response:
        return _json({"status": "alive"})

    async def _ready(self) -> Response:
        if self.room.closing:
            return _json({"status": "closing"}, status=HTTPStatus.SERVICE_UNAVAILABLE)
        # Whoever is down costs no answer, so it is no reason to send requests elsewhere.
        breakers = self._cascade.stats().breakers
        down = sorted(name for name, each in breakers.items() if each.circuit != "closed")
        return _json({"status": "ready", "left_alone": down})


def _json(payload: dict[str, Any], *, status: int = HTTPStatus.OK, **how: Any) -> Response:
    return Response(written(payload), status, media_type="application/json", **how)


async def _no_such_path(request: Request, error: Exception) -> Response:
    """Answer a request for what is not there, in OpenAI's form like any other."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    msg = f"{request.method} is not answered here: see the paths in the gateway's documentation."
    return refusing(RefusedError(status, msg, code="unknown_path"))
