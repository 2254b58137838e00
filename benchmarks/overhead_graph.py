"""What the graph costs beside a bare LangGraph graph of six nodes with the same model calls."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Annotated, Any, Final, TypedDict

from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.runnables import Runnable
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from benchmarks.overhead_calls import COLOURS
from benchmarks.overhead_cascades import STRATEGIES, Stub, graph
from benchmarks.overhead_clock import Block, Row, Times, awaited, compared, each, interleaved
from benchmarks.overhead_pair import ACCEPTING, DEFERRING, Instant, Teacher, query_of, stocked

TARGET: Final = 1.4
_ROUTES: Final = {"accepted": ACCEPTING, "deferred": DEFERRING}
_WHY: Final = {
    "accepted": "the record, the accounts and the counters are kept, the weak answer is sealed, "
    "and each node tells what it did",
    "deferred": "the lesson is written, claimed, checked, stored and counted before the answer "
    "returns, in half a dozen requests to the stub, and the bare graph does nothing of the kind",
}
_STUB: Final = (
    "bare: six nodes of the same names, edges and state, the same model calls, a stub for "
    "retrieval and nothing stored; ours has a stub too: it finds nothing and stores at once"
)
_ENGINE: Final = (
    "bare: the same, with a stub for retrieval and nothing stored; ours searches "
    f"{STRATEGIES:,} strategies, and stores durably"
)


class _Bare(TypedDict, total=False):
    """The state of the bare graph: as many keys as ours has."""

    messages: Annotated[list[AnyMessage], add_messages]
    record: dict[str, Any]
    query: str
    shown: list[dict[str, Any]]
    attempt: dict[str, Any] | None
    lesson: dict[str, Any] | None


def graphs(*, rounds: int, per_round: int) -> list[Row]:
    """Measure both routes in both colours; a lesson is learned before the answer returns."""
    rows: list[Row] = []
    for colour in COLOURS:
        contest = _Contest(colour)
        times = interleaved(contest.blocks, rounds=rounds, calls=per_round)
        contest.close()
        for route in _ROUTES:
            rows += _rows_of(times, route, colour)
    return rows


def _rows_of(times: Times, route: str, colour: str) -> list[Row]:
    """Return what is like for like, with its target, and what it takes with all that we do."""
    bare = f"bare {route}"
    return [
        compared(
            f"graph, {route}, {colour}",
            times,
            route,
            bare,
            target=TARGET,
            why=_WHY[route],
            note=_STUB,
        ),
        compared(
            f"graph with a real engine, {route}, {colour}",
            times,
            f"{route} with an engine",
            bare,
            note=_ENGINE,
        ),
    ]


class _Contest:
    """The six graphs of one colour."""

    def __init__(self, colour: str) -> None:
        self._colour = colour
        self._loop = asyncio.new_event_loop()
        self._queries = (query_of(number % 40, number) for number in itertools.count(10_000))
        self._stocked = [stocked(STRATEGIES) for _ in _ROUTES]
        self.blocks: dict[str, Block] = {}
        for (route, threshold), repository in zip(_ROUTES.items(), self._stocked, strict=True):
            self.blocks[route] = self._asking(graph(Stub(), threshold))
            self.blocks[f"{route} with an engine"] = self._asking(graph(repository, threshold))
            self.blocks[f"bare {route}"] = self._asking(bare_graph(colour, route))

    def close(self) -> None:
        for repository in self._stocked:
            repository.close()
        self._loop.close()

    def _asking(self, asked: Runnable[Any, Any]) -> Block:
        def messages() -> dict[str, Any]:
            return {"messages": [HumanMessage(next(self._queries))]}

        if self._colour == "sync":
            return each(lambda: asked.invoke(messages()))
        return awaited(lambda: asked.ainvoke(messages()), self._loop)


def bare_graph(colour: str, route: str) -> Runnable[Any, Any]:
    """Return the graph that a reader of LangGraph's tutorial would write, in one colour."""
    bodies = _Bodies(colour, route)
    graph = StateGraph(_Bare)
    graph.add_node("retrieve_strategies", bodies.plain(bodies.retrieve))
    graph.add_node("weak_generate", bodies.calling(Instant(), bodies.tried))
    graph.add_node("confidence_gate", bodies.plain(bodies.gate))
    strong = Instant(model_name="gpt-4o")
    graph.add_node("strong_generate", bodies.calling(strong, bodies.answered))
    graph.add_node("distill_strategy", bodies.calling(Teacher(), bodies.distilled))
    graph.add_node("store", bodies.plain(bodies.store))
    graph.add_edge(START, "retrieve_strategies")
    graph.add_edge("retrieve_strategies", "weak_generate")
    graph.add_edge("weak_generate", "confidence_gate")
    graph.add_conditional_edges(
        "confidence_gate",
        lambda state: state["record"]["route"],
        {"accepted": END, "deferred": "strong_generate"},
    )
    graph.add_edge("strong_generate", "distill_strategy")
    graph.add_edge("distill_strategy", "store")
    graph.add_edge("store", END)
    return graph.compile()


class _Bodies:
    """The least that the six nodes can do, in one colour."""

    def __init__(self, colour: str, route: str) -> None:
        self._colour, self._route = colour, route

    def plain(self, update: Callable[[_Bare], dict[str, Any]]) -> Any:
        """Return the node that makes `update` of the state."""

        async def anode(state: _Bare) -> dict[str, Any]:
            return update(state)

        return update if self._colour == "sync" else anode

    def calling(self, model: Instant, update: Callable[[Any], dict[str, Any]]) -> Any:
        """Return the node that asks `model` and makes `update` of its reply."""

        def node(state: _Bare) -> dict[str, Any]:
            return update(model.invoke(state["messages"]))

        async def anode(state: _Bare) -> dict[str, Any]:
            return update(await model.ainvoke(state["messages"]))

        return node if self._colour == "sync" else anode

    def retrieve(self, state: _Bare) -> dict[str, Any]:
        """Find nothing, at once."""
        return {"query": state["messages"][-1].text, "shown": [], "record": {"tenant": "t"}}

    def tried(self, reply: Any) -> dict[str, Any]:
        """Keep the weak answer."""
        return {"attempt": {"message": reply}}

    def gate(self, state: _Bare) -> dict[str, Any]:
        """Decide what was decided before."""
        record = {**state["record"], "route": self._route}
        tried = state["attempt"] or {}
        if self._route == "deferred":
            return {"record": record}
        return {"messages": [tried["message"]], "record": record}

    def answered(self, reply: Any) -> dict[str, Any]:
        """Answer with the strong model."""
        return {"messages": [reply], "lesson": {"answer": reply.text}}

    def distilled(self, reply: Any) -> dict[str, Any]:
        """Keep the advice."""
        return {"lesson": {"advice": reply.text}}

    def store(self, state: _Bare) -> dict[str, Any]:
        """Store nothing, at once."""
        return {"lesson": None, "attempt": None, "record": {**state["record"], "lesson": "kept"}}
