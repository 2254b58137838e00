"""What the tests of the cascade share: scripted pairs, and the two hosts behind one face."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_intercascade import DecisionRecord, EdgeRepository, InterCascade
from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import RepositoryError
from langchain_intercascade.repository.points import Hit
from langchain_intercascade.strategy import Strategy
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.conftest import Colour

SURE = -0.01
UNSURE = -2.0

ADVICE = json.dumps(
    {
        "title": "Adding up two amounts",
        "when_to_use": "Two amounts are given and their sum is asked for.",
        "when_not_to_use": "",
        "steps": ["Find both amounts.", "Add the first to the second."],
        "pitfalls": ["Do not subtract."],
    }
)

QUERY = "Anna has 2 pears and Ben has 3 pears. How many pears do they have together?"
SIBLING = "Carl has 7 pears and Dora has 4 pears. How many pears do they have together?"


def weak_model(*replies: Reply | str | BaseException, **fields: Any) -> ScriptedChatModel:
    """A weak model that is unsure unless told otherwise."""
    script = replies or (Reply("maybe six pears", logprob=UNSURE),)
    return ScriptedChatModel(
        replies=list(script), repeat_last=True, model_name="weak-model", **fields
    )


def strong_model(*answers: Reply | str | BaseException, advice: Any = ADVICE) -> ScriptedChatModel:
    """A strong model that answers queries with `answers` and distil prompts with `advice`."""
    script = list(answers or ("They have five pears.",))
    asked = 0

    def respond(messages: list[BaseMessage]) -> Reply | str:
        nonlocal asked
        if is_distil_prompt(messages):
            return _said(advice)
        asked += 1
        return _said(script[min(asked, len(script)) - 1])

    return ScriptedChatModel(respond=respond, model_name="strong-model")


def _said(scripted: Reply | str | BaseException) -> Reply | str:
    return Reply(error=scripted) if isinstance(scripted, BaseException) else scripted


def is_distil_prompt(messages: Sequence[BaseMessage]) -> bool:
    """Whether these messages ask for a strategy rather than an answer."""
    return "reusable strategies" in messages[0].text


def cascade_of(
    weak: ScriptedChatModel | None = None, strong: ScriptedChatModel | None = None, **options: Any
) -> InterCascade:
    """A cascade with a threshold of one half that learns before it answers."""
    defaults: dict[str, Any] = {"threshold": 0.5, "learning": "inline"}
    return InterCascade(
        weak=weak or weak_model(), strong=strong or strong_model(), **(defaults | options)
    )


@dataclass(frozen=True)
class Host:
    """The chat model or the graph, in one colour."""

    name: str
    colour: Colour

    def ask(
        self, cascade: InterCascade, query: str | list[BaseMessage] = QUERY, **settings: Any
    ) -> tuple[AIMessage, DecisionRecord]:
        """Return the answer and its decision record."""
        if self.name == "chat_model":
            answer = self.colour.invoke(cascade, query, **settings)
            return answer, answer.response_metadata["inter_cascade"]
        messages = [HumanMessage(query)] if isinstance(query, str) else query
        final = self.colour.invoke(cascade.graph, {"messages": messages}, context=settings)
        return final["messages"][-1], final["record"]


class FlakyRepository(EdgeRepository):
    """A real repository in which chosen methods fail."""

    def __init__(self, *failing: str, error: Exception | None = None) -> None:
        super().__init__()
        self.failing = set(failing)
        self.error = error or RepositoryError("out of order")
        self.searches = 0

    def searching(self, query: str, *, tenant: str, k: int, **options: Any) -> Steps[list[Hit]]:
        self.searches += 1
        self._fail("search")
        return (yield from super().searching(query, tenant=tenant, k=k, **options))

    def putting(self, strategy: Strategy) -> Steps[None]:
        self._fail("put")
        if strategy.lesson is None:
            self._fail("put_active")
        yield from super().putting(strategy)

    def swapping(self, strategy: Strategy, *, version: int | None) -> Steps[bool]:
        self._fail("put")
        if strategy.lesson is None:
            self._fail("put_active")
        return (yield from super().swapping(strategy, version=version))

    def getting(self, strategy_id: str, *, tenant: str) -> Steps[Strategy | None]:
        self._fail("get")
        return (yield from super().getting(strategy_id, tenant=tenant))

    def _fail(self, method: str) -> None:
        if method in self.failing:
            raise self.error
