"""This is where a cascade is put together: its parts, their defaults, and what cannot work.

Both hosts, the graph and the chat model, run the same `Parts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.costs import AlwaysStrong, Prices
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.nodes.advising import advising
from langchain_intercascade.nodes.confidence_gate import ToolCallPolicy, confidence_gate
from langchain_intercascade.nodes.distill_strategy import distill_strategy, distilling
from langchain_intercascade.nodes.retrieve_strategies import (
    QueryFrom,
    last_human_text,
    retrieve_strategies,
)
from langchain_intercascade.nodes.store import store, storing
from langchain_intercascade.nodes.strong_generate import OnStrongError, strong_generate
from langchain_intercascade.nodes.weak_generate import weak_generate
from langchain_intercascade.state import MAX_K, Body, Learning, Run
from langchain_intercascade.strategy import checked_tenant
from langchain_intercascade.threshold.base import (
    FixedThreshold,
    Threshold,
    ThresholdValue,
    as_threshold,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessage

    from langchain_intercascade._steps import Steps
    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.costs import Price
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.strategy import Strategy

Model: TypeAlias = "Runnable[Any, AIMessage] | str"

_KEY_NAME = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:API_KEY|API_TOKEN|TOKEN)\b")

DEFAULT_THRESHOLD = 0.9
"""Used when none is given, and named as uncalibrated in every record."""

DEFAULT_MIN_SIMILARITY = 0.3
"""Below this a stored query is not taken for similar.

With the built-in encoder the median similarity of two BIG-Bench-Hard questions
is .58 inside a family and .12 across; with other encoders, set your own.
"""


class Nodes(NamedTuple):
    """The bodies of the six nodes, in running order; the fields are the nodes' names."""

    retrieve_strategies: Body
    weak_generate: Body
    confidence_gate: Body
    strong_generate: Body
    distill_strategy: Body
    store: Body


class Options(TypedDict, total=False):
    """What a cascade may be told besides its two models; see `InterCascade` for each."""

    repository: StrategyRepository | None
    confidence: Any
    threshold: Threshold | ThresholdValue | None
    tenant: str
    k: int
    min_similarity: float
    learning: Learning
    distiller: Model | None
    on_strong_error: OnStrongError
    query_from: QueryFrom | None
    prices: Mapping[str, Price | tuple[float, float]] | Prices | None
    tool_calls: Any
    strategies_with_tools: bool
    advise: bool


@dataclass(frozen=True)
class Parts:
    """A cascade, ready to run.

    Attributes:
        nodes: The six bodies.
        run: How a query is run unless the call says otherwise.
        repository: Where the strategies live.
        learner: Learns in the background.
        weak_model: Name of the weak model, for people.
        strong_model: Name of the strong model, for people.
    """

    nodes: Nodes
    run: Run
    repository: StrategyRepository
    learner: Learner
    weak_model: str
    strong_model: str


def build_parts(
    weak: Model,
    strong: Model,
    *,
    repository: StrategyRepository | None = None,
    confidence: Any = "logprobs",
    threshold: Threshold | ThresholdValue | None = None,
    tenant: str = "default",
    k: int = 2,
    min_similarity: float = DEFAULT_MIN_SIMILARITY,
    learning: Learning = "inline",
    distiller: Model | None = None,
    on_strong_error: OnStrongError = "raise",
    query_from: QueryFrom | None = None,
    prices: Mapping[str, Price | tuple[float, float]] | Prices | None = None,
    tool_calls: Any = "defer",
    strategies_with_tools: bool = False,
    advise: bool = False,
    learner: Learner | None = None,
) -> Parts:
    """Put a cascade together; the arguments are those of `InterCascade`.

    Raises:
        ConfigurationError: Something can never work as configured.
    """
    scorer = as_confidence(confidence)
    strong_runnable = as_model(strong, "strong")
    teacher = as_model(distiller, "distiller") if distiller else terminal(strong_runnable)
    weak_runnable = prepared_weak(as_model(weak, "weak"), logprobs=scorer.needs_logprobs)
    table = prices if isinstance(prices, Prices) else Prices(prices)
    where = repository if repository is not None else _temporary_repository()
    strong_model = name_of(terminal(strong_runnable))

    def learn(pending: Strategy) -> Steps[Strategy]:
        done = yield from distilling(teacher, pending, prices=table)
        return (yield from storing(where, done.strategy))

    learner = learner or Learner(learn, where)
    weak_body = weak_generate(weak_runnable, prices=table)
    gate_body = confidence_gate(
        scorer,
        _threshold(threshold),
        always_strong=AlwaysStrong(table, strong_model),
        tool_calls=_tool_call_policy(tool_calls),
    )
    helping = advising(teacher, weak_body, gate_body, strong_model=strong_model, prices=table)
    nodes = Nodes(
        retrieve_strategies(
            where, query_from=query_from or last_human_text, with_tools=strategies_with_tools
        ),
        weak_body,
        gate_body,
        strong_generate(
            strong_runnable,
            where,
            strong_model=strong_model,
            prices=table,
            on_strong_error=on_strong_error,
            advise=helping if advise else None,
        ),
        distill_strategy(teacher, learner=learner, prices=table),
        store(where),
    )
    run = Run(
        tenant=checked_tenant(tenant),
        k=_checked_k(k),
        min_similarity=_checked_floor(min_similarity),
        learning=learning,
    )
    return Parts(nodes, run, where, learner, name_of(weak_runnable), strong_model)


