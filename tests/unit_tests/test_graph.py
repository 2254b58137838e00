"""The graph as a LangGraph citizen: streams, checkpoints, subgraphs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from langchain_intercascade import create_inter_cascade
from langchain_intercascade.state import CascadeOutput
from langchain_intercascade.testing import Reply
from tests.cascades import QUERY, SIBLING, UNSURE, cascade_of, strong_model, weak_model
from tests.conftest import Colour


def deferring_graph() -> Any:
    """A graph whose weak answer is rejected and carries a canary."""
    weak = weak_model(Reply("CANARY words here", logprob=UNSURE))
    return create_inter_cascade(weak, strong_model(), threshold=0.5)


def test_tokens_stream_from_the_strong_node_once(colour: Colour) -> None:
    """`stream_mode="messages"` names the node and shows each token once."""
    graph = deferring_graph().compile()
    seen = colour.stream(graph, {"messages": [HumanMessage(QUERY)]}, stream_mode="messages")
    said = [(m.content, meta["langgraph_node"]) for m, meta in seen if m.content]

    assert [text for text, _ in said] == ["They", " have", " five", " pears."]
    assert {node for _, node in said} == {"strong_generate"}


def test_the_chat_model_inside_a_graph_streams_its_tokens_once(colour: Colour) -> None:
    """The inner models' tokens are kept out, the cascade's own come through."""
    with cascade_of(weak_model(Reply("CANARY", logprob=UNSURE))) as cascade:
        outer = StateGraph(MessagesState)

        def call(state: MessagesState) -> dict[str, Any]:
            return {"messages": [cascade.invoke(state["messages"])]}

        outer.add_node("call", call)
        outer.add_edge(START, "call")
        seen = colour.stream(
            outer.compile(), {"messages": [HumanMessage(QUERY)]}, stream_mode="messages"
        )
    said = [m.content for m, _ in seen if m.content]

    assert said == ["They", " have", " five", " pears."]


def test_a_checkpointed_conversation_goes_on(colour: Colour) -> None:
    """Two turns over one thread; each turn has a record of its own."""
    graph = deferring_graph().compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "one"}}
    first = colour.invoke(graph, {"messages": [HumanMessage(QUERY)]}, config)
    second = colour.invoke(graph, {"messages": [HumanMessage(SIBLING)]}, config)
    state = graph.get_state(config).values

    assert [m.type for m in second["messages"]] == ["human", "ai", "human", "ai"]
    assert first["record"]["run_id"] != second["record"]["run_id"]
    assert second["record"]["regime"] == "augmented"
    assert isinstance(state["messages"][-1], AIMessage)
    assert isinstance(state["record"], dict)


STRICTLY = """
import warnings
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from tests.cascades import QUERY
from tests.unit_tests.test_graph import deferring_graph
warnings.simplefilter("error")
saver, before = InMemorySaver(), ["strong_generate"]
graph = deferring_graph().compile(checkpointer=saver, interrupt_before=before)
config = {"configurable": {"thread_id": "one"}}
graph.invoke({"messages": [HumanMessage(QUERY)]}, config)
final = graph.invoke(None, config)
kept = graph.get_state(config).values
assert final["messages"][-1].content == "They have five pears.", final
assert type(kept["messages"][-1]) is AIMessage and type(kept["record"]) is dict, kept
assert kept["record"]["lesson"]["state"] == "stored", kept
"""


def test_every_step_survives_a_strict_checkpointer() -> None:
    """Stopped before the strong model and resumed, where only plain types may be read back."""
    done = subprocess.run(
        [sys.executable, "-c", STRICTLY],
        env={**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_context_changes_one_run(colour: Colour) -> None:
    """A threshold in the context changes the route; an invalid one is refused."""
    graph = deferring_graph().compile()
    asked = {"messages": [HumanMessage(QUERY)]}
    result = colour.invoke(graph, asked, context={"threshold": 0.1})

    assert result["record"]["route"] == "weak"
    with pytest.raises(ValueError, match="threshold"):
        colour.invoke(graph, asked, context={"threshold": 7})


def test_its_input_is_messages_and_its_output_names_the_record() -> None:
    """So that Studio shows a chat and a typed result."""
    graph = deferring_graph().compile()

    assert list(graph.get_input_jsonschema()["properties"]) == ["messages"]
    assert list(graph.get_output_jsonschema()["properties"]) == ["messages", "record"]
    assert set(graph.get_context_jsonschema()["properties"]) == {
        "threshold",
        "tenant",
        "k",
        "min_similarity",
        "learning",
        "force",
        "source",
        "snapshot",
    }


@pytest.mark.parametrize("mode", ["values", "updates"])
def test_streams_show_the_answer_and_the_record_only(colour: Colour, mode: str) -> None:
    """The working parts of the state are nobody's business."""
    graph = deferring_graph().compile()
    seen: list[Any] = colour.stream(graph, {"messages": [HumanMessage(QUERY)]}, stream_mode=mode)
    states = [list(each.values()) if mode == "updates" else [each] for each in seen]

    shown = {name for state in states for update in state if update for name in update}
    assert shown == {"messages", "record"}


@dataclass
class Theirs:
    """The context of somebody else's graph, which happens to know the tenant."""

    user: str = "Ines"
    tenant: str = "acme"


@pytest.mark.parametrize("context", [{"user": "Ines", "tenant": "acme"}, Theirs(), None])
def test_inside_another_graph_its_context_is_read_as_far_as_it_is_ours(
    colour: Colour, context: Any
) -> None:
    """Whatever its type; the rest is somebody else's."""
    outer: Any = StateGraph(CascadeOutput, context_schema=Theirs)
    outer.add_node("cascade", deferring_graph().compile())
    outer.add_edge(START, "cascade")
    asked = {"messages": [HumanMessage(QUERY)]}
    result = colour.invoke(outer.compile(), asked, context=context)

    assert result["record"]["tenant"] == ("acme" if context else "default")
