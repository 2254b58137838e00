"""Query -> the strategies most like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from langchain_core.messages import BaseMessage
from langchain_core.utils.uuid import uuid7

from langchain_intercascade._steps import Fault, Steps, attempt, attempted
from langchain_intercascade.label import lot
from langchain_intercascade.record import (
    DecisionRecord,
    RetrievalNote,
    RetrievedStrategy,
    amended,
    new_record,
    with_fault,
)
from langchain_intercascade.repository.floor import Floor
from langchain_intercascade.repository.retrieval import Floors, Wanted, retrieving
from langchain_intercascade.resilience.breaker import Breaker
from langchain_intercascade.resilience.guard import UNLIMITED, Guard
from langchain_intercascade.strategy import Strategy, checked_tenant, storable

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.choice import Choice
    from langchain_intercascade.repository.points import Hit
    from langchain_intercascade.state import Body, CascadeState, Run, Update

QueryFrom: TypeAlias = Callable[[Sequence[BaseMessage]], str]


def retrieve_strategies(
    repository: StrategyRepository,
    *,
    query_from: QueryFrom,
    with_tools: bool = False,
    breaker: Breaker | None = None,
    guard: Guard = UNLIMITED,
    floors: Floors | None = None,
    weak_model: str = "",
    shared: str | None = None,
    holdout: float = 0.0,
    lexical: bool = False,
    examples: bool = False,
) -> Body:
    """Begin a run: open its record, and choose the strategies to show the weak model.

    To show none is a normal result.  A repository or encoder that fails costs
    the run its strategies, never its answer; one that fails again and again is
    left alone for a while.

    Args:
        repository: Where the strategies live.
        query_from: Makes the text to search by out of the messages. If it fails, nothing is
            looked for and nothing learned.
        with_tools: Whether calls with tools get strategies too: stored text has no
            business near tools unless asked.
        breaker: Decides when to leave a failing repository alone.
        guard: Says how long a call of the encoder or the repository may take.
        floors: What is near enough, where neither cascade nor call says so.
        weak_model: Whose experience with a strategy counts.
        shared: The tenant of the shared pool, if that is searched too.
        holdout: Share of the runs that are held out: their strategies are not shown, to
            learn how it goes without.
        lexical: Whether the words of the query also decide about the order.
        examples: Whether the solved problem behind a strategy is shown too, if it was kept.
    """
    fuse = breaker or Breaker()
    bar = floors or Floors(repository)

    def looking(query: str, run: Run) -> Steps[Choice]:
        fixed = None if run.min_similarity is None else Floor.fixed(run.min_similarity)
        floor = fixed or (yield from bar.reading(run.tenant))
        wanted = Wanted(
            tenant=run.tenant,
            k=run.k,
            floor=floor,
            shared=shared,
            weak_model=weak_model,
            snapshot=run.snapshot,
            lexical=lexical,
            text=_text if examples else None,
        )
        return (yield from retrieving(repository, query, wanted))

    def _own(hit: Hit, run: Run) -> bool:
        """Say whether a kept example may be shown: nobody's but the tenant's own."""
        return examples and hit.strategy.tenant == run.tenant

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        read = attempted(lambda: storable(query_from(state["messages"])))
        query = "" if isinstance(read, Fault) else read
        record = new_record(
            run_id=run.run_id or str(uuid7()),
            tenant=checked_tenant(run.tenant),
            encoder=repository.encoder.label,
        )
        if isinstance(read, Fault):
            record = with_fault(record, "retrieve_strategies", read)
        hits: Sequence[Hit] = ()
        bare = with_tools or not run.model_kwargs.get("tools")
        if run.k and run.force != "strong" and query and bare:
            found = yield from _guarded(fuse, guard.steps(looking(query, run)))
            if isinstance(found, Fault | str):
                record = with_fault(record, "retrieve_strategies", found)
            else:
                hits = found.hits
                record = amended(record, retrieval=_explained(found))
        left_out = bool(hits and holdout) and lot(record["run_id"], "holdout") < holdout
        return {
            "query": query,
            "shown": [] if left_out else [_shown(hit, examples=_own(hit, run)) for hit in hits],
            "attempt": None,
            "lesson": None,
            "record": _noted(record, hits, left_out=left_out),
        }

    return body


def last_human_text(messages: Sequence[BaseMessage]) -> str:
    """Return the text of the last human message, or of the last message if none is human.

    Examples:
        >>> from langchain_core.messages import AIMessage, HumanMessage
        >>> last_human_text([HumanMessage("one"), AIMessage("two")])
        'one'
    """
    human = [message for message in messages if message.type == "human"]
    chosen = human or list(messages)
    return chosen[-1].text if chosen else ""


def _guarded(fuse: Breaker, steps: Steps[Choice]) -> Steps[Choice | Fault | str]:
    if not fuse.allows():
        steps.close()
        return "CircuitOpen"
    found = yield from attempt(steps)
    if isinstance(found, Fault):
        fuse.failed(found.error)
    else:
        fuse.succeeded()
    return found


def _shown(hit: Hit, *, examples: bool) -> dict[str, object]:
    strategy = hit.strategy
    if strategy.advice is None:  # such a one is never chosen
        return {}
    advice = strategy.advice.model_dump(mode="json")
    if examples and strategy.example:
        return {**advice, "example": strategy.example.model_dump(mode="json")}
    return advice


def _text(strategy: Strategy) -> str:
    """Return every word that would be shown of `strategy`, its example included."""
    if strategy.advice is None:
        return ""
    example = strategy.example
    kept = f"\n{example.query}\n{example.answer}" if example else ""
    return strategy.advice.text() + kept


def _explained(choice: Choice) -> RetrievalNote:
    return RetrievalNote(
        considered=len(choice.found),
        best=round(choice.found[0].similarity, 6) if choice.found else None,
        floor=choice.floor.similarity,
        reason=choice.reason,
    )


def _noted(record: DecisionRecord, hits: Sequence[Hit], *, left_out: bool) -> DecisionRecord:
    notes = [_note(hit, record["tenant"]) for hit in hits]
    if left_out:
        return amended(record, held_out=notes)
    return amended(record, regime="augmented" if hits else "plain", strategies=notes)


def _note(hit: Hit, tenant: str) -> RetrievedStrategy:
    note = RetrievedStrategy(id=hit.strategy.id, similarity=round(hit.similarity, 6))
    if hit.strategy.tenant != tenant:
        note["shared"] = True
    return note
