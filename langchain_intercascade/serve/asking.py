"""A chat completions request, read and checked: what is asked, and what the cascade is called with.

A parameter that nobody here would heed is refused by name, for a client that sends it counts
on it; only those that cannot change an answer are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_intercascade.equipment import STRUCTURED, Structured
from langchain_intercascade.serve.refusal import RefusedError, bad_request
from langchain_intercascade.state import MAX_K, Force, Learning

MOST_CANDIDATES: Final = 20
"""Likeliest tokens that may be listed beside the one that was chosen, as OpenAI has it."""

_PASSED_ON: Final = (
    *("temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty"),
    *("logit_bias", "parallel_tool_calls", "reasoning_effort"),
)

_FORMS: Final = ("text", "json_object", "json_schema")

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Penalty: TypeAlias = Annotated[float, Field(ge=-2, le=2)]
Tokens: TypeAlias = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class StreamOptions(_Part):
    """What a stream brings besides."""

    include_usage: bool = False
    include_obfuscation: bool = False


class Wishes(_Part):
    """What a request may say about the cascade itself, under `inter_cascade`.

    Never whose strategies are used: that is what the key says.
    """

    threshold: Share | Literal["always_defer"] | None = None
    k: Annotated[int, Field(ge=0, le=MAX_K)] | None = None
    min_similarity: Annotated[float, Field(ge=-1, le=1)] | None = None
    learning: Learning | None = None
    force: Force | None = None


class Asked(_Part):
    """A request for one answer."""

    model: str
    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Share | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    reasoning_effort: str | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_CANDIDATES)] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    user: str | None = None
    inter_cascade: Wishes = Wishes()

    # What cannot change an answer.
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with the tokens used."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def is_structured(self) -> bool:
        """Whether the answer is to fit a schema, and is not to call a tool."""
        return not self._tools() and self._form() in {"json_schema", "json_object"}

    def call(self) -> dict[str, Any]:
        """Return what the cascade is called with besides the messages and the tenant."""
        told = {name: getattr(self, name) for name in _PASSED_ON}
        told["max_tokens"] = self.max_completion_tokens or self.max_tokens
        if isinstance(self.stop, str):
            told["stop"] = [self.stop]
        if self.user:  # so that what was learned on behalf of a user can be forgotten
            told["source"] = self.user
        if self.logprobs:
            told |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        told |= self.inter_cascade.model_dump(exclude_none=True)
        said = {name: value for name, value in told.items() if value is not None}
        return said | self._tools() | self._schema()

    def _tools(self) -> dict[str, Any]:
        if not self.tools or self.tool_choice == "none":
            return {}
        choice = chosen(self.tool_choice)
        return {"tools": self.tools, **({} if choice is None else {"tool_choice": choice})}

    def _schema(self) -> dict[str, Any]:
        if self._form() in {None, "text"}:
            return {}
        if not self.is_structured:  # with tools, only the models know how both go together
            return {"response_format": self.response_format}
        return {STRUCTURED: _structured(self.response_format or {})}

    def _form(self) -> str | None:
        return None if self.response_format is None else self.response_format.get("type")


def read(body: bytes, model: str) -> Asked:
    """Return the request that `body` is.

    Args:
        body: As it came.
        model: The name under which the cascade is served.

    Raises:
        RefusedError: It is no such request; the message names the parameter, and quotes nothing.
    """
    try:
        asked = Asked.model_validate_json(body)
    except ValidationError as error:
        raise of_shape(error) from None
    if asked.model != model:
        raise unknown_model(model)
    for message, param in _faults(asked):
        raise bad_request(message, param)
    return asked


def unknown_model(known: str) -> RefusedError:
    """Return the refusal of a request for another model than the one that is `known` here."""
    msg = f"There is no such model. This gateway has one: {known}."
    return RefusedError(HTTPStatus.NOT_FOUND, msg, param="model", code="model_not_found")


def chosen(choice: str | dict[str, Any] | None) -> str | None:
    """Return which tool is to be called, in LangChain's words; `None` leaves it to the model.

    Examples:
        >>> chosen({"type": "function", "function": {"name": "add"}}), chosen("required")
        ('add', 'any')
    """
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        return name if isinstance(name, str) else ""
    return {"auto": None, "required": "any"}.get(choice or "auto", choice)


def of_shape(error: ValidationError) -> RefusedError:
    """Return what is wrong first, without a word of what was sent."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where, said = ".".join(map(str, first["loc"])), first["msg"]
    if first["type"] == "json_invalid":
        return bad_request(f"The body is not JSON: {said.removeprefix('Invalid JSON: ')}.")
    if first["type"] == "extra_forbidden":
        # The name is the client's own text, so it is only repeated if it looks like one.
        name = where if where.replace("_", "").replace(".", "").isalnum() else ""
        msg = f"The parameter {name!r} is not known." if name else "A parameter is not known."
        return bad_request(msg, name or None, "unknown_parameter")
    if not where:
        return bad_request("The body must be a JSON object.")
    return bad_request(f"'{where}': {said[:1].lower()}{said[1:]}.", where)


def _faults(asked: Asked) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a request of the right shape, and with which parameter."""
    if asked.n not in {None, 1}:
        yield "'n' must be 1: a cascade gives one answer to a request.", "n"
    if asked.top_logprobs is not None and not asked.logprobs:
        yield "'top_logprobs' needs 'logprobs' to be true.", "top_logprobs"
    if asked.stream_options is not None and not asked.stream:
        yield "'stream_options' needs 'stream' to be true.", "stream_options"
    for at, tool in enumerate(asked.tools or ()):
        if not _is_tool(tool):
            where = f"tools[{at}]"
            yield f"'{where}' must be a function with a name and a JSON schema.", where
    if not _is_choice(asked):
        told = "auto, none, required, or one of 'tools', by name"
        yield f"'tool_choice' must be {told}.", "tool_choice"
    if asked.response_format is not None:
        yield from _faults_of_format(asked.response_format)


def _is_tool(tool: Mapping[str, Any]) -> bool:
    function = tool.get("function")
    return (
        tool.get("type") == "function"
        and isinstance(function, dict)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("parameters", {}), dict)
    )


def _is_choice(asked: Asked) -> bool:
    choice = chosen(asked.tool_choice)
    if choice in {None, "none"}:
        return True
    names = {tool["function"]["name"] for tool in asked.tools or () if _is_tool(tool)}
    return bool(names) and choice in {"any"} | names


def _faults_of_format(form: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind, told = form.get("type"), form.get("json_schema")
    if kind not in _FORMS:
        where = "response_format.type"
        yield f"'{where}' must be text, json_object or json_schema.", where
    elif kind == "json_schema" and not (
        isinstance(told, dict)
        and isinstance(told.get("name"), str)
        and isinstance(told.get("schema"), dict)
        and isinstance(told.get("description"), str | None)
        and isinstance(told.get("strict"), bool | None)
    ):
        where = "response_format.json_schema"
        yield f"'{where}' must have a name and a schema; 'strict' is true or false.", where


def _structured(form: Mapping[str, Any]) -> Structured:
    if form["type"] == "json_object":
        anything = {"title": "json_object", "type": "object", "properties": {}}
        return Structured(anything, method="json_mode")
    told = form["json_schema"]
    about = {"description": told.get("description") or told["name"]}
    schema = {**about, **told["schema"], "title": told["name"]}
    return Structured(schema, strict=told.get("strict"))
