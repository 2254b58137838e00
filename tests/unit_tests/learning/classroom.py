"""What the tests of learning through a whole cascade share: a pupil, a teacher, and their sums.

The pupil does what a strategy in its prompt says, and multiplies if there is none.  The teacher
adds, and writes down that one adds; what it says and writes can be replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from langchain_intercascade import ALWAYS_DEFER, DecisionRecord, InterCascade, QdrantRepository
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import (
    Advice,
    Origin,
    State,
    Strategy,
    now,
    strategy_id,
)
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import SURE, UNSURE, cascade_of, is_distil_prompt

TENANT = "default"

NAMES = ("Anna", "Ben", "Carl", "Dora", "Emil", "Frieda", "Georg", "Hanna", "Ines", "Jakob")

ADD = Advice(
    title="Adding up two amounts",
    when_to_use="Two amounts are given and their sum is asked for.",
    steps=("Find both amounts.", "Add the first to the second."),
)
MULTIPLY = ADD.model_copy(update={"steps": ("Find both amounts.", "Multiply them.")})
TAKE = ADD.model_copy(update={"steps": ("Find both amounts.", "Take away the second one.")})

Respond = Callable[[str], Reply | str]


def pears(first: int, second: int, *, who: int = 0) -> str:
    """A question; `who` decides whose pears they are."""
    one, other = NAMES[who], NAMES[who + 1]
    return (
        f"{one} has {first} pears and {other} has {second} pears. "
        "How many pears do they have together?"
    )


def numbers(text: str) -> tuple[int, int]:
    """The two numbers of the question at the end of `text`."""
    question = text.rpartition(">\n\n")[2]
    found = re.findall(r"\d+", question)
    return int(found[0]), int(found[1])


def sum_of(text: str) -> str:
    """The right answer."""
    first, second = numbers(text)
    return f"The answer is {first + second}."


def worked(text: str) -> str:
    """What the pupil says to a prompt."""
    first, second = numbers(text)
    if "Add the first" in text:
        return f"The answer is {first + second}."
    if "Take away" in text:
        return f"The answer is {first - second}."
    return f"The answer is {first * second}."


def is_judge_prompt(messages: Sequence[BaseMessage]) -> bool:
    """Whether these messages ask whether two answers say the same."""
    return "compare two answers" in messages[0].text


def pupil(say: Respond = worked, *, logprob: float = UNSURE, **fields: Any) -> ScriptedChatModel:
    """A weak model that says to a prompt what `say` says to its last text."""

    def respond(messages: list[BaseMessage]) -> Reply:
        said = say(messages[-1].text)
        return said if isinstance(said, Reply) else Reply(said, logprob=logprob)

    return ScriptedChatModel(respond=respond, model_name="weak-model", **fields)


def teacher(
    say: Respond = sum_of, *, advice: Any = ADD, verdict: str = "I cannot tell."
) -> ScriptedChatModel:
    """A strong model that answers with `say`, distils into `advice`, and judges with `verdict`."""

    def respond(messages: list[BaseMessage]) -> Reply | str:
        if is_distil_prompt(messages) or "You guide" in messages[0].text:
            told = advice(messages[-1].text) if callable(advice) else advice
            return told if isinstance(told, Reply | str) else json.dumps(told.model_dump())
        return verdict if is_judge_prompt(messages) else say(messages[-1].text)

    return ScriptedChatModel(respond=respond, model_name="strong-model")


def distillations(model: ScriptedChatModel) -> int:
    """How often `model` was asked for a strategy."""
    return sum(map(is_distil_prompt, model.calls))


def school(
    weak: ScriptedChatModel | None = None, strong: ScriptedChatModel | None = None, **options: Any
) -> InterCascade:
    """A cascade over a repository in memory that defers everything, unless told otherwise."""
    defaults: dict[str, Any] = {"threshold": ALWAYS_DEFER, "repository": memory()}
    return cascade_of(weak or pupil(), strong or teacher(), **(defaults | options))


def trusting(**options: Any) -> InterCascade:
    """A cascade whose weak model is sure of everything, and accepted."""
    weak = options.pop("weak", None) or pupil(logprob=SURE)
    return school(weak, options.pop("strong", None), threshold=0.5, **options)


def ask(cascade: InterCascade, query: str, **settings: Any) -> tuple[AIMessage, DecisionRecord]:
    """Ask the chat model in the sync colour, where hosts and colours make no difference."""
    answer = cascade.invoke(query, **settings)
    return answer, answer.response_metadata["inter_cascade"]


def memory() -> StrategyRepository:
    """An empty repository that opens in no time."""
    return QdrantRepository(":memory:")


def stored(cascade: InterCascade, tenant: str = TENANT) -> list[Strategy]:
    """Everything that a tenant has, the oldest first."""
    found: list[Strategy] = cascade.repository.scan(tenant=tenant)
    return sorted(found, key=lambda each: each.created_at)


def states(cascade: InterCascade, tenant: str = TENANT) -> list[State]:
    """The states of everything that a tenant has, the oldest first."""
    return [each.state for each in stored(cascade, tenant)]


def strategy(
    key: str = "", *keys: str, advice: Advice = ADD, tenant: str = TENANT, **fields: Any
) -> Strategy:
    """A strategy in use that is found by the keys given."""
    first = key or pears(2, 3)
    given: dict[str, Any] = {
        "id": strategy_id(tenant=tenant, query=first, strong_model=advice.steps[-1]),
        "tenant": tenant,
        "state": State.ACTIVE,
        "keys": (first, *keys),
        "advice": advice,
        "origin": Origin(run_id=f"run of {first}", strong_model="strong-model", prompt_version=1),
        "created_at": now(),
        "updated_at": now(),
        "activated_at": now(),
        **fields,
    }
    return Strategy(**given)
