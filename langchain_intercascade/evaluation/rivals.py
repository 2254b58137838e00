"""This is where the cascade's rivals differ from it: other things in the weak model's prompt.

Each is the same cascade, with the same gate, in which one or two nodes are replaced.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_intercascade.chat_model import InterCascade
from langchain_intercascade.nodes.retrieve_strategies import last_human_text
from langchain_intercascade.record import RetrievedStrategy, amended
from langchain_intercascade.repository.embeddings import cosine
from langchain_intercascade.repository.retrieval import DEFAULT_FLOOR
from langchain_intercascade.strategy import Advice, State

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.parts import Nodes, Parts
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.state import Body, CascadeState, Run, Update
    from langchain_intercascade.strategy import Strategy

Alter: TypeAlias = "Callable[[Parts], Nodes]"

NEUTRAL: Final = Advice(
    title="Working with care",
    when_to_use="Always.",
    steps=("Read the problem carefully.", "Think step by step.", "Check the result."),
)
"""A strategy that says nothing about any problem: what the longer prompt alone does."""

_PAGE: Final = 1000


class AlteredCascade(InterCascade):
    """A cascade some of whose nodes are others."""

    def __init__(self, *, alter: Alter, **fields: Any) -> None:
        """Put it together, then let `alter` replace nodes."""
        super().__init__(**fields)
        self._parts = replace(self._parts, nodes=alter(self._parts))


def at_random(parts: Parts) -> Nodes:
    """Show strategies that have nothing to do with the query, as many as were retrieved for it."""
    retrieving = parts.nodes.retrieve_strategies

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        update = yield from retrieving(state, run)
        if not update["shown"]:
            return update
        known = yield from _in_use(parts.repository, run.tenant)
        record = update["record"]
        lot = random.Random(record["run_id"])
        drawn = lot.sample(known, min(len(update["shown"]), len(known)))
        notes = [RetrievedStrategy(id=each.id, similarity=0.0) for each in drawn]
        shown = [_told(each) for each in drawn]
        return {**update, "shown": shown, "record": amended(record, strategies=notes)}

    return parts.nodes._replace(retrieve_strategies=body)


def neutral(parts: Parts) -> Nodes:
    """Show `NEUTRAL` with every query."""
    retrieving = parts.nodes.retrieve_strategies

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        update = yield from retrieving(state, run)
        record = amended(update["record"], regime="augmented", strategies=[])
        return {**update, "shown": [NEUTRAL.model_dump(mode="json")], "record": record}

    return parts.nodes._replace(retrieve_strategies=body)


@dataclass(frozen=True, slots=True)
class Past:
    """A question that the strong model has answered.

    Attributes:
        question: What was asked.
        answer: What the strong model said.
        vector: Where the question lies.
    """

    question: str
    answer: str
    vector: Sequence[float]


class PastAnswers:
    """Shows earlier questions with their strong answers as examples: retrieval without distilling.

    They stand in the prompt as earlier turns, as few-shot examples do.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._past: dict[str, Past] = {}

    def __call__(self, parts: Parts) -> Nodes:
        """Return the nodes that show and keep them."""
        nodes = parts.nodes
        return nodes._replace(
            retrieve_strategies=self._retrieving(parts),
            weak_generate=_with_examples(nodes.weak_generate),
            # A confidence that samples asks the same prompt again.
            confidence_gate=_with_examples(nodes.confidence_gate),
            strong_generate=self._keeping(parts),
        )

    def _retrieving(self, parts: Parts) -> Body:
        retrieving = parts.nodes.retrieve_strategies

        def body(state: CascadeState, run: Run) -> Steps[Update]:
            update = yield from retrieving(state, run)
            vector = yield from parts.repository.encoder.encoding(update["query"])
            floor = run.min_similarity
            near = self._nearest(
                vector, run.k, DEFAULT_FLOOR.similarity if floor is None else floor
            )
            shown = [{"question": each.question, "answer": each.answer} for each in near]
            regime = "augmented" if shown else "plain"
            record = amended(update["record"], regime=regime, strategies=[])
            return {**update, "shown": shown, "record": record}

        return body

    def _nearest(self, vector: Sequence[float], k: int, floor: float) -> list[Past]:
        rated = [(cosine(vector, each.vector), each) for each in self._past.values()]
        near = sorted((pair for pair in rated if pair[0] >= floor), key=lambda pair: -pair[0])
        return [each for _, each in near[:k]]

    def _keeping(self, parts: Parts) -> Body:
        answering = parts.nodes.strong_generate

        def body(state: CascadeState, run: Run) -> Steps[Update]:
            update = yield from answering(state, run)
            answer = update["messages"][-1].text if update.get("messages") else ""
            question = last_human_text(state["messages"])
            if answer and not update["record"]["degraded"] and question not in self._past:
                vector = yield from parts.repository.encoder.encoding(state["query"])
                self._past[question] = Past(question, answer, vector)
            return update

        return body


def _with_examples(answering: Body) -> Body:
    """Run a node with what is shown as earlier turns of the conversation."""

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        turns: list[BaseMessage] = []
        # The nearest stands last, next to the question.
        for each in reversed(state.get("shown") or []):
            turns += [HumanMessage(str(each["question"])), AIMessage(str(each["answer"]))]
        before = [each for each in state["messages"] if each.type == "system"]
        after = [each for each in state["messages"] if each.type != "system"]
        messages = [*before, *turns, *after]
        told = cast("CascadeState", {**state, "messages": messages, "shown": []})
        return (yield from answering(told, run))

    return body


def _in_use(repository: StrategyRepository, tenant: str) -> Steps[list[Strategy]]:
    """Return every strategy that could be shown, in an order that does not depend on the engine."""
    found: list[Strategy] = []
    while True:
        page = yield from repository.scanning(
            tenant=tenant,
            states=(State.ACTIVE,),
            limit=_PAGE,
            after=found[-1].id if found else None,
        )
        found += page
        if len(page) < _PAGE:
            return sorted((each for each in found if each.advice), key=lambda each: each.id)


def _told(strategy: Strategy) -> dict[str, Any]:
    return strategy.advice.model_dump(mode="json") if strategy.advice else {}
