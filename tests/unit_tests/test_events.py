"""User interfaces are told what the cascade decides, without any text."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage

from langchain_intercascade.testing import Reply
from tests.cascades import QUERY, SURE, cascade_of, weak_model
from tests.conftest import Colour

DEFERRED = ["retrieved", "gated", "deferred", "learned"]


class Listener(BaseCallbackHandler):
    """Keeps the custom events it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        self.heard.append((name.removeprefix("inter_cascade."), data))


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_a_callback_hears_each_decision_once(colour: Colour, how: str) -> None:
    """In order, with the run's id and what the record says."""
    listener = Listener()
    with cascade_of() as cascade:
        result = getattr(colour, how)(cascade, QUERY, {"callbacks": [listener]})
        answer = result if how == "invoke" else sum(result[1:], start=result[0])

    record = answer.response_metadata["inter_cascade"]
    heard = dict(listener.heard)
    assert [name for name, _ in listener.heard] == DEFERRED
    assert {data["run_id"] for data in heard.values()} == {record["run_id"]}
    assert heard["gated"]["confidence"] == record["confidence"]
    assert heard["learned"]["lesson"] == record["lesson"]
    assert "pears" not in str(listener.heard)


def test_an_accepted_answer_is_neither_deferred_nor_learned(colour: Colour) -> None:
    """Two events."""
    listener = Listener()
    with cascade_of(weak_model(Reply("five", logprob=SURE))) as cascade:
        colour.invoke(cascade, QUERY, {"callbacks": [listener]})

    assert [name for name, _ in listener.heard] == ["retrieved", "gated"]


def test_a_graph_writes_them_to_its_custom_stream(colour: Colour) -> None:
    """And to callbacks."""
    listener = Listener()
    asked = {"messages": [HumanMessage(QUERY)]}
    with cascade_of() as cascade:
        seen: list[Any] = colour.stream(
            cascade.graph, asked, {"callbacks": [listener]}, stream_mode="custom"
        )

    assert [each["event"] for each in seen] == [f"inter_cascade.{name}" for name in DEFERRED]
    assert [name for name, _ in listener.heard] == DEFERRED
    assert "pears" not in str(seen)


async def test_event_streams_show_them() -> None:
    """`astream_events`, of the chat model as of the graph."""
    with cascade_of() as cascade:
        both: list[Any] = [
            (cascade, QUERY),
            (cascade.graph, {"messages": [HumanMessage(QUERY)]}),
        ]
        for runnable, asked in both:
            events = [
                event["name"]
                async for event in runnable.astream_events(asked, version="v2")
                if event["event"] == "on_custom_event"
            ]
            assert [name.removeprefix("inter_cascade.") for name in events][:3] == DEFERRED[:3]
