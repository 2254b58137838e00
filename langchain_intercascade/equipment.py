"""What a model is called with besides messages: tools, or a schema for its answer.

Each model binds them for itself, because providers word them differently, and
an answer that does not fit them is no answer: the gate defers it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn, TypeAlias

import jsonschema_rs
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.utils.function_calling import convert_to_json_schema

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.state import Run

STRUCTURED: Final = "inter_cascade_structured"
"""Name of the call argument that holds a `Structured`."""

Method: TypeAlias = Literal["function_calling", "json_schema", "json_mode"]


@dataclass(frozen=True, slots=True)
class Structured:
    """The schema that an answer must fit.

    Attributes:
        schema: A pydantic class, a `TypedDict`, a JSON schema or an OpenAI tool.
        method: How the models are asked for it; each model's own way if `None`.
        strict: Passed on to the models, if not `None`.
    """

    schema: Any
    method: Method | None = None
    strict: bool | None = None

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema as JSON schema."""
        return convert_to_json_schema(self.schema)


def equipping(
    model: Runnable[Any, Any],
) -> Callable[[Run], tuple[Runnable[Any, Any], dict[str, Any]]]:
    """Return what equips `model` for a run: binds its tools or its schema, and returns the rest.

    A model that is a cascade itself is also told whose query this is, and whether
    to learn from it: a level that used its own tenant would mix tenants.

    The function returned raises `ConfigurationError` if the model can bind neither.
    """
    cascade = is_cascade(model)  # once: a model without that name takes long to say so

    def equipped(run: Run) -> tuple[Runnable[Any, Any], dict[str, Any]]:
        rest = dict(run.model_kwargs)
        if cascade:
            rest |= {"tenant": run.tenant, "learning": run.learning}
        structured: Structured | None = rest.pop(STRUCTURED, None)
        tools = rest.pop("tools", None)
        if structured is not None:
            return _bound(model, "with_structured_output", **_asked(structured)), rest
        if tools:
            choice = {"tool_choice": rest.pop("tool_choice")} if "tool_choice" in rest else {}
            return _bound(model, "bind_tools", tools=tools, **choice), rest
        return model, rest

    return equipped


def misfit(answer: AIMessage, kwargs: Mapping[str, Any]) -> str:
    """Say why `answer` does not fit the tools or the schema in `kwargs`; empty if it does."""
    structured: Structured | None = kwargs.get(STRUCTURED)
    if structured is not None:
        return _misfit_of_structured(answer, structured.json_schema)
    if answer.tool_calls:
        return _misfit_of_calls(answer, kwargs.get("tools") or ())
    form = kwargs.get("response_format")
    if isinstance(form, Mapping) and form.get("type") == "json_schema":
        return _misfit_of_structured(answer, form["json_schema"]["schema"])
    return ""


def structured_value(answer: AIMessage) -> Any:
    """Return what a structured answer holds: the first call's arguments, or its text as JSON.

    Raises:
        ValueError: There is neither.
    """
    return answer.tool_calls[0]["args"] if answer.tool_calls else json.loads(answer.text)


def is_cascade(model: Runnable[Any, Any]) -> bool:
    """Say whether `model` is a cascade itself, through any bindings."""
    if isinstance(model, RunnableBindingBase):
        return is_cascade(model.bound)
    return hasattr(model, "terminal_model")


def _asked(structured: Structured) -> dict[str, Any]:
    said = {"method": structured.method, "strict": structured.strict}
    return {"schema": structured.schema} | {k: v for k, v in said.items() if v is not None}


def _bound(model: Runnable[Any, Any], how: str, **what: Any) -> Runnable[Any, Any]:
    bind = getattr(model, how, None)
    if bind is None:
        msg = (
            f"{type(model).__name__} has no `{how}`, so it cannot answer a call with tools or a "
            "schema. Give a chat model that has it, or make the call without."
        )
        raise ConfigurationError(msg)
    tools = what.pop("tools", None)
    found = bind(tools, **what) if tools else bind(**what)
    # A structured model is the bound model and a parser behind it; the message is what we gate.
    return found.first if isinstance(found, RunnableSequence) else found


def _misfit_of_structured(answer: AIMessage, schema: Mapping[str, Any]) -> str:
    try:
        value = structured_value(answer)
    except ValueError:
        return "it is not JSON"
    except RecursionError:
        return "it is nested too deeply"
    return "" if _fits(value, schema) else "it does not fit the schema"


def _misfit_of_calls(answer: AIMessage, tools: Any) -> str:
    known = {tool["function"]["name"]: tool["function"] for tool in tools if "function" in tool}
    for call in answer.tool_calls:
        if known and call["name"] not in known:
            return "it calls a tool that does not exist"
        schema = known.get(call["name"], {}).get("parameters") or {}
        if not _fits(call["args"], schema):
            return f"its arguments for the tool {call['name']!r} do not fit"
    return ""


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    try:
        validator = jsonschema_rs.validator_for(dict(schema), retriever=_refuse)
    except Exception as error:  # its family of errors differs from version to version
        msg = (
            f"The schema of a tool or an answer is not valid JSON schema ({type(error).__name__}). "
            "Mend it, or give a pydantic class in its place."
        )
        raise ConfigurationError(msg) from error
    try:
        return bool(validator.is_valid(value))
    except ValueError:  # the validator gives up on what is nested too deeply
        return False


def _refuse(uri: str) -> NoReturn:
    # A schema may not make us fetch things.
    msg = f"references to other documents are not followed: {uri}"
    raise ValueError(msg)
