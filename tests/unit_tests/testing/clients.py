"""Ways to ask a model, and real clients for the stub server."""

from __future__ import annotations

import http.client
import json
from functools import reduce
from operator import add
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langchain_intercascade.testing.stub.server import StubServer

HOW = ["invoke", "ainvoke", "stream", "astream"]


def chat(server: StubServer, model: str = "weak", **settings: Any) -> ChatOpenAI:
    """Return a real client of the server, which does not retry."""
    settings = {"max_retries": 0, "stream_usage": True, **settings}
    return ChatOpenAI(base_url=server.base_url, api_key=SecretStr("any"), model=model, **settings)


async def answer_of(
    model: Runnable[Any, Any], how: str, prompt: str | list[BaseMessage] = "hello"
) -> AIMessage:
    """Return the answer, got in one of the four ways; streamed chunks are summed."""
    if how == "invoke":
        answer = model.invoke(prompt)
    elif how == "ainvoke":
        answer = await model.ainvoke(prompt)
    elif how == "stream":
        answer = reduce(add, model.stream(prompt))
    else:
        answer = reduce(add, [chunk async for chunk in model.astream(prompt)])
    assert isinstance(answer, AIMessage)
    return answer


def request(server: StubServer, method: str, path: str, body: str = "") -> tuple[int, Any]:
    """Make a request by hand and return the status and the decoded body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer
