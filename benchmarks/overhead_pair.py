"""What the overhead is measured with: instant models, and a repository full of strategies."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr
from qdrant_edge import (
    EdgeShard,
    FieldCondition,
    Filter,
    MatchAny,
    MatchValue,
    Query,
    QueryRequest,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

from langchain_intercascade._steps import run
from langchain_intercascade.repository._edge_folder import KEYS
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.strategy import Advice, Origin, State, Strategy

TENANTS: Final = tuple(f"tenant-{number}" for number in range(10))
ANSWER: Final = "There are 42 of them left in the end."

ACCEPTING: Final = 0.5
DEFERRING: Final = 0.99
"""A threshold that the weak model, sure to .905 of every answer, does not reach."""

_DIFFERENT: Final = 5000
"""Pieces of advice that are drawn; a hundred thousand strategies have every one of them again."""

_MOMENT: Final = "2026-01-01T00:00:00+00:00"

_WORDS: Final = (  # noqa: SIM905 - as a list it would take a hundred lines
    "apples baskets carts drivers engines farmers gardens horses islands jackets kettles ladders "
    "markets needles oranges pencils quarries rivers shelves tickets umbrellas villages wagons "
    "yards zebras bridges candles doors eggs fences gloves hammers ink jars keys lamps mirrors "
    "check compare count divide draw find follow group keep list look mark move name note order "
    "read repeat sort split start state take test turn use write add carry each every first last "
    "sum total part whole value number letter line place side step rule case time day price unit"
).split()


class Instant(BaseChatModel):
    """A chat model that answers at once, in the shape of OpenAI's, with log-probabilities."""

    model_name: str = "gpt-4o-mini"
    text: str = ANSWER
    delay: float = 0.0
    """Seconds that an answer takes; others have their turn meanwhile."""
    tokens: int = 10

    _metadata: dict[str, Any] = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Make once what every answer carries."""
        super().model_post_init(context)
        entries = [{"token": "word", "logprob": -0.1, "bytes": None}] * self.tokens
        self._metadata = {
            "model_name": self.model_name,
            "finish_reason": "stop",
            "logprobs": {"content": entries, "refusal": None},
        }

    def _generate(
        self,
        messages: list[BaseMessage],  # noqa: ARG002 - in the contract
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **_: Any,
    ) -> ChatResult:
        if self.delay:
            time.sleep(self.delay)
        return self._result()

    async def _agenerate(
        self,
        messages: list[BaseMessage],  # noqa: ARG002 - in the contract
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **_: Any,
    ) -> ChatResult:
        if self.delay:
            await asyncio.sleep(self.delay)
        return self._result()

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _text(self) -> str:
        return self.text

    def _result(self) -> ChatResult:
        usage = UsageMetadata(input_tokens=60, output_tokens=10, total_tokens=70)
        message = AIMessage(
            content=self._text(), response_metadata=dict(self._metadata), usage_metadata=usage
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


class Teacher(Instant):
    """Writes another strategy each time, as a distiller that is asked of other queries does."""

    model_name: str = "gpt-4o"

    _drawn: Iterator[int] = PrivateAttr(default_factory=itertools.count)

    def _text(self) -> str:
        return json.dumps(advice(random.Random(next(self._drawn))))


def advice(rng: random.Random) -> dict[str, Any]:
    """Return advice of usual length (about 130 tokens) whose words are drawn."""

    def line(words: int) -> str:
        return " ".join(rng.choices(_WORDS, k=words)) + "."

    return {
        "title": line(6),
        "when_to_use": line(14),
        "steps": [line(14) for _ in range(4)],
        "pitfalls": [line(9)],
    }


def query_of(topic: int, number: int) -> str:
    """Return a query of twenty words: the same wording within a topic, and each a text of its own.

    The built-in encoder looks at no numbers, so the queries of a topic lie at one place.
    """
    return f"{_wording(topic)} How many are left after {number} days?"


@cache
def _wording(topic: int) -> str:
    return " ".join(random.Random(topic).choices(_WORDS, k=13)) + "."


@cache
def _template() -> Strategy:
    made = Strategy(
        id="template",
        tenant=TENANTS[0],
        state=State.PENDING,
        keys=(query_of(0, 0),),
        origin=Origin(run_id="run", strong_model="strong", prompt_version=1),
        created_at=_MOMENT,
        updated_at=_MOMENT,
    )
    news = {"activated_at": _MOMENT, "cost": 0.001, "reason": "admitted"}
    return made.changed(state=State.ACTIVE, **news)


@cache
def _drawn(number: int) -> Advice:
    return Advice.model_validate(advice(random.Random(number)))


def strategy_of(at: int, query: str) -> Strategy:
    """Return the strategy with this number, in use, of the tenant whose turn it is."""
    news = {
        "id": f"strategy-{at}",
        "tenant": TENANTS[at % len(TENANTS)],
        "keys": (query,),
        "advice": _drawn(at % _DIFFERENT),
    }
    return _template().model_copy(update=news)


def stocked(number: int) -> EdgeRepository:
    """Return a repository with `number` strategies, a few for each topic of each tenant."""
    repository = EdgeRepository()
    for at in range(number):
        run(repository.putting(strategy_of(at, query_of(at // len(TENANTS), at))))
    return repository


def shard_of(repository: EdgeRepository) -> EdgeShard:
    """Return the engine under `repository`, to be asked without anything of ours around it."""
    return repository._shard()  # noqa: SLF001 - there is no public way around ourselves


def bare_query(
    shard: EdgeShard, vector: Sequence[float], *, tenant: str | None, limit: int
) -> list[Any]:
    """Ask the engine itself for the nearest strategies in use, and read their payloads."""
    conditions: list[Any] = [FieldCondition(key="state", match=MatchAny([State.ACTIVE.value]))]
    if tenant is not None:
        conditions.append(FieldCondition(key="tenant", match=MatchValue(tenant)))
    nearest = Query.Nearest([list(vector)], using=KEYS)
    request = QueryRequest(limit, query=nearest, filter=Filter(must=conditions), with_payload=True)
    return [(point.payload, point.score) for point in shard.query(request)]


def bare_write(shard: EdgeShard, vector: Sequence[float]) -> None:
    """Have the engine itself write one strategy."""
    point = EdgePoint(str(uuid4()), {KEYS: [list(vector)]}, _template().stored())
    shard.update(UpdateOperation.upsert_points([point]))
