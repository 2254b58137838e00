"""The graph that `langgraph dev` serves, to be watched in LangGraph Studio; see `langgraph.json`.

The environment names its models.  Where it names none, the simulated pair takes
their place, which needs neither a key nor a network, and the graph's name says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.graph import create_inter_cascade
from langchain_intercascade.parts import as_model
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.state import Settings
from langchain_intercascade.testing import PRICES, SimulatedStrong, SimulatedWeak

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from langchain_intercascade.parts import Options
    from langchain_intercascade.threshold.base import ThresholdValue

WEAK: Final = "INTERCASCADE_WEAK"
STRONG: Final = "INTERCASCADE_STRONG"
PATH: Final = "INTERCASCADE_PATH"
THRESHOLD: Final = "INTERCASCADE_THRESHOLD"


def graph_from(environment: Mapping[str, str]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the graph that `environment` describes; an empty variable is as good as none.

    Args:
        environment: `INTERCASCADE_WEAK` and `INTERCASCADE_STRONG` are strings for
            `init_chat_model`, such as `openai:gpt-4o-mini`, both or neither.
            `INTERCASCADE_PATH` is the folder of the strategies; without it they are
            forgotten at the end.  `INTERCASCADE_THRESHOLD` is a number from 0 to 1 or
            `always_defer`.

    Raises:
        ConfigurationError: One of them cannot work; the message names it.

    Examples:
        >>> graph_from({}).name
        'inter_cascade (simulated)'
    """
    weak, strong = environment.get(WEAK), environment.get(STRONG)
    options: Options = {
        "repository": EdgeRepository(environment.get(PATH) or None),
        "threshold": _threshold(environment.get(THRESHOLD)),
    }
    if not weak and not strong:
        graph = create_inter_cascade(SimulatedWeak(), SimulatedStrong(), prices=PRICES, **options)
        return graph.compile(name="inter_cascade (simulated)")
    if not weak or not strong:
        msg = f"{WEAK}={weak!r} and {STRONG}={strong!r}: set both, or neither for simulated models."
        raise ConfigurationError(msg)
    graph = create_inter_cascade(as_model(weak, WEAK), as_model(strong, STRONG), **options)
    return graph.compile(name="inter_cascade")


def _threshold(text: str | None) -> ThresholdValue | None:
    try:
        # The same reading as for a call's own threshold: "0.8" is a number.
        return Settings.model_validate({"threshold": text or None}).threshold
    except ValidationError:
        msg = f"{THRESHOLD}={text!r}: expected a number from 0 to 1, or always_defer."
        raise ConfigurationError(msg) from None


# Built on import, because that is when the server can still refuse to start and say why; nothing
# is opened before the first query.
inter_cascade = graph_from(os.environ)
