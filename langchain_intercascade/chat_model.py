"""This is where the cascade becomes a chat model, to be used wherever one is expected."""

from __future__ import annotations

import builtins
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError

from langchain_intercascade._events import is_heard
from langchain_intercascade._face import Face
from langchain_intercascade._parser import StructuredParser, parsed_by
from langchain_intercascade._pieces import Tail
from langchain_intercascade._steps import arun, astream, run, stream
from langchain_intercascade._trace import Scope, scoped
from langchain_intercascade.assembly import build_parts
from langchain_intercascade.equipment import STRUCTURED, Method, Structured
from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.graph import build_graph
from langchain_intercascade.options import DEFAULT_ADMISSION, Options
from langchain_intercascade.record import RECORD_KEY, DecisionRecord
from langchain_intercascade.state import Learning, Settings
from langchain_intercascade.threshold.levels import thresholds_of
from langchain_intercascade.walk import walk

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.runnables.graph import Graph
    from langgraph.graph.state import CompiledStateGraph

    from langchain_intercascade._steps import Steps
    from langchain_intercascade._trace import RunManager
    from langchain_intercascade.state import CascadeState

_SCOPE = "inter_cascade_scope"
_SHARED = ("learner", "accounts", "safeguards")

AnyAnswer = TypeVar("AnyAnswer", AIMessage, AIMessageChunk)
AnyMethod = TypeVar("AnyMethod", bound=Callable[..., Any])


def _signed(method: AnyMethod) -> AnyMethod:
    """Work out the signature of `method` once; LangChain asks for it at every call."""
    method.__signature__ = signature(method)  # type: ignore[attr-defined]  # where `inspect` looks
    return method


