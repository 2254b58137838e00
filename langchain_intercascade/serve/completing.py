"""From a request to an answer of the cascade, for as long as the client is there."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableConfig
from langchain_core.utils.uuid import uuid7
from starlette.requests import Request
from starlette.responses import Response

from langchain_intercascade.record import RECORD_KEY
from langchain_intercascade.serve.answering import DONE, Events, Heading, event, written
from langchain_intercascade.serve.asking import Asked, read
from langchain_intercascade.serve.hearing import Hearing
from langchain_intercascade.serve.prompt import prompt_of
from langchain_intercascade.serve.refusal import refusal_of
from langchain_intercascade.serve.relay import Relay, RelayedResponse, while_connected

if TYPE_CHECKING:
    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.serve.figures import Figures


class Completions:
    """Answers chat completions with a cascade."""

    def __init__(self, cascade: InterCascade, figures: Figures, model: str) -> None:
        """Answer as `model` with `cascade`, and count the answers in `figures`."""
        self._cascade, self._figures, self._model = cascade, figures, model

    async def answer(self, request: Request, body: bytes) -> Response:
        """Return the answer to `body`, whole or as a stream, with its headers.

        Raises:
            RefusedError: The request makes no sense.
            Exception: What the cascade raises.
        """
        asked = read(body, self._model)
        messages, call = prompt_of(asked.messages), self._call(asked, request)
        hearing = Hearing() if asked.logprobs else None
        run_id = uuid7()
        config = RunnableConfig(run_id=run_id, callbacks=[hearing] if hearing else [])
        heading = self._heading(asked, str(run_id), hearing)
        if asked.stream:
            relay = Relay(self._cascade.astream(messages, config, **call))
            return await self._streamed(request, relay, heading, asked)
        asking = self._cascade.ainvoke(messages, config, **call)
        answer = await while_connected(request.receive, asking)
        record = answer.response_metadata[RECORD_KEY]
        self._figures.note(record)
        content = written(heading.completion(answer))
        return Response(content, HTTPStatus.OK, _names(heading, record), "application/json")

    def _heading(self, asked: Asked, run_id: str, hearing: Hearing | None) -> Heading:
        return Heading(
            run_id,
            self._model,
            int(time.time()),
            structured=asked.is_structured,
            hearing=hearing,
            listed=asked.top_logprobs or 0,
        )

    def _call(self, asked: Asked, request: Request) -> dict[str, Any]:
        call = {**asked.call(), "tenant": request.state.tenant}
        if "top_logprobs" in call:  # fewer than the gate reads would make it defer everything
            needed = getattr(self._cascade.confidence, "top_logprobs", 0)
            call["top_logprobs"] = max(needed, call["top_logprobs"])
        return call

    async def _streamed(
        self, request: Request, relay: Relay[AIMessageChunk], heading: Heading, asked: Asked
    ) -> Response:
        """Begin a stream once there is something to stream: until then an error has its status."""
        try:
            first = await while_connected(request.receive, relay.some())
        except BaseException:
            relay.close()
            raise
        content = self._events(first, relay, heading, with_usage=asked.with_usage)
        kind = "text/event-stream"
        headers = {**_names(heading, _record_in(first)), "cache-control": "no-cache"}
        if "x-intercascade-route" not in headers:  # only a strong answer comes bit by bit
            headers["x-intercascade-route"] = "strong"
        return RelayedResponse(content, relay, media_type=kind, headers=headers)

    async def _events(
        self,
        arrived: Sequence[AIMessageChunk],
        relay: Relay[AIMessageChunk],
        heading: Heading,
        *,
        with_usage: bool,
    ) -> AsyncGenerator[bytes]:
        events = Events(heading)
        said = events.begin()
        last = AIMessageChunk(content="")
        try:
            while arrived:
                said += b"".join(map(events.of_piece, arrived))
                if said:
                    yield said
                said, last = b"", arrived[-1]
                arrived = await relay.some()
        except Exception as error:  # noqa: BLE001 - the status is sent; the stream says what went wrong
            yield event(refusal_of(error).body()) + DONE
            return
        if (record := last.response_metadata.get(RECORD_KEY)) is not None:
            self._figures.note(record)
        yield events.end(last, with_usage=with_usage)


def _names(heading: Heading, record: DecisionRecord | None) -> dict[str, str]:
    named = {"x-intercascade-run-id": heading.run_id, "x-request-id": heading.run_id}
    return named if record is None else {**named, "x-intercascade-route": record["route"] or ""}


def _record_in(pieces: Sequence[AIMessageChunk]) -> DecisionRecord | None:
    found = (piece.response_metadata.get(RECORD_KEY) for piece in pieces)
    return next((record for record in found if record is not None), None)
