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

    from langchain_intercascade.parts import Model
    from langchain_intercascade.threshold.base import ThresholdValue

WEAK: Final = "INTERCASCADE_WEAK"
STRONG: Final = "INTERCASCADE_STRONG"
PATH: Final = "INTERCASCADE_PATH"
THRESHOLD: Final = "INTERCASCADE_THRESHOLD"


def graph_from(environment: Mapping[str, str]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the graph that `environment` describes; an empty variable is as good as none.

    Args:
        environment: `INTERCASCADE_WEAK` and `INTERCASCADE_STRONG` are strings for
            `init_chat_model`, both or neither.  `INTERCASCADE_PATH` is the folder of the
            strategies, which are forgotten at the end if it is not set.
            `INTERCASCADE_THRESHOLD` is a number from 0 to 1, or `always_defer`.

    Raises:
        ConfigurationError: One of them cannot work; the message names it.

    Examples:
        >>> graph_from({}).name
        'inter_cascade (simulated)'
    """
    weak, strong, name = _models(environment.get(WEAK), environment.get(STRONG))
    graph = create_inter_cascade(
        weak,
        strong,
        repository=EdgeRepository(environment.get(PATH) or None),
        threshold=_threshold(environment.get(THRESHOLD)),
        prices=PRICES,  # of the simulated pair; those of real models are not known here
    )
    return graph.compile(name=name)


def _models(weak: str | None, strong: str | None) -> tuple[Model, Model, str]:
    """Return the two models, and what the graph of the two is called."""
    if weak and strong:
        return as_model(weak, WEAK), as_model(strong, STRONG), "inter_cascade"
    if weak or strong:
        msg = f"{WEAK}={weak!r} and {STRONG}={strong!r}: set both, or neither for simulated models."
        raise ConfigurationError(msg)
    return SimulatedWeak(), SimulatedStrong(), "inter_cascade (simulated)"


def _threshold(text: str | None) -> ThresholdValue | None:
    try:
        # Read as a call's own threshold is, so that the two cannot come to differ.
        return Settings.model_validate({"threshold": text or None}).threshold
    except ValidationError:
        msg = f"{THRESHOLD}={text!r} must be a number from 0 to 1, or always_defer."
        raise ConfigurationError(msg) from None


# Made on import, for only then can the server still refuse to start and say why.  Nothing is opened
# before the first query.
inter_cascade = graph_from(os.environ)
