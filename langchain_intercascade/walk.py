"""The graph's edges walked by hand: the host without LangGraph.

A nested graph run costs three to ten times as much and leaks its messages into
an outer graph's stream, so the chat model runs the six bodies like this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from langchain_intercascade._events import announced
from langchain_intercascade.nodes.confidence_gate import accept_or_defer
from langchain_intercascade.state import CascadeState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from langchain_intercascade._steps import Steps
    from langchain_intercascade.parts import Nodes
    from langchain_intercascade.state import Body, Run, Update


def walk(
    nodes: Nodes, messages: Sequence[BaseMessage], run: Run, *, heard: bool = True
) -> Steps[CascadeState]:
    """Run the six bodies over `messages`; the last message of the final state is the answer.

    Args:
        nodes: The bodies.
        messages: What the caller asked.
        run: How.
        heard: Whether anybody may be listening to the nodes' events.
    """
    state = cast("CascadeState", {"messages": list(messages)})
    for name, body in zip(nodes._fields, nodes, strict=True):
        if name == "strong_generate" and accept_or_defer(state) == "accept":
            break
        told: Body = announced(name, body) if heard else body
        state = _absorbed(state, (yield from told(state, run)))
    return state


def _absorbed(state: CascadeState, update: Update) -> CascadeState:
    """Return `state` with `update`; as with LangGraph, a message replaces that of the same id."""
    merged = {**state, **update}
    if "messages" in update:
        new = {message.id for message in update["messages"]}
        old = [each for each in state["messages"] if each.id is None or each.id not in new]
        merged["messages"] = [*old, *update["messages"]]
    return cast("CascadeState", merged)
