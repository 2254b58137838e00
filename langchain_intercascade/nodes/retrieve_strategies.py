"""Query -> the strategies most like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from langchain_core.messages import BaseMessage
from langchain_core.utils.uuid import uuid7

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.record import RetrievedStrategy, amended, new_record, with_fault
from langchain_intercascade.repository.breaker import Breaker
from langchain_intercascade.strategy import checked_tenant, storable

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.points import Hit
    from langchain_intercascade.state import Body, CascadeState, Run, Update

QueryFrom: TypeAlias = Callable[[Sequence[BaseMessage]], str]


def retrieve_strategies(
    repository: StrategyRepository,
    *,
    query_from: QueryFrom,
    with_tools: bool = False,
    breaker: Breaker | None = None,
) -> Body:
    """Begin a run: open its record, and look for strategies to show the weak model.

    To find none is a normal result.  A repository or encoder that fails costs
    the run its strategies, never its answer; one that fails again and again is
    left alone for a while.

    Args:
        repository: Where the strategies live.
        query_from: Makes the text to search by out of the messages.
        with_tools: Whether calls with tools get strategies too: stored text has no
            business near tools unless asked.
        breaker: Decides when to leave a failing repository alone.
    """
    fuse = breaker or Breaker()

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        query = storable(query_from(state["messages"]))
        record = new_record(
            run_id=run.run_id or str(uuid7()),
            tenant=checked_tenant(run.tenant),
            encoder=repository.encoder.label,
        )
        hits: list[Hit] = []
        bare = with_tools or not run.model_kwargs.get("tools")
        if run.k and run.force != "strong" and query and bare:
            found = yield from _search(repository, fuse, query, run)
            if isinstance(found, Fault | str):
                record = with_fault(record, "retrieve_strategies", found)
            else:
                hits = found
        return {
            "query": query,
            "shown": [_shown(hit) for hit in hits],
            "attempt": None,
            "lesson": None,
            "record": amended(
                record,
                regime="augmented" if hits else "plain",
                strategies=[_noted(hit) for hit in hits],
            ),
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


def _search(
    repository: StrategyRepository, fuse: Breaker, query: str, run: Run
) -> Steps[list[Hit] | Fault | str]:
    if not fuse.allows():
        return "CircuitOpen"
    found = yield from attempt(
        repository.searching(query, tenant=run.tenant, k=run.k, min_similarity=run.min_similarity)
    )
    if isinstance(found, Fault):
        fuse.failed()
    else:
        fuse.succeeded()
    return found


def _shown(hit: Hit) -> dict[str, object]:
    advice = hit.strategy.advice
    return advice.model_dump(mode="json") if advice else {}


def _noted(hit: Hit) -> RetrievedStrategy:
    return RetrievedStrategy(id=hit.strategy.id, similarity=round(hit.similarity, 6))
