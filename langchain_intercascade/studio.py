"""The graph that `langgraph dev` serves, to be watched in LangGraph Studio; see `langgraph.json`.

A configuration file or the environment names its models.  Where neither names one, the
simulated pair takes their place, which needs neither a key nor a network, and the graph's
name says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade.config.building import SIMULATED, is_simulated
from langchain_intercascade.config.config import CONFIG, Config
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.graph import create_inter_cascade

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

WEAK: Final = "INTERCASCADE_WEAK"
STRONG: Final = "INTERCASCADE_STRONG"


def graph_from(environment: Mapping[str, str]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the graph that `environment` describes; an empty variable is as good as none.

    Args:
        environment: `INTERCASCADE_CONFIG` names a file (see `Config`), over which every other
            variable is laid.  Without it, `INTERCASCADE_WEAK` and `INTERCASCADE_STRONG` are
            strings for `init_chat_model`, both or neither; `INTERCASCADE_PATH` is the folder of
            the strategies, which are forgotten at the end if it is not set.

    Raises:
        ConfigurationError: Something cannot work; the message names it.

    Examples:
        >>> graph_from({}).name
        'inter_cascade (simulated)'
    """
    config = Config.load(environment=environment, **_models(environment))
    name = "inter_cascade (simulated)" if is_simulated(config) else "inter_cascade"
    return create_inter_cascade(**config.arguments()).compile(name=name)


def _models(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the simulated pair where nobody names another."""
    weak, strong = environment.get(WEAK), environment.get(STRONG)
    if environment.get(CONFIG) or (weak and strong):
        return {}
    if weak or strong:
        msg = f"{WEAK}={weak!r} and {STRONG}={strong!r}: set both, or neither for simulated models."
        raise ConfigurationError(msg)
    return {"weak": SIMULATED, "strong": SIMULATED}


# Made on import, for only then can the server still refuse to start and say why.  Nothing is opened
# before the first query.
inter_cascade = graph_from(os.environ)
