"""Stand-ins for everybody a cascade asks: each works, until the plan says that it fails."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import UsageMetadata
from qdrant_client import QdrantClient

from benchmarks.reliability_faults_kinds import AHEAD
from benchmarks.reliability_faults_plan import Plan
from langchain_intercascade import EdgeRepository, HashingEmbeddings, StrategyRepository
from langchain_intercascade.costs.table import Table, TablePrice
from langchain_intercascade.learning import leases
from langchain_intercascade.repository.operations import Delete, Dump, Operation, Swap, Write
from langchain_intercascade.testing import Reply, ScriptedChatModel

DIMENSION: Final = 64

_NOT_A_NUMBER: Final = float("nan")
_LEARNER: Final = "inter-cascade-learner"


def model(
    plan: Plan, who: str, script: Callable[[list[BaseMessage]], Reply], *, again: str = ""
) -> ScriptedChatModel:
    """Return a model with a script; `again` names it when it is not asked for the first time."""

    def respond(messages: list[BaseMessage]) -> Reply:
        asked_again = again and (plan.behind or plan.counts[who])
        return plan.said(plan.reached(again if asked_again else who), script(messages))

    return ScriptedChatModel(respond=respond, model_name=f"{who}-model")


def function(plan: Plan, who: str, found: Callable[..., Any], wrong: Any) -> Callable[..., Any]:
    """Return a function of the user's, which returns what `found` does, or else `wrong`."""
    bad = {"malformed": wrong, "empty": None}

    def asked(*arguments: Any) -> Any:
        return plan.answered(who, lambda: found(*arguments), bad=bad)

    return asked


class Encoder(HashingEmbeddings):
    """An encoder that may fail, or return what is no vector."""

    bad: ClassVar = {"malformed": [_NOT_A_NUMBER] * DIMENSION, "empty": []}

    def __init__(self, plan: Plan) -> None:
        """Work by `plan`."""
        super().__init__(DIMENSION)
        self._plan = plan

    def embed_query(self, text: str) -> list[float]:
        """Encode."""
        encode = partial(HashingEmbeddings.embed_query, self, text)
        return self._plan.answered("encoder", encode, bad=self.bad)

    async def aembed_query(self, text: str) -> list[float]:
        """Encode."""

        async def encode() -> list[float]:
            return HashingEmbeddings.embed_query(self, text)

        return await self._plan.aanswered("encoder", encode, bad=self.bad)


class Folder(StrategyRepository):
    """A repository on a disk that may fail. The folder itself is opened once: it takes a second."""

    engine: ClassVar[str] = "edge"
    exclusive: ClassVar[bool] = True
    bad: ClassVar = {"malformed": "<html>"}

    def __init__(self, opened: EdgeRepository, plan: Plan) -> None:
        """Keep strategies in `opened`, by `plan`; begin with none."""
        super().__init__(embeddings=Encoder(plan))
        self._opened = opened
        self._plan = plan
        opened.create(DIMENSION)
        there = opened.execute(Dump(limit=10_000))
        opened.execute(Delete(tuple(point.id for point in there)))

    @property
    def location(self) -> str:
        """The folder."""
        return self._opened.location

    def create(self, dimension: int) -> None:
        """Open it."""
        opening = partial(self._opened.create, dimension)
        self._plan.answered("repository", opening, write=True)

    async def acreate(self, dimension: int) -> None:
        """Open it."""
        opening = partial(self._opened.acreate, dimension)
        await self._plan.aanswered("repository", opening, write=True)

    def execute(self, operation: Operation) -> Any:
        """Carry out one operation."""
        write = isinstance(operation, Write | Swap | Delete)
        done = partial(self._opened.execute, operation)
        return self._plan.answered("repository", done, bad=self.bad, write=write)

    async def aexecute(self, operation: Operation) -> Any:
        """Carry out one operation."""
        write = isinstance(operation, Write | Swap | Delete)
        done = partial(self._opened.aexecute, operation)
        return await self._plan.aanswered("repository", done, bad=self.bad, write=write)


class Client(QdrantClient):
    """A client of a Qdrant database in memory, each request of which may fail."""

    requests: ClassVar = frozenset(
        {"collection_exists", "create_collection", "get_collection", "count", "retrieve"}
        | {"query_points", "scroll", "upsert", "delete"}
    )

    def __init__(self, plan: Plan) -> None:
        """Work by `plan`."""
        super().__init__(":memory:")
        self.plan = plan

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in Client.requests:
            return found
        plan, write = self.plan, name in {"upsert", "delete"}
        return lambda *given, **named: plan.answered(
            "client", partial(found, *given, **named), write=write
        )


@dataclass(frozen=True, slots=True)
class _Tariff(TablePrice):
    plan: Plan

    def of(self, usage: UsageMetadata) -> float | None:
        return self.plan.answered(
            "prices", lambda: usage["total_tokens"] / 1e6, bad={"malformed": _NOT_A_NUMBER}
        )


class PriceTable(Table):
    """A table of prices that may fail at looking up, and at adding up."""

    def __init__(self, plan: Plan) -> None:
        """Work by `plan`."""
        self._plan = plan

    def of(self, model: str, provider: str = "") -> TablePrice | None:
        """Return the price."""
        return self._plan.answered(
            "prices",
            lambda: _Tariff(model, provider, "here", self._plan),
            bad={"malformed": "cheap"},
        )


class Listener(BaseCallbackHandler):
    """A tracer of the user's that may fail."""

    def __init__(self, plan: Plan) -> None:
        """Work by `plan`."""
        self._plan = plan

    def _told(self, *_: Any, **__: Any) -> None:
        self._plan.answered("callback", lambda: None)

    on_chat_model_start = on_llm_end = on_llm_error = on_custom_event = _told


@contextmanager
def threads_by(plan: Plan) -> Iterator[None]:
    """Let the start of the learner's thread be a call that may fail."""
    start = threading.Thread.start

    def tapped(thread: threading.Thread) -> None:
        if thread.name == _LEARNER:
            plan.answered("thread", lambda: start(thread))
        else:
            start(thread)

    setattr(threading.Thread, "start", tapped)  # noqa: B010 - a method is assigned to
    try:
        yield
    finally:
        setattr(threading.Thread, "start", start)  # noqa: B010 - as above


@contextmanager
def clock_by(plan: Plan, *, offset: dt.timedelta | None = None) -> Iterator[None]:
    """Let the clock by which leases are told be one that may jump; it is `offset` ahead."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            moment = dt.datetime.now(tz) + (offset or dt.timedelta())
            if (kind := plan.reached("clock")) is None:
                return moment
            hour = dt.timedelta(hours=1)
            return moment + hour if kind is AHEAD else moment - hour

    true = getattr(leases, "datetime")  # noqa: B009 - as below
    setattr(leases, "datetime", Clock)  # noqa: B010 - a name of another module
    try:
        yield
    finally:
        setattr(leases, "datetime", true)  # noqa: B010 - as above
