"""How confidence functions ask a model: bounded, out of sight, and in a copy of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.prompts import filled
from langchain_intercascade.reply import configuration_fault

if TYPE_CHECKING:
    from langchain_intercascade.confidence.base import Evidence

LONGEST: Final = 4000
"""Characters of a query, and of an answer, that a model gets to see; about a thousand tokens."""

_CUT: Final = "\n[...]\n"

Settings: TypeAlias = Mapping[str, Any]


def asking_about(
    model: Runnable[Any, AIMessage], system: str, template: str, evidence: Evidence, *, name: str
) -> Steps[AIMessage | Fault]:
    """Ask `model` about the query and the weak answer, each cut to `LONGEST`.

    Raises:
        ConfigurationError: The model refuses every request like this one.
    """
    query, answer = clipped(evidence.query), clipped(said(evidence.weak_answer))
    text = filled(template, query=query, answer=answer)
    prompt = [SystemMessage(system), HumanMessage(text)]
    reply = yield from attempt(ask(model, prompt, run_name=name, tags=[QUIET]))
    return checked(reply, name)


def checked(reply: AIMessage | Fault, name: str) -> AIMessage | Fault:
    """Return `reply`, unless it is a fault that no repetition will cure.

    Raises:
        ConfigurationError: It is one: an unavailable score would hide it for ever.
    """
    if isinstance(reply, Fault) and configuration_fault(reply.error):
        msg = (
            f"The model asked by the confidence function {name!r} refuses every request like this "
            f"one ({reply}). Check its key, its name and its parameters (temperature, logprobs)."
        )
        raise ConfigurationError(msg) from reply.error
    return reply


def said(answer: AIMessage) -> str:
    """Return what `answer` says: its text, and its tool calls as JSON without their ids.

    Examples:
        >>> said(AIMessage("4"))
        '4'
        >>> said(AIMessage("", tool_calls=[{"name": "add", "args": {"b": 1, "a": 2}, "id": "x"}]))
        '[{"args": {"a": 2, "b": 1}, "name": "add"}]'
    """
    calls = [{"name": call["name"], "args": call["args"]} for call in answer.tool_calls]
    told = json.dumps(calls, sort_keys=True, default=str) if calls else ""
    return "\n".join(filter(None, (answer.text, told)))


def clipped(text: str, longest: int = LONGEST) -> str:
    r"""Return `text`, without its middle if it is longer than `longest`.

    Questions and conclusions stand at the ends.

    Examples:
        >>> clipped("a" * 20 + "b" * 20, 13)
        'aaa\n[...]\nbbb'
    """
    half = (longest - len(_CUT)) // 2
    return text if len(text) <= longest else text[:half] + _CUT + text[-half:]


def changed(
    model: Runnable[Any, Any], changes: Callable[[Settings], Settings]
) -> Runnable[Any, Any]:
    """Return a copy of `model` in which every chat model is set differently; it never streams.

    Event streaming reassembles an answer from its chunks and loses log-probabilities.

    Args:
        model: A chat model, through any bindings and fallbacks; it is not changed itself,
            and neither is what is no chat model.
        changes: Given settings, those to change and their values.  Only what is set
            already is changed, and to `None` only where that is the default.
    """
    if isinstance(model, RunnableBindingBase):
        bound = {k: v for k, v in changes(model.kwargs).items() if k in model.kwargs}
        inner = changed(model.bound, changes)
        return model.model_copy(update={"bound": inner, "kwargs": {**model.kwargs, **bound}})
    if isinstance(model, RunnableWithFallbacks):
        first, *others = [changed(each, changes) for each in model.runnables]
        return model.model_copy(update={"runnable": first, "fallbacks": others})
    if not isinstance(model, BaseChatModel):
        return model
    fields = type(model).model_fields
    news = {
        name: value
        for name, value in changes({name: getattr(model, name) for name in fields}).items()
        if name in fields and (value is not None or fields[name].default is None)
    }
    return model.model_copy(update={"disable_streaming": True, **news})
