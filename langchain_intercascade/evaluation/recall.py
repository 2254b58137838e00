"""This is where a model is made to remember: what the journal knows is not asked again."""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field

from langchain_intercascade._steps import Fault, ask, attempt, run
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.arms import ModelFaultError
from langchain_intercascade.evaluation.journal import Told, as_told, digest_of_prompt
from langchain_intercascade.evaluation.timing import took
from langchain_intercascade.models import name_of, prepared_weak
from langchain_intercascade.reply import configuration_fault

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.runnables import Runnable, RunnableConfig

_RUN: ContextVar[str] = ContextVar("run", default="")


class RecallingModel(BaseChatModel):
    """A model whose replies are in a journal: it answers as it did, and calls only for news.

    Sync only, as the bench is.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: Any
    """The model that is called for what is not known yet."""
    memory: Any = Field(repr=False)
    """What it remembers by, a `Memory`."""
    level: str
    """Which model of the cascade it is, in the journal."""
    logprobs: bool | None = None
    """Whether the model is asked for log-probabilities; set by the cascade."""
    top_logprobs: int | None = None
    """Of how many candidates."""
    temperature: Any = None
    """The model's own, so that who draws samples can set it."""

    def __init__(self, **fields: Any) -> None:
        """Remember for `inner`."""
        own = getattr(fields["inner"], "temperature", None)
        super().__init__(**{"temperature": own, **fields})

    @property
    def model_name(self) -> str:
        """The model's name."""
        return name_of(self.inner)

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer as before, or ask."""
        token = _RUN.set((config or {}).get("run_name") or self.level)
        try:
            return super().invoke(input, config, stop=stop, **kwargs)
        finally:
            _RUN.reset(token)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del run_manager
        options = {**kwargs, **({"stop": stop} if stop else {})}
        prompt = digest_of_prompt(messages, {**options, **self._set()})
        told: Told = self.memory.told(self.level, prompt, lambda: self._called(messages, options))
        took(_RUN.get(), told.ms)
        if told.fault:
            raise ModelFaultError(told.fault)
        return ChatResult(generations=[ChatGeneration(message=told.message)])

    def _called(self, messages: list[BaseMessage], options: dict[str, Any]) -> Told:
        began = perf_counter()
        # Traced once: as the call of this model, not again as one inside it.
        steps = ask(self._prepared(), messages, kwargs=options, callbacks=[])
        answer = run(attempt(steps))
        ms = 1000 * (perf_counter() - began)
        if not isinstance(answer, Fault):
            return as_told(answer, ms)
        if configuration_fault(answer.error):
            msg = (
                f"{self.model_name} refuses every request like this one ({answer}: "
                f"{answer.error}). Check its key, its name and its parameters."
            )
            raise ConfigurationError(msg) from answer.error
        return Told(ms, fault=str(answer))

    def _prepared(self) -> Runnable[Any, AIMessage]:
        """Return the model, set as this one was set by the cascade."""
        model = self.inner
        if self.temperature != getattr(model, "temperature", None):
            model = model.model_copy(update={"temperature": self.temperature})
        if self.logprobs is None:
            return cast("Runnable[Any, AIMessage]", model)
        return prepared_weak(model, self.logprobs, self.top_logprobs or 0)

    def _set(self) -> dict[str, Any]:
        """Return what was set, so that a sample is not taken for the answer itself."""
        mine = {"logprobs": self.logprobs, "temperature": self.temperature}
        return {name: value for name, value in mine.items() if value is not None}

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    @property
    def _llm_type(self) -> str:
        return "recalling"
