"""This is where the decision record is defined: what happened to one query, and why.

Every answer carries one, under `response_metadata["inter_cascade"]` and in the
graph's state, with the same shape in every front.  It holds numbers, names and
ids, never the text of a query, an answer or a strategy, so it may be logged.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal, NotRequired, TypeAlias

from langchain_core.messages import AIMessage
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from langchain_intercascade.prompts import VERSION as PROMPTS_VERSION

RECORD_KEY: Final = "inter_cascade"

Route: TypeAlias = Literal["weak", "strong"]
Regime: TypeAlias = Literal["plain", "augmented"]
Role: TypeAlias = Literal[
    "weak", "strong", "distill", "advise", "confidence", "replay", "audit", "embedding"
]

Reason: TypeAlias = Literal[
    "accepted",  # confidence >= threshold
    "low_confidence",  # confidence < threshold
    "no_confidence",  # the weak answer came without a usable score
    "always_defer",  # the threshold says that nothing is safe to accept
    "weak_failed",  # the weak model raised, timed out or was unreachable
    "weak_paused",  # the weak model failed again and again, and is left alone for a while
    "weak_refused",  # the weak model declined or was filtered
    "weak_incomplete",  # the weak answer was empty or cut off
    "weak_invalid",  # the weak answer fits neither the tools nor the schema
    "advised",  # accepted at the second try, with guidance from the strong model
    "valid_tool_call",  # accepted without a score: tool_calls="accept"
    "forced",  # the caller asked for this route
    "observing",  # learning="observe": the strong model always serves
    "strong_failed",  # degraded: on_strong_error="weak" returned the deferred weak answer
    "over_budget",  # degraded: the budget did not allow for the strong model
]

LessonState: TypeAlias = Literal[
    "none",  # nothing to learn: the weak answer was accepted
    "off",  # learning is switched off
    "unresolved",  # the strong answer teaches nothing: refused, cut off, or a tool call
    "pending",  # written down, not distilled yet
    "queued",  # handed to the background learner
    "stored",  # a strategy is active
    "candidate",  # a strategy is on probation: it was distilled, and waits to be corroborated
    "merged",  # a strategy that was there already stands for this lesson too
    "known",  # an equal query had taught this before
    "rejected",  # the distilled strategy was unusable or unsafe; the lesson stays pending
    "failed",  # distilling or storing failed; the lesson stays pending if it was written
]


class RetrievedStrategy(TypedDict):
    """A strategy that was shown to the weak model.

    Attributes:
        id: The strategy's id in the repository.
        similarity: Cosine similarity of its nearest key to the query, in [-1, 1].
        shared: Whether it comes from the shared pool; absent if it is the tenant's own.
    """

    id: str
    similarity: float
    shared: NotRequired[bool]


class RetrievalNote(TypedDict):
    """How the strategies were chosen.

    Attributes:
        considered: How many were found and looked at.
        best: Similarity of the nearest; `None` if there was none.
        floor: Similarity that was needed; `None` if nothing was looked for.
        reason: Why this much was shown and no more, in words.
    """

    considered: int
    best: float | None
    floor: float | None
    reason: str


class RoleUse(TypedDict):
    """What one role spent on one query.

    Attributes:
        calls: Number of model calls.
        input_tokens: Tokens read; `None` when the model did not say.
        output_tokens: Tokens written; `None` when the model did not say.
        cost: Money in US dollars; `None` when the price is unknown, never 0 instead.
        latency_ms: Wall-clock milliseconds spent waiting.
    """

    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    latency_ms: float


class LessonNote(TypedDict):
    """What became of the lesson of a deferred query.

    Attributes:
        state: See `LessonState`.
        id: Id of the strategy it is, or will be; `None` when there is no lesson.
        reason: Why it was not stored; empty otherwise.
    """

    state: LessonState
    id: str | None
    reason: str


class FaultNote(TypedDict):
    """A fault that the cascade survived.

    Attributes:
        where: The node in which it happened.
        error: The error's type; its message is left out, because it may quote a prompt.
    """

    where: str
    error: str


class DecisionRecord(TypedDict):
    """What happened to one query.

    Attributes:
        run_id: Identifies the run; in the chat model, the run's id in the trace.
        tenant: Whose repository was used.
        route: Who wrote the answer.
        reason: Why that route, as one of a few fixed words.
        explanation: The same as a sentence for people.
        degraded: Whether this is a deferred weak answer served because the strong model failed,
            or the budget did not allow for it.
        confidence: The weak answer's score in [0, 1], `None` when it had none.
        confidence_method: The confidence function's name.
        threshold: What the score was compared with; `"always_defer"` when nothing is safe.
        threshold_origin: Where the threshold came from.
        regime: `"augmented"` when strategies were in the weak model's prompt.
        strategies: Those strategies, in prompt order.
        held_out: Strategies that would have been shown, and were left out to learn whether
            they help; see `holdout`.
        retrieval: How they were chosen; showing nothing is a normal result.
        encoder: The encoder's label.
        lesson: What was learned.
        usage: What each role spent; roles that were not called are absent.
        cost: Sum over roles in US dollars, `None` when any part is unknown.
        always_strong_cost: What the strong model alone would have cost, `None` when unknown;
            an estimate when the weak answer was accepted.
        faults: Faults survived on the way.
        inner: The record of the cascade that was asked as the strong model, if it was one.
        versions: Versions of the package and of its prompts.
    """

    run_id: str
    tenant: str
    route: Route | None
    reason: Reason | None
    explanation: str
    degraded: bool
    confidence: float | None
    confidence_method: str | None
    threshold: float | Literal["always_defer"] | None
    threshold_origin: str | None
    regime: Regime
    strategies: list[RetrievedStrategy]
    held_out: list[RetrievedStrategy]
    retrieval: RetrievalNote
    encoder: str
    lesson: LessonNote
    usage: dict[str, RoleUse]
    cost: float | None
    always_strong_cost: float | None
    faults: list[FaultNote]
    inner: DecisionRecord | None
    versions: dict[str, str]


def new_record(*, run_id: str, tenant: str, encoder: str) -> DecisionRecord:
    """Return the record of a run that has just begun."""
    return DecisionRecord(
        run_id=run_id,
        tenant=tenant,
        route=None,
        reason=None,
        explanation="",
        degraded=False,
        confidence=None,
        confidence_method=None,
        threshold=None,
        threshold_origin=None,
        regime="plain",
        strategies=[],
        held_out=[],
        retrieval=RetrievalNote(considered=0, best=None, floor=None, reason=""),
        encoder=encoder,
        lesson=LessonNote(state="none", id=None, reason=""),
        usage={},
        cost=None,
        always_strong_cost=None,
        faults=[],
        inner=None,
        versions=dict(versions()),
    )


def amended(record: DecisionRecord, **changes: Any) -> DecisionRecord:
    """Return a copy of `record` with `changes`.

    Examples:
        >>> old = new_record(run_id="r", tenant="t", encoder="e")
        >>> amended(old, route="weak")["route"], old["route"]
        ('weak', None)
    """
    return {**record, **changes}  # type: ignore[typeddict-item]


def stamped(message: AIMessage, record: DecisionRecord) -> AIMessage:
    """Return a copy of `message` that carries `record`."""
    metadata = {**message.response_metadata, RECORD_KEY: record}
    return message.model_copy(update={"response_metadata": metadata})


def with_fault(record: DecisionRecord, where: str, error: object) -> DecisionRecord:
    """Return a copy of `record` that also notes a fault survived in the node `where`."""
    return amended(record, faults=[*record["faults"], FaultNote(where=where, error=str(error))])


@cache
def versions() -> dict[str, str]:
    """Return the versions of this package and of its prompts."""
    try:
        package = version("langchain-intercascade")
    except PackageNotFoundError:  # a source tree that was never installed
        package = "unknown"
    return {"package": package, "prompts": str(PROMPTS_VERSION)}
