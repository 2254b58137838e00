"""One algorithm: graph and chat model, sync and async, do the same to the last field."""

from __future__ import annotations

import random
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_intercascade import InterCascade
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import ADVICE, UNSURE, Host, is_distil_prompt
from tests.conftest import Colour

THINGS = ("pears", "books", "coins", "boats")


def stream_of(seed: int, length: int = 24) -> list[str]:
    """A stream of queries in which kinds of problem come back."""
    draw = random.Random(seed)
    return [
        f"Anna has {draw.randint(2, 9)} {thing} and Ben has {draw.randint(2, 9)} {thing}. "
        f"How many {thing} do they have together?"
        for thing in draw.choices(THINGS, k=length)
    ]


def pair() -> tuple[ScriptedChatModel, ScriptedChatModel]:
    """A weak model that is sure with a strategy, fails at times, and a strong one that teaches."""

    def weak(messages: list[BaseMessage]) -> Reply:
        text = messages[-1].text
        if "9 boats" in text:
            return Reply(error=ConnectionError("down"))
        if "9 coins" in text:
            return Reply("nine", logprob=None)
        return Reply("together", logprob=-0.1 if "<strategies" in text else UNSURE)

    def strong(messages: list[BaseMessage]) -> Reply | str:
        if not is_distil_prompt(messages):
            return Reply("They add up.", cost=0.25)
        return ADVICE if "books" not in messages[-1].text else "no strategy"

    return (
        ScriptedChatModel(respond=weak, model_name="w"),
        ScriptedChatModel(respond=strong, model_name="s"),
    )


def test_every_host_and_colour_leaves_the_same_behind(colours: list[Colour]) -> None:
    """Answers, decision records and the repository's contents are equal."""
    traces = [_trace(Host(name, colour)) for name in ("chat_model", "graph") for colour in colours]

    assert len(traces) == 4
    assert {record["route"] for record in traces[0]["records"]} == {"weak", "strong"}
    assert any(record["faults"] for record in traces[0]["records"])
    for other in traces[1:]:
        assert other == traces[0]


def _trace(host: Host) -> dict[str, Any]:
    weak, strong = pair()
    with InterCascade(weak=weak, strong=strong, threshold=0.5, learning="inline") as cascade:
        asked = [host.ask(cascade, query) for query in stream_of(seed=7)]
        return {
            "answers": [answer.content for answer, _ in asked],
            "records": [_timeless(dict(record)) for _, record in asked],
            "stored": [_timeless(s.payload()) for s in cascade.repository.scan(tenant="default")],
            "stamped": [
                _timeless(dict(answer.response_metadata["inter_cascade"])) for answer, _ in asked
            ],
        }


def _timeless(found: Any) -> Any:
    """Leave out what differs between any two runs: times and the ids of runs."""
    if isinstance(found, dict):
        skipped = {
            "latency_ms",
            "run_id",
            "created_at",
            "updated_at",
            "stamps",
            "at",
            "activated_at",
        }
        return {name: _timeless(value) for name, value in found.items() if name not in skipped}
    return [_timeless(each) for each in found] if isinstance(found, list) else found