class InterCascade(Face, BaseChatModel):
    """A weak model that learns from a strong one while serving, as one chat model.

    The weak model answers first, helped by strategies that the strong model
    taught it on earlier, similar queries.  A gate accepts the weak answer or
    defers to the strong model.  Each resolved deferral becomes a strategy.

    Every answer carries a decision record in
    `response_metadata["inter_cascade"]` (see `DecisionRecord`): which model
    answered and why, at what confidence, with which strategies, at what cost.

    ??? example "Instantiate and invoke"

        >>> from langchain_intercascade.testing import ScriptedChatModel
        >>> cascade = InterCascade(
        ...     weak=ScriptedChatModel(replies=["four"]),
        ...     strong=ScriptedChatModel(replies=["4"]),
        ...     threshold=0.5,
        ... )
        >>> answer = cascade.invoke("What is 2 + 2?")
        >>> answer.content, answer.response_metadata["inter_cascade"]["route"]
        ('four', 'weak')
        >>> cascade.close()  # how many lessons are left for the next time
        0

    ??? example "Override per call"

        >>> with InterCascade(
        ...     weak=ScriptedChatModel(replies=["four"]),
        ...     strong=ScriptedChatModel(replies=["4"]),
        ... ) as cascade:
        ...     cascade.invoke("What is 2 + 2?", force="strong", learning="off").content
        '4'

    Streaming: a weak answer arrives in one piece, because the gate has to see
    all of it; a strong answer arrives in tokens.  The end of a strong answer is
    held back until its lesson is written down.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    weak: Any
    """The cheap model: a chat model, a `Runnable` around one, or an `init_chat_model` string."""
    strong: Any
    """The expensive model, likewise; it may be a cascade itself."""
    repository: Any = Field(default=None, repr=False)
    """Where strategies live; a temporary `EdgeRepository` if `None`, lost on `close`."""
    confidence: Any = "logprobs"
    """How sure the weak answer is: `"logprobs"`, a `ConfidenceFunction`, or any callable."""
    threshold: Any = None
    """Accept at this confidence or above: a number, `ALWAYS_DEFER`, or a `Threshold`."""
    target_risk: float | None = None
    """Share of the accepted answers that may be wrong. In place of `threshold`: everything is
    deferred until a threshold is certified from its own traffic; see `threshold_report`."""
    delta: float = 0.1
    """Probability with which that promise may fail."""
    on_abstain: Literal["wrong", "skip"] = "wrong"
    """What an answer counts for in that promise if nobody can judge it: as `"wrong"`, so that the
    promise covers every accepted answer, or for nothing, so that it is not about such answers."""
    tenant: str = "default"
    """Whose strategies are used and added to; tenants never see one another's."""
    k: int = 2
    """How many strategies are shown at most, 0 to 3."""
    min_similarity: float | None = None
    """Least cosine similarity of a strategy that is shown; if `None`, .3 at first and a floor
    measured from the repository itself once it holds enough."""
    shared: str | None = None
    """The tenant of a pool whose strategies are used too; what is learned never goes there."""
    lexical: bool = False
    """Whether the words of the query also decide which of the near strategies come first."""
    admission: Any = DEFAULT_ADMISSION
    """`"always"` puts in use what passes the checks; `"replay"` has the weak model try it out, and
    later lessons confirm it; a function of the candidate decides by itself."""
    verifier: Callable[[str, str], Any] | None = Field(default=None, repr=False)
    """Says of query and strong answer whether that is right (`None`: cannot tell), before
    anything is learned from it."""
    agreement: Any = Field(default=None, repr=False)
    """Judges whether two answers say the same: an `Agreement`, or a function of the query and
    both; if `None`, numbers, choices, JSON and a few words are compared."""
    faithful: bool = False
    """Show question and answer of a strategy too, as the paper does. They stay in the tenant."""
    keep_examples: bool = False
    """Keep them without showing them, for fine-tuning data."""
    lifetime: timedelta | None = None
    """How long a strategy is used; for ever if `None`."""
    max_strategies: int | None = None
    """How many strategies of a tenant are in use at most; those that bring least go first."""
    holdout: float = Field(default=0.0, repr=False)
    """Share of the queries that go without their strategies, to learn whether those help."""
    audit_rate: float | None = Field(default=None, repr=False)
    """Share of the accepted answers about which the strong model is asked afterwards; if `None`,
    .05 with `target_risk`, which needs them, and else none. Of the first 20 uses of a strategy four
    times as many are."""
    learning: Learning = "background"
    """When lessons are distilled: `"background"`, `"inline"`, `"observe"` or `"off"`."""
    distiller: Any = None
    """Writes the strategies; the terminal strong model if `None`."""
    on_strong_error: Literal["raise", "weak"] = "raise"
    """Raise `StrongModelError`, or return the deferred weak answer, flagged as degraded."""
    query_from: Callable[[Sequence[BaseMessage]], str] | None = Field(default=None, repr=False)
    """Makes the text to retrieve by out of the messages; the last human message if `None`."""
    prices: Any = Field(default=None, repr=False)
    """Dollars per million tokens by model name, `{"gpt-4o-mini": (0.15, 0.60)}`, before those of
    the bundled table; or `Prices`."""
    budget: Any = Field(default=None, repr=False)
    """What may be spent on a query, in an hour and in a day, as a `Budget`."""
    tool_calls: Any = "defer"
    """A weak tool call has no log-probabilities: `"defer"` it, `"accept"` it if it is valid, or
    score it with another confidence function."""
    strategies_with_tools: bool = False
    """Whether calls with tools get strategies too."""
    timeouts: Any = Field(default=None, repr=False)
    """After how many seconds nobody waits for a call any more, by what it is for, as `Timeouts`
    or `{"weak": 5, "strong": 60}`; the models' own timeouts hold besides."""
    max_concurrency: Any = Field(default=None, repr=False)
    """How many calls of each model may be in flight at once: `{"weak": 64, "strong": 16}`."""
    advise: bool = False
    """Let the strong model first guide the weak one to an answer; it answers if that fails."""
    telemetry: Any = Field(default=None, repr=False, exclude=True)
    """Who watches, as `OpenTelemetry()` from the extra `[otel]`: spans and metrics without content;
    nobody if `None`."""
    temperature: float | None = None
    """Passed on to both models with every call, if given; likewise the next two."""
    max_tokens: int | None = None
    stop: list[str] | None = None
    streaming: bool = False
    """Whether `invoke` streams too, as with any chat model."""
    learner: Any = Field(default=None, repr=False, exclude=True)
    """The background learner; made if `None`, and shared with configured copies."""
    accounts: Any = Field(default=None, repr=False, exclude=True)
    """What was spent, and what is left of the budget; likewise."""
    safeguards: Any = Field(default=None, repr=False, exclude=True)
    """Breakers, limits and counters; likewise."""

    _owns_repository: bool = PrivateAttr(default=False)

    def __init__(self, **fields: Any) -> None:
        """Put the cascade together.

        Raises:
            ConfigurationError: Something can never work as configured.
        """
        super().__init__(**fields)
        # Not in a validator: pydantic would wrap our errors in its own.
        self._owns_repository = self.repository is None
        told = {name: getattr(self, name) for name in (*Options.__annotations__, *_SHARED)}
        # No private attribute of pydantic's, which takes as long to find one as the gate to decide.
        self._parts = build_parts(self.weak, self.strong, **told)
        # Kept as fields, so that copies made by `configurable_fields` share them.
        for name in ("repository", *_SHARED):
            setattr(self, name, getattr(self._parts, name))

    @classmethod
    def from_models(
        cls,
        models: Sequence[Any],
        *,
        thresholds: Sequence[Any] | str | Path | None = None,
        repository: Any = None,
        **options: Any,
    ) -> Self:
        """Return a cascade of any number of models, the cheapest first.

        All levels share one repository and one learner: what is taught, every
        weaker level gets, and it is distilled once, always by the last model, even
        when a middle one has answered.

        Args:
            models: Two or more models, each as for `weak`.
            thresholds: One for each model but the last, or the file that `intercascade calibrate`
                wrote for them; the default for each if `None`.
            repository: As for a single cascade.
            **options: As for a single cascade; they hold for every level.

        Raises:
            ConfigurationError: Too few models, or not one threshold for each but the last.

        Examples:
            >>> from langchain_intercascade.testing import ScriptedChatModel
            >>> models = [ScriptedChatModel(replies=[name]) for name in ("one", "two", "three")]
            >>> with InterCascade.from_models(models, learning="off") as cascade:
            ...     cascade.invoke("Who answers?", force="strong").content
            'two'
        """
        *weaker, model = models
        cuts = [None] * len(weaker) if thresholds is None else list(thresholds_of(thresholds))
        if not weaker or len(cuts) != len(weaker):
            msg = (
                f"A cascade needs two models or more and a threshold for each but the last, not "
                f"{how_many(len(models), 'model')} and {how_many(len(cuts), 'threshold')}."
            )
            raise ConfigurationError(msg)
        for weak, cut in zip(reversed(weaker), reversed(cuts), strict=True):
            cascade = cls(weak=weak, strong=model, threshold=cut, repository=repository, **options)
            repository, model = cascade.repository, cascade
            options["learner"] = cascade.learner
        return cascade

    # What it is.

    @cached_property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The same cascade as a compiled LangGraph graph, over the same parts."""
        return build_graph(self._parts).compile(name="inter_cascade")

    def get_graph(self, config: RunnableConfig | None = None) -> Graph:
        """Return the drawing of the six nodes, with *accept* and *defer* on the edges."""
        return self.graph.get_graph(config)

    @property
    def terminal_model(self) -> Any:
        """The strong model, which writes the strategies of cascades that hold this one."""
        return self.strong

    @property
    def _llm_type(self) -> str:
        return "inter-cascade"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        threshold = self.threshold if isinstance(self.threshold, int | float | str) else None
        return {
            "weak": self._parts.weak_model,
            "strong": self._parts.strong_model,
            "threshold": threshold,
            "tenant": self.tenant,
            "k": self.k,
            "min_similarity": self.min_similarity,
            "learning": self.learning,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "stop": self.stop,
        }

    # The four ways in.

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer, with the weak model if the gate accepts its answer.

        Args:
            input: A string, messages, or a prompt value.
            config: As for any `Runnable`.
            stop: Passed on to both models.
            **kwargs: `threshold`, `tenant`, `k`, `min_similarity`, `learning` and
                `force` ("weak" or "strong") override the cascade's own for this
                call; everything else is passed on to both models.

        Raises:
            StrongModelError: The query was deferred, and the strong model failed.
            ConfigurationError: Something can never work as configured.
        """
        config, scope = scoped(config)
        answer = super().invoke(input, config, stop=stop, **kwargs, **{_SCOPE: scope})
        return _with_usage(answer, scope)

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """See `invoke`."""
        config, scope = scoped(config)
        answer = await super().ainvoke(input, config, stop=stop, **kwargs, **{_SCOPE: scope})
        return _with_usage(answer, scope)

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Answer in pieces; the last one carries the decision record. See `invoke`."""
        config, scope = scoped(config)
        for chunk in super().stream(input, config, stop=stop, **kwargs, **{_SCOPE: scope}):
            yield _with_usage(chunk, scope)

    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """See `stream`."""
        config, scope = scoped(config)
        chunks = super().astream(input, config, stop=stop, **kwargs, **{_SCOPE: scope})
        async with aclosing(cast("AsyncGenerator[AIMessageChunk]", chunks)):
            async for chunk in chunks:
                yield _with_usage(chunk, scope)

    # Tools and structured output.

    def bind_tools(
        self,
        tools: Sequence[builtins.dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this cascade with tools, which each model binds its own way.

        A weak call of an unknown tool, or with arguments that do not fit, is
        deferred; a valid one is treated as `tool_calls` says.

        Args:
            tools: Functions, pydantic classes, `BaseTool`s or OpenAI tools.
            tool_choice: Passed on to both models' `bind_tools`.
            **kwargs: As for `invoke`.
        """
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        known = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=known, **choice, **kwargs)

    def with_structured_output(
        self,
        schema: builtins.dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Method | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a runnable whose answers fit `schema`; a weak answer that does not is deferred.

        Args:
            schema: A pydantic class (answers are instances of it), or a `TypedDict`,
                a JSON schema or an OpenAI tool (answers are dicts).
            include_raw: Answer with `raw`, `parsed` and `parsing_error` instead.
            method: How the models are asked; each model's own default if `None`.
            strict: Passed on to the models.
            **kwargs: As for `invoke`.
        """
        structured = Structured(schema, method, strict)
        shown = {"kwargs": {"method": method}, "schema": structured.json_schema}
        model = self.bind(**{STRUCTURED: structured}, ls_structured_output_format=shown, **kwargs)
        return parsed_by(model, StructuredParser(of=schema), include_raw=include_raw)

    def close(self, timeout: float | None = 0.0) -> int:
        """Stop learning, and give back a temporary repository; see `Face.close`.

        Cascades inside this one are closed too, each within the time.
        """
        left = super().close(timeout)
        inner = [each for each in (self.weak, self.strong) if isinstance(each, InterCascade)]
        return left + sum(each.close(timeout) for each in inner)

    # What LangChain calls.

    @_signed
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        steps, config = self._begin(messages, stop, kwargs, run_manager)
        return _result(run(steps, config))

    @_signed
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        steps, config = self._begin(messages, stop, kwargs, run_manager)
        return _result(await arun(steps, config))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        steps, config = self._begin(messages, stop, kwargs, run_manager)
        tail = Tail()
        pieces = stream(steps, config)
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                yield from tail.end(end.value)
                return
            yield from tail.released_by(piece)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        steps, config = self._begin(messages, stop, kwargs, run_manager)
        tail = Tail()
        final: list[CascadeState] = []
        # Closed here and now when the consumer leaves, not when the garbage collector comes by.
        async with aclosing(astream(steps, config, done=final.append)) as pieces:
            async for piece in pieces:
                for chunk in tail.released_by(piece):
                    yield chunk
        for chunk in tail.end(final[0]):
            yield chunk

    def _begin(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: builtins.dict[str, Any],
        run_manager: RunManager,
    ) -> tuple[Steps[CascadeState], RunnableConfig]:
        """Return the steps that answer `messages`, and the config for the calls inside them."""
        scope: Scope | None = kwargs.pop(_SCOPE, None) or Scope.of(run_manager)
        settings = _settings({name: kwargs.pop(name) for name in _SETTINGS & kwargs.keys()})
        said: builtins.dict[str, Any] = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }
        said["stop"] = self.stop if stop is None else stop
        kwargs = {name: value for name, value in said.items() if value is not None} | kwargs
        run_id = str(scope.run_id) if scope else None
        how = replace(self._parts.run.under(settings), run_id=run_id, model_kwargs=kwargs)
        config = scope.config(run_manager) if scope else {}
        return walk(self._parts.nodes, messages, how, heard=is_heard(config)), config

    def _get_invocation_params(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        # As LangChain does, but for its detour by the deprecated `dict`, for which it changes the
        # warning filters of the whole process at each call.
        known = {name: value for name, value in kwargs.items() if name not in _OURS}
        return {**self._identifying_params, "_type": self._llm_type, "stop": stop, **known}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        kwargs.pop(_SCOPE, None)
        if (structured := kwargs.pop(STRUCTURED, None)) is not None:
            kwargs["schema"] = structured.json_schema
        return super()._get_llm_string(stop=stop, **kwargs)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        # By hand: LangChain looks for names of a model that a cascade does not have.
        both = f"{self._parts.weak_model}->{self._parts.strong_model}"
        said = {
            "ls_stop": stop,
            "ls_temperature": kwargs.get("temperature", self.temperature),
            "ls_max_tokens": kwargs.get("max_tokens", self.max_tokens),
        }
        params = LangSmithParams(
            ls_provider="inter_cascade",
            ls_model_type="chat",
            ls_model_name=kwargs.get("model") or both,
        )
        return {**params, **{name: value for name, value in said.items() if value is not None}}


_SETTINGS = frozenset(Settings.model_fields)
_OURS = frozenset({_SCOPE, STRUCTURED})


def _settings(given: dict[str, Any]) -> Settings | None:
    if not given:
        return None
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(
            f"{each['loc'][0]}={each['input']!r}: {each['msg']}" for each in error.errors()
        )
        msg = f"This call's settings cannot be used: {wrong}. Mend them, or leave them out."
        raise ConfigurationError(msg) from error


def _result(state: CascadeState) -> ChatResult:
    # Without usage: the models' own runs have reported theirs, each once.
    news = {"id": None, "usage_metadata": None}
    answer = state["messages"][-1].model_copy(update=news)
    return ChatResult(generations=[ChatGeneration(message=answer)])


def _with_usage(answer: AnyAnswer, scope: Scope) -> AnyAnswer:
    """Return `answer` with the tokens of all models together, if it carries this run's record."""
    record: DecisionRecord | None = answer.response_metadata.get(RECORD_KEY)
    # An answer out of LangChain's cache carries the record of the run that paid for it.
    if record is None or record["run_id"] != str(scope.run_id):
        return answer
    uses = [use for use in record["usage"].values() if use["input_tokens"] is not None]
    if not uses:
        return answer
    read = sum(use["input_tokens"] or 0 for use in uses)
    written = sum(use["output_tokens"] or 0 for use in uses)
    usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    return answer.model_copy(update={"usage_metadata": usage})
