"""A thousand runs at once are not a thousand calls at once."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_intercascade import ConfigurationError, InterCascade, SelfConsistency
from langchain_intercascade.testing import Reply
from tests.cascades import QUERY, Host, cascade_of, strong_model, weak_model
from tests.conftest import Colour


@dataclass
class Busy:
    """How many calls are in flight at once, and at most so far."""

    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


class BusyModel(Runnable[Any, AIMessage]):
    """A model that takes a moment, and counts who is being served."""

    def __init__(self, text: str) -> None:
        self.busy = Busy()
        self._answer = AIMessage(text)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> AIMessage:
        del input, config
        with self.busy:
            time.sleep(0.002)
            return self._answer

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **_: Any
    ) -> AIMessage:
        del input, config
        with self.busy:
            await asyncio.sleep(0.002)
            return self._answer


def answered(cascade: InterCascade, colour: Colour, runs: int) -> list[str]:
    """What so many runs at once answer."""
    queries = [f"How much is {number} and 1?" for number in range(runs)]

    def blocking() -> list[AIMessage]:
        with ThreadPoolExecutor(16) as threads:
            return list(threads.map(cascade.invoke, queries))

    async def awaited() -> list[AIMessage]:
        return await asyncio.gather(*map(cascade.ainvoke, queries))

    return [answer.text for answer in colour.run(blocking, awaited)]


def test_many_runs_share_a_few_calls(colour: Colour) -> None:
    """Every run gets its answer; the weak model is asked by three at a time, the strong by two."""
    weak, strong = BusyModel("maybe"), BusyModel("surely")
    limits = {"weak": 3, "strong": 2}
    with InterCascade(
        weak=weak,
        strong=strong,
        confidence=lambda _: 0.1,
        threshold=0.5,
        learning="off",
        k=0,
        max_concurrency=limits,
    ) as cascade:
        answers = answered(cascade, colour, 60)
        slots = cascade.stats().slots

    assert answers == ["surely"] * 60
    assert weak.busy.most <= 3
    assert strong.busy.most <= 2
    if colour.name == "async":  # how far threads overlap is up to the machine
        assert {name: state.most for name, state in slots.items()} == limits
    assert {state.in_flight + state.waiting for state in slots.values()} == {0}


def test_samples_of_the_weak_model_count_as_well(colour: Colour) -> None:
    """A confidence function that asks it four times at once has to wait like anybody."""
    weak = BusyModel("5")
    with InterCascade(
        weak=weak,
        strong=strong_model(),
        confidence=SelfConsistency(samples=4),
        threshold=0.5,
        learning="off",
        k=0,
        max_concurrency={"weak": 2},
    ) as cascade:
        answers = answered(cascade, colour, 4)

    assert answers == ["5"] * 4
    assert weak.busy.most <= 2


def test_without_limits_models_are_called_as_they_were_given(colour: Colour) -> None:
    weak = BusyModel("maybe")
    with InterCascade(
        weak=weak,
        strong=strong_model(),
        confidence=lambda _: 1.0,
        learning="off",
        k=0,
    ) as cascade:
        answers = answered(cascade, colour, 12)

        assert answers == ["maybe"] * 12
        assert colour.name == "sync" or weak.busy.most == 12
        assert cascade.stats().slots == {}


def test_a_full_weak_model_defers_in_time_and_is_not_at_fault(host: Host) -> None:
    """Whoever waits too long for a slot is deferred; no breaker counts that."""
    weak = weak_model()
    options: dict[str, Any] = {
        "learning": "off",
        "max_concurrency": {"weak": 1},
        "timeouts": {"weak": 0.01},
    }
    with cascade_of(weak, **options) as cascade:
        cascade.safeguards.slots["weak"].take()
        records = [host.ask(cascade)[1] for _ in range(6)]
        cascade.safeguards.slots["weak"].give_back()

        assert {record["reason"] for record in records} == {"weak_failed"}
        assert records[0]["faults"] == [{"where": "weak_generate", "error": "NoSlotError"}]
        assert cascade.stats().breakers["weak"].in_a_row == 0
        assert weak.call_count == 0


def test_tools_and_schemas_are_bound_inside_the_limits(colour: Colour) -> None:
    """Each call still counts, and is bound as the model itself would bind it."""
    schema = {"title": "Pears", "type": "object", "properties": {"n": {"type": "integer"}}}
    reply = {"name": "Pears", "args": {"n": 5}, "id": "1"}

    strong = strong_model(Reply("", tool_calls=[reply]))
    with cascade_of(strong=strong, max_concurrency={"weak": 1, "strong": 1}) as cascade:
        structured = cascade.with_structured_output(schema)
        value = colour.invoke(structured, QUERY)

        assert value == {"n": 5}
        assert cascade.stats().slots["strong"].most == 1
        assert strong.kwargs_seen[0]["tools"][0]["function"]["name"] == "Pears"


@pytest.mark.parametrize("given", [{"weak": 0}, {"weak": 1.5}, {"weak": True}, {"judge": 1}, 64])
def test_limits_that_are_none_are_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_concurrency"):
        cascade_of(max_concurrency=given)