def as_model(given: Model, role: str) -> Runnable[Any, AIMessage]:
    """Return `given` as something that answers messages with a message.

    Args:
        given: A chat model, any `Runnable` around one, or a string for `init_chat_model`.
        role: What the model is for, for the message.

    Raises:
        ConfigurationError: It is none of these, or `langchain` is needed and missing.
    """
    if isinstance(given, str):
        return _from_string(given, role)
    if isinstance(given, Runnable):
        return given
    msg = (
        f"{role}={given!r} is not a model: give a chat model, a Runnable that returns an "
        "AIMessage, or a string such as 'openai:gpt-4o-mini'."
    )
    raise ConfigurationError(msg)


def prepared_weak(model: Runnable[Any, Any], *, logprobs: bool) -> Runnable[Any, Any]:
    """Return `model` as the cascade calls it: never streaming, and with logprobs if it can.

    Event streaming reassembles an answer from its chunks and keeps one token's
    log-probability of five, so the weak model is called without streaming.
    The model given is not changed.
    """
    if isinstance(model, RunnableBindingBase):
        inner = prepared_weak(model.bound, logprobs=logprobs)
        return model.model_copy(update={"bound": inner})
    if isinstance(model, RunnableWithFallbacks):
        several = [prepared_weak(each, logprobs=logprobs) for each in model.runnables]
        return model.model_copy(update={"runnable": several[0], "fallbacks": several[1:]})
    if not isinstance(model, BaseChatModel):
        return model
    if logprobs and getattr(model, "use_responses_api", None) is True:
        msg = (
            "The weak model uses the Responses API, through which LangChain returns no "
            "log-probabilities, so every query would be deferred. Build it with "
            "use_responses_api=False, or give the cascade another confidence function."
        )
        raise ConfigurationError(msg)
    changes: dict[str, Any] = {"disable_streaming": True}
    if logprobs and "logprobs" in type(model).model_fields and model.logprobs is None:  # type: ignore[attr-defined]  # the field was just found
        changes["logprobs"] = True
    return model.model_copy(update=changes)


def terminal(model: Runnable[Any, AIMessage]) -> Runnable[Any, AIMessage]:
    """Return the last model of a cascade of cascades, or `model` itself.

    Strategies are written by the strongest model, never through a gate.
    """
    inner = getattr(model, "terminal_model", None)
    return terminal(inner) if isinstance(inner, Runnable) else model


def name_of(model: Runnable[Any, Any]) -> str:
    """Return the model's name, through any bindings; the type's name if it has none.

    Examples:
        >>> from langchain_core.runnables import RunnableLambda
        >>> name_of(RunnableLambda(lambda messages: messages))
        'RunnableLambda'
    """
    if isinstance(model, RunnableBindingBase):
        return name_of(model.bound)
    names = (getattr(model, name, None) for name in ("model_name", "model", "model_id"))
    return next((name for name in names if isinstance(name, str) and name), type(model).__name__)


def _from_string(name: str, role: str) -> Runnable[Any, AIMessage]:
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        msg = (
            f"{role}={name!r} is a string, and turning it into a model needs the `langchain` "
            "package: pip install 'langchain-intercascade[agents]', or give a model object."
        )
        raise ConfigurationError(msg) from error
    try:
        return cast("Runnable[Any, AIMessage]", init_chat_model(name))
    except Exception as error:  # each provider complains of a missing key in its own way
        if (key := _KEY_NAME.search(str(error))) is not None:
            msg = f"{role}={name!r} needs a key: set the environment variable {key[0]}."
            raise ConfigurationError(msg) from None
        msg = f"{role}={name!r} could not be turned into a model: {error}"
        raise ConfigurationError(msg) from error


def _tool_call_policy(given: Any) -> ToolCallPolicy | ConfidenceFunction:
    if given in ("defer", "accept"):
        return cast("ToolCallPolicy", given)
    if isinstance(given, str):
        msg = f"tool_calls={given!r} must be 'defer', 'accept' or a confidence function."
        raise ConfigurationError(msg)
    return as_confidence(given)


def _threshold(given: Threshold | ThresholdValue | None) -> Threshold:
    if given is None:
        return FixedThreshold(DEFAULT_THRESHOLD, origin="default, not calibrated")
    return as_threshold(given)


def _temporary_repository() -> StrategyRepository:
    from langchain_intercascade.repository.edge import EdgeRepository  # noqa: PLC0415 - 14 MB nobody needs who brings a repository

    return EdgeRepository()


def _checked_floor(min_similarity: float) -> float:
    if isinstance(min_similarity, int | float) and -1 <= min_similarity <= 1:  # false for NaN
        return min_similarity
    msg = f"min_similarity={min_similarity!r} must be a cosine similarity, from -1 to 1."
    raise ConfigurationError(msg)


def _checked_k(k: int) -> int:
    if isinstance(k, int) and 0 <= k <= MAX_K:
        return k
    msg = f"k={k!r} must be a whole number from 0 (show nothing) to {MAX_K}."
    raise ConfigurationError(msg)
