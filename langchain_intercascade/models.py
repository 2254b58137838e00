"""This is where whatever was given as a model becomes one: named, prepared, and unwrapped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessage

Model: TypeAlias = "Runnable[Any, AIMessage] | str"

_KEY_NAME: Final = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:API_KEY|API_TOKEN|TOKEN)\b")


def as_model(given: Model, role: str, **params: Any) -> Runnable[Any, AIMessage]:
    """Return `given` as something that answers messages with a message.

    Args:
        given: A chat model, any `Runnable` around one, or a string for `init_chat_model`.
        role: What the model is for, for the message.
        **params: What a model that is given as a string is made with, such as `temperature`.

    Raises:
        ConfigurationError: It is none of these, or `langchain` is needed and missing.
    """
    if isinstance(given, str):
        return _from_string(given, role, params)
    if isinstance(given, Runnable):
        return given
    msg = (
        f"{role}={given!r} is not a model: give a chat model, a Runnable that returns an "
        "AIMessage, or a string such as 'openai:gpt-4o-mini'."
    )
    raise ConfigurationError(msg)


def prepared_weak(
    model: Runnable[Any, Any],
    logprobs: bool,  # noqa: FBT001 - the two needs go together
    top_logprobs: int = 0,
) -> Runnable[Any, Any]:
    """Return `model` as the cascade calls it: never streaming, and with logprobs if it can.

    Event streaming reassembles an answer from its chunks and keeps one token's
    log-probability of five, so the weak model is called without streaming.
    The model given is not changed.

    Args:
        model: The weak model, perhaps inside bindings or fallbacks.
        logprobs: Whether the confidence function reads token log-probabilities.
        top_logprobs: Of how many candidates for each token; 0 for just the one chosen.
    """
    if isinstance(model, RunnableBindingBase):
        inner = prepared_weak(model.bound, logprobs, top_logprobs)
        return model.model_copy(update={"bound": inner})
    if isinstance(model, RunnableWithFallbacks):
        several = [prepared_weak(each, logprobs, top_logprobs) for each in model.runnables]
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
    wanted = {"logprobs": logprobs, "top_logprobs": top_logprobs}
    unset = [name for name in type(model).model_fields if getattr(model, name, None) is None]
    changes |= {name: value for name, value in wanted.items() if value and name in unset}
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


def _from_string(name: str, role: str, params: Mapping[str, Any]) -> Runnable[Any, AIMessage]:
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        msg = (
            f"{role}={name!r} is a string, and turning it into a model needs the `langchain` "
            "package: pip install 'langchain-intercascade[agents]', or give a model object."
        )
        raise ConfigurationError(msg) from error
    try:
        return cast("Runnable[Any, AIMessage]", init_chat_model(name, **params))
    except Exception as error:  # each provider complains of a missing key in its own way
        if (key := _KEY_NAME.search(str(error))) is not None:
            msg = f"{role}={name!r} needs a key: set the environment variable {key[0]}."
            raise ConfigurationError(msg) from None
        msg = f"{role}={name!r} could not be turned into a model: {error}"
        raise ConfigurationError(msg) from error
