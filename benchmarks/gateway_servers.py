"""The servers that take turns: the gateway, and three that do less in the same place.

    python -m benchmarks.gateway_servers NAME DELAY

- `route`: FastAPI, one route that reads the question and returns the same answer always.
- `passthrough`: FastAPI, one route that asks the weak model and returns what it says.
- `cascade`: the same route, asking a cascade with a thousand strategies whose weak model is sure:
  an embedding, a search, a call of the same model, the gate, and the decision record.
- `gateway`: the gateway around that cascade.

Each prints its port, and serves until it is stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from starlette.responses import Response

from langchain_intercascade import EdgeRepository, InterCascade
from langchain_intercascade.config.tables import Limits
from langchain_intercascade.serve.door import Keys
from langchain_intercascade.serve.gateway import Gateway
from langchain_intercascade.serve.server import GatewayServer, listening
from langchain_intercascade.strategy import Advice, Lesson, Origin, State, pending_lesson
from langchain_intercascade.testing import PRICES, Reply, ScriptedChatModel, problems

STRATEGIES: Final = 1000
TEXT: Final = "12 + 5 - 3 = 14. The answer is 14."
TENANT: Final = "acme"


def weak(delay: float) -> ScriptedChatModel:
    """Return a model that is sure, after so many seconds."""
    reply = Reply(TEXT, logprob=-0.01, delay=delay)
    return ScriptedChatModel(replies=[reply], repeat_last=True, model_name="simulated-weak")


def route(_: float) -> uvicorn.Server:
    """Return the server that asks nobody."""

    async def answer(request: Request) -> Response:
        json.loads(await request.body())
        return _said(TEXT)

    return _server(answer)


def passthrough(delay: float) -> uvicorn.Server:
    """Return the server that asks the weak model."""
    return _asking(weak(delay))


def cascade(delay: float) -> uvicorn.Server:
    """Return the server that asks a cascade, and is no gateway."""
    return _asking(learned(delay), tenant=TENANT)


def gateway(delay: float) -> uvicorn.Server:
    """Return the gateway."""
    keys = Keys({"benchmark-key": TENANT}, otherwise=TENANT)
    return GatewayServer(Gateway(learned(delay), keys=keys, limits=Limits(concurrent=10_000)))


def learned(delay: float) -> InterCascade:
    """Return a cascade that was taught a thousand strategies, and accepts every answer."""
    repository = EdgeRepository()
    for number, problem in enumerate(problems(0, STRATEGIES)):
        origin = Origin(run_id=str(number), strong_model="s", prompt_version=1)
        query = f"{problem.text} ({number})"
        lesson = Lesson(query=query, answer="")
        advice = Advice(title="Sums", when_to_use="Adding.", steps=("Add the numbers.",))
        pending = pending_lesson(tenant=TENANT, query=query, lesson=lesson, origin=origin)
        repository.put(pending.changed(state=State.ACTIVE, advice=advice, lesson=None))
    return InterCascade(
        weak=weak(delay), strong=weak(0), threshold=0.5, repository=repository, prices=PRICES
    )


SERVERS: Final[Mapping[str, Callable[[float], uvicorn.Server]]] = {
    "route": route,
    "passthrough": passthrough,
    "cascade": cascade,
    "gateway": gateway,
}


def main(name: str, delay: str) -> None:
    """Serve until stopped."""
    server = SERVERS[name](float(delay))
    with listening("127.0.0.1", 0) as place:
        sys.stdout.write(f"{place.getsockname()[1]}\n")
        sys.stdout.flush()
        server.run(sockets=[place])


def _asking(model: Runnable[Any, AIMessage], **how: Any) -> uvicorn.Server:
    async def answer(request: Request) -> Response:
        asked = json.loads(await request.body())
        said = await model.ainvoke(asked["messages"], **how)
        return _said(said.text)

    return _server(answer)


def _server(answer: Callable[..., Any]) -> uvicorn.Server:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_api_route("/v1/chat/completions", answer, methods=["POST"], response_model=None)
    how: dict[str, Any] = {"access_log": False, "log_level": "warning", "lifespan": "off"}
    return uvicorn.Server(uvicorn.Config(app, ws="none", **how))


def _said(text: str) -> Response:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "choices": [choice]}
    content = json.dumps({**body, "model": "intercascade"}).encode()
    return Response(content, media_type="application/json")


if __name__ == "__main__":
    main(*sys.argv[1:3])
