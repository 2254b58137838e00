"""This is where the six nodes become a LangGraph graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime

from langchain_intercascade._events import announced
from langchain_intercascade._seal import sealed, unsealed
from langchain_intercascade._steps import Steps, arun, run
from langchain_intercascade.assembly import build_parts
from langchain_intercascade.nodes.confidence_gate import accept_or_defer
from langchain_intercascade.options import Options
from langchain_intercascade.state import (
    CascadeInput,
    CascadeOutput,
    CascadeState,
    Settings,
    settings_in,
)

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from langchain_intercascade.models import Model
    from langchain_intercascade.parts import Parts
    from langchain_intercascade.state import Body, Run, Update

PUBLIC = ("messages", "record")
"""The parts of the state that are streamed. The weak attempt is not one of them."""


def create_inter_cascade(
    weak: Model, strong: Model, **options: Unpack[Options]
) -> StateGraph[CascadeState, Settings, CascadeInput, CascadeOutput]:
    """Return the cascade as an uncompiled graph, so that you choose its checkpointer and store.

    Its input is `{"messages": [...]}`, its output the conversation with the
    answer and the decision record.  `Settings` is its context schema: threshold,
    tenant, k and learning may differ from call to call.

    Args:
        weak: The cheap model.
        strong: The expensive model.
        **options: As for `InterCascade`; here `learning` is `"inline"` unless said otherwise.

    Raises:
        ConfigurationError: Something can never work as configured.

    Examples:
        >>> from langchain_intercascade.testing import ScriptedChatModel
        >>> weak = ScriptedChatModel(replies=["four"])
        >>> strong = ScriptedChatModel(replies=["4"])
        >>> graph = create_inter_cascade(weak, strong, threshold=0.5).compile()
        >>> result = graph.invoke({"messages": ["What is 2 + 2?"]})
        >>> result["messages"][-1].content, result["record"]["route"]
        ('four', 'weak')
    """
    return build_graph(build_parts(weak, strong, **options))


def build_graph(
    parts: Parts,
) -> StateGraph[CascadeState, Settings, CascadeInput, CascadeOutput]:
    """Return the graph over `parts`."""
    graph = _CascadeGraph(
        CascadeState,
        context_schema=Settings,
        input_schema=CascadeInput,
        output_schema=CascadeOutput,
    )
    for name, body in parts.nodes._asdict().items():
        graph.add_node(name, _Node(name, body, parts.run))
    graph.add_edge(START, "retrieve_strategies")
    graph.add_edge("retrieve_strategies", "weak_generate")
    graph.add_edge("weak_generate", "confidence_gate")
    graph.add_conditional_edges(
        "confidence_gate", accept_or_defer, {"accept": END, "defer": "strong_generate"}
    )
    graph.add_edge("strong_generate", "distill_strategy")
    graph.add_edge("distill_strategy", "store")
    graph.add_edge("store", END)
    return graph


class _CascadeGraph(StateGraph[CascadeState, Settings, CascadeInput, CascadeOutput]):
    """A graph whose streams show the public parts of the state only."""

    def compile(
        self, *args: Any, **kwargs: Any
    ) -> CompiledStateGraph[CascadeState, Settings, CascadeInput, CascadeOutput]:
        compiled = super().compile(*args, **kwargs)
        # "values" and "updates" would otherwise show the working parts too.
        compiled.stream_channels = list(PUBLIC)
        return compiled


class _Node(Runnable["CascadeState", "Update"]):
    """Runs one body as a graph node, in the colour in which the graph runs.

    A `RunnableLambda` of two functions would add a second run of the same name
    to every trace.
    """

    def __init__(self, name: str, body: Body, built: Run) -> None:
        self.name = name
        self._body = announced(name, body, also=_write)
        self._built = built

    def invoke(
        self,
        input: CascadeState,
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> Update:
        return sealed(run(self._steps(input), config))

    async def ainvoke(
        self,
        input: CascadeState,
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> Update:
        return sealed(await arun(self._steps(input), config))

    def _steps(self, state: CascadeState) -> Steps[Update]:
        # Without a context LangGraph's runtime holds `None`; inside another graph, that graph's.
        settings = settings_in(get_runtime(Settings).context)
        return self._body(unsealed(state), self._built.under(settings))


def _write(event: dict[str, Any]) -> None:
    """Write to the `custom` stream of the run that this node is part of."""
    get_stream_writer()(event)
