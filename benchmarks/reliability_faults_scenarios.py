"""What is asked while somebody fails: the cascades, their models' scripts, and the questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from benchmarks import reliability_faults_taps as taps
from benchmarks.reliability_faults_kinds import BEHIND, CANARY
from benchmarks.reliability_faults_plan import Plan
from langchain_intercascade import (
    EdgeRepository,
    Evidence,
    InterCascade,
    QdrantRepository,
    Strategy,
    StrategyRepository,
)
from langchain_intercascade.agreement import JudgeAgreement
from langchain_intercascade.costs import Prices
from langchain_intercascade.nodes.distiller import parse_advice
from langchain_intercascade.nodes.retrieve_strategies import last_human_text
from langchain_intercascade.repository.lifecycle import activated
from langchain_intercascade.strategy import Lesson, Origin, State, pending_lesson
from langchain_intercascade.testing import Reply

TENANT: Final = "acme"

QUERY: Final = f"In {CANARY} Anna has 2 pears and Ben has 3. How many pears do both have together?"
_SIBLING: Final = "In Rome Carl has 7 pears and Dora has 4. How many pears do both have together?"

TITLE: Final = f"Sums of two amounts, also in {CANARY}"
_ADVICE: Final = json.dumps(
    {
        "title": TITLE,
        "when_to_use": "Two amounts are given, and their sum is asked for.",
        "steps": ["Find both amounts.", "Add the first to the second."],
    }
)

_RIGHT: Final = Reply(f"They have five pears, in {CANARY}.")
_SURELY_RIGHT: Final = Reply(f"Surely they have five pears, in {CANARY}.")
_SURELY_WRONG: Final = Reply(f"Surely they have six pears, in {CANARY}.")
_PERHAPS: Final = Reply(f"Perhaps they have six pears, in {CANARY}.")

Asking = Literal["invoke", "stream", "tools", "structured"]


class Sum(BaseModel):
    """The sum of two amounts."""

    total: int
    what: str


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """A question, and the cascade that it is put to.

    Attributes:
        name: What it is called.
        route: Who answers while nobody fails.
        asking: How the question is put.
        hosts: Where: the chat model, the graph.
        options: What the cascade is told besides.
        unhelped: What the weak model says without a strategy.
        helped: What it says with one.
        strong: What the strong model says.
        taught: Whether the repository holds a strategy for the question's like.
        engine: Where strategies live.
        about: Whose faults are of interest; everybody's if empty.
    """

    name: str
    route: Literal["weak", "strong"]
    asking: Asking = "invoke"
    hosts: tuple[str, ...] = ("chat_model", "graph")
    options: Mapping[str, Any] = field(default_factory=dict)
    unhelped: Reply = _PERHAPS
    helped: Reply = _SURELY_RIGHT
    strong: Reply = _RIGHT
    taught: bool = False
    engine: Literal["edge", "qdrant"] = "edge"
    about: tuple[str, ...] = ()


_TOOL_CALL: Final = Reply("", tool_calls=[{"name": "add", "args": {"a": 2, "b": 3}, "id": "1"}])
_TRIED: Final[Mapping[str, Any]] = {"admission": "replay", "verifies": True}
_TIMEOUTS: Final = dict.fromkeys(
    ("weak", "strong", "retrieval", "confidence", "distill", "replay", "audit"), 30.0
)


def _structured(total: int, what: str) -> Reply:
    args = {"total": total, "what": what}
    return Reply("", tool_calls=[{"name": "Sum", "args": args, "id": "1"}])


SCENARIOS: Final = (
    Scenario("accepted", "weak", taught=True),
    Scenario("inline", "strong", options={"learning": "inline", "timeouts": _TIMEOUTS, **_TRIED}),
    Scenario("background", "strong", options=_TRIED),
    Scenario("stream", "strong", asking="stream", hosts=("chat_model",)),
    Scenario(
        "tools",
        "weak",
        asking="tools",
        hosts=("chat_model",),
        options={"tool_calls": "accept"},
        unhelped=_TOOL_CALL,
        strong=_TOOL_CALL,
    ),
    Scenario(
        "structured",
        "strong",
        asking="structured",
        hosts=("chat_model",),
        options={"learning": "inline"},
        unhelped=_structured(6, "perhaps"),
        strong=_structured(5, "pears"),
    ),
    Scenario(
        "audit",
        "weak",
        options={"audit_rate": 1.0, **_TRIED},
        unhelped=_SURELY_WRONG,
        helped=_SURELY_WRONG,
        taught=True,
    ),
    Scenario(
        "promise",
        "strong",
        options={"learning": "inline", "threshold": None, "target_risk": 0.1},
        taught=True,
    ),
    Scenario(
        "qdrant",
        "strong",
        options={"learning": "inline", "threshold": None, "target_risk": 0.1, **_TRIED},
        engine="qdrant",
        about=("client", f"client{BEHIND}"),
    ),
)


def repository_for(scenario: Scenario, plan: Plan, folder: EdgeRepository) -> StrategyRepository:
    """Return the repository of `scenario` as it is before the question; on disk it is `folder`."""
    repository: StrategyRepository
    if scenario.engine == "qdrant":
        repository = QdrantRepository(client=taps.Client(plan), embeddings=taps.Encoder(plan))
    else:
        repository = taps.Folder(folder, plan)
    if scenario.taught:
        repository.put(_taught())
    return repository


def cascade_for(scenario: Scenario, plan: Plan, repository: StrategyRepository) -> InterCascade:
    """Return the cascade of `scenario`; everybody whom it asks works by `plan`."""
    options = dict(scenario.options)
    if options.pop("verifies", False):
        options["verifier"] = taps.function(plan, "verifier", _right, "maybe")
    defaults: dict[str, Any] = {
        "threshold": 0.5,
        "max_concurrency": {"weak": 2, "strong": 2, "distiller": 2},
    }
    made = InterCascade(
        weak=taps.model(plan, "weak", _weak(scenario), again="replay"),
        strong=taps.model(plan, "strong", lambda _: scenario.strong),
        distiller=taps.model(plan, "distiller", lambda _: Reply(_ADVICE)),
        agreement=JudgeAgreement(taps.model(plan, "judge", _judged)),
        confidence=taps.function(plan, "confidence", _sure, float("nan")),
        query_from=taps.function(plan, "query_from", last_human_text, 5),
        prices=Prices(table=taps.PriceTable(plan)),
        repository=repository,
        tenant=TENANT,
        **(defaults | options),
    )
    made.learner._backoff = 0.001  # noqa: SLF001 - two seconds, after each of thousands of faults
    return made


def _weak(scenario: Scenario) -> Callable[[list[BaseMessage]], Reply]:
    def said(messages: list[BaseMessage]) -> Reply:
        return scenario.helped if TITLE in messages[-1].text else scenario.unhelped

    return said


def _judged(messages: list[BaseMessage]) -> Reply:
    return Reply("no" if "six" in messages[-1].text or "6" in messages[-1].text else "yes")


def _right(_: str, answer: str) -> bool:
    return "five" in answer


def _sure(evidence: Evidence) -> float | None:
    answer = evidence.weak_answer
    if answer.tool_calls:
        return 0.2 if answer.tool_calls[0]["name"] == "Sum" else None
    return 0.95 if answer.text.startswith("Surely") else 0.2


def _taught() -> Strategy:
    pending = pending_lesson(
        tenant=TENANT,
        query=_SIBLING,
        lesson=Lesson(query=_SIBLING, answer="They have 11 pears."),
        origin=Origin(run_id="before", strong_model="strong-model", prompt_version=1),
    )
    candidate = pending.changed(state=State.CANDIDATE, advice=parse_advice(_ADVICE))
    return activated(candidate, "taught before")
