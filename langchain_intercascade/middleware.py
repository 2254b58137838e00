"""This is where the cascade becomes a middleware for `langchain.agents.create_agent`.

The agent keeps doing what it does: it binds the tools, parses the structured
response and streams.  The middleware runs the same six bodies around it; where
a body asks a model, it calls the agent's own handler with that model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, NotRequired, Self, Unpack, cast

from langchain.agents import AgentState
from langchain.agents.middleware import (
    AgentMiddleware,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
)
from langchain.agents.structured_output import AutoStrategy, ToolStrategy
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.runnables.config import set_config_context
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.types import Command

from langchain_intercascade._face import Face
from langchain_intercascade._steps import arun, run
from langchain_intercascade.assembly import build_parts
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.models import Model, as_model, name_of, prepared_weak, terminal
from langchain_intercascade.options import Options
from langchain_intercascade.parts import Parts
from langchain_intercascade.record import DecisionRecord, stamped
from langchain_intercascade.state import CascadeState, Run
from langchain_intercascade.walk import walk

Handler = Callable[[ModelRequest[Any]], Any]


class InterCascadeState(AgentState[Any]):
    """The agent's state, with the decision record of the last model call."""

    inter_cascade: NotRequired[DecisionRecord]


class InterCascadeMiddleware(Face, AgentMiddleware[InterCascadeState, Any, Any]):
    """Lets a weak model answer for an agent, taught by the agent's own strong one.

    Each model call of the agent goes through the cascade.  The last decision
    record is in the agent's state under `inter_cascade`, and on each answer in
    `response_metadata["inter_cascade"]`.

    Examples:
        >>> from langchain.agents import create_agent
        >>> from langchain_intercascade.testing import ScriptedChatModel
        >>> weak = ScriptedChatModel(replies=["four"])
        >>> strong = ScriptedChatModel(replies=["4"])
        >>> with InterCascadeMiddleware(weak, strong, threshold=0.5) as middleware:
        ...     agent = create_agent(model=strong, tools=[], middleware=[middleware])
        ...     result = agent.invoke({"messages": ["What is 2 + 2?"]})
        >>> result["messages"][-1].content, result["inter_cascade"]["route"]
        ('four', 'weak')
    """

    state_schema = InterCascadeState

    def __init__(self, weak: Model, strong: Model, **options: Unpack[Options]) -> None:
        """Put the cascade together.

        Args:
            weak: The cheap model.
            strong: The expensive model; usually the agent's own.
            **options: As for `InterCascade`; `learning` is `"background"` unless said otherwise.

        Raises:
            ConfigurationError: Something can never work as configured.
        """
        super().__init__()
        settled = cast("Options", {"learning": "background", **options})
        needs = as_confidence(settled.get("confidence", "logprobs")).needs_logprobs
        expensive = as_model(strong, "strong")
        cheap = prepared_weak(as_model(weak, "weak"), logprobs=needs)
        settled.setdefault("distiller", terminal(expensive))
        self._owns_repository = settled.get("repository") is None
        self._parts: Parts = build_parts(
            _ByHandler("weak", cheap), _ByHandler("strong", expensive), **settled
        )

    def wrap_model_call(self, request: ModelRequest[Any], handler: Handler) -> Any:
        """Answer one model call of the agent."""
        exchange = _Exchange(request, handler)
        steps = walk(self._parts.nodes, request.messages, self._run(exchange))
        return exchange.response(run(steps, _here()))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> Any:
        """See `wrap_model_call`."""
        exchange = _Exchange(request, handler)
        steps = walk(self._parts.nodes, request.messages, self._run(exchange))
        return exchange.response(await arun(steps, _here()))

    @property
    def repository(self) -> Any:
        """Where the strategies live."""
        return self._parts.repository

    def _run(self, exchange: _Exchange) -> Run:
        kwargs: dict[str, Any] = {"exchange": exchange}
        if tools := exchange.tools:
            kwargs["tools"] = tools
        return replace(self._parts.run, model_kwargs=kwargs)


@dataclass(slots=True)
class _Exchange:
    """One model call of the agent: what was asked, and what came back from whom."""

    request: ModelRequest[Any]
    handler: Handler
    responses: dict[str, ModelResponse[Any]] = field(default_factory=dict)

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools an answer may call, those that stand for a structured response included."""
        form = self.request.response_format
        if isinstance(form, AutoStrategy):
            form = ToolStrategy(form.schema)
        specs = form.schema_specs if isinstance(form, ToolStrategy) else []
        return [convert_to_openai_tool(tool) for tool in self.request.tools] + [
            {"function": {"name": spec.name, "parameters": spec.json_schema}} for spec in specs
        ]

    def asked_of(self, model: Any, messages: list[BaseMessage]) -> ModelRequest[Any]:
        """Return the request with another model and other messages."""
        return self.request.override(model=model, messages=cast("Any", messages))

    def answered(self, role: str, response: Any) -> AIMessage:
        """Keep what the agent made of a model's answer; return the answer itself."""
        if isinstance(response, ExtendedModelResponse):
            response = response.model_response
        if isinstance(response, AIMessage):
            response = ModelResponse(result=[response])
        self.responses[role] = response
        return next(m for m in reversed(response.result) if isinstance(m, AIMessage))

    def response(self, state: CascadeState) -> ExtendedModelResponse[Any]:
        """Return the agent's own response of the model that answered, with the record."""
        record = state["record"]
        chosen = self.responses[record["route"] or "strong"]
        result = [stamped(m, record) if isinstance(m, AIMessage) else m for m in chosen.result]
        return ExtendedModelResponse(
            model_response=replace(chosen, result=result),
            command=Command(update={"inter_cascade": record}),
        )


class _ByHandler(Runnable[Any, AIMessage]):
    """A model that is asked through the agent's handler."""

    def __init__(self, role: str, model: Runnable[Any, Any]) -> None:
        self._role = role
        self._model = model
        self.model_name = name_of(model)

    def bind_tools(self, tools: Any, **_: Any) -> Self:  # noqa: ARG002 - the agent binds them
        """Return itself: the agent binds the tools."""
        return self

    def invoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        exchange: _Exchange | None = None,
        **_: Any,
    ) -> AIMessage:
        """Ask the model through the handler."""
        asked = cast("_Exchange", exchange)
        with set_config_context(ensure_config(config)) as context:
            reply = context.run(asked.handler, asked.asked_of(self._model, input))
        return asked.answered(self._role, reply)

    async def ainvoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        exchange: _Exchange | None = None,
        **_: Any,
    ) -> AIMessage:
        """Ask the model through the handler."""
        asked = cast("_Exchange", exchange)
        with set_config_context(ensure_config(config)) as context:
            coroutine = asked.handler(asked.asked_of(self._model, input))
            reply = await asyncio.get_running_loop().create_task(coroutine, context=context)
        return asked.answered(self._role, reply)


def _here() -> RunnableConfig:
    """Return the config of the agent's node, in which this call happens."""
    return ensure_config()
