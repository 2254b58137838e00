"""A model that is called within limits, and otherwise is what it was."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase
from pydantic import Field

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langchain_intercascade.resilience.guard import Guard

_BINDING: Final = ("bind_tools", "with_structured_output")


class GuardedModel(RunnableBindingBase[Any, AIMessage]):
    """A binding to a model, so that whoever looks for the model inside finds it as usual."""

    guard: Any = Field(exclude=True)
    """The `Guard` that makes the calls."""

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        """Ask the model."""
        answer: AIMessage = self.guard.run(partial(super().invoke, input, config, **kwargs))
        return answer

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        """Ask the model without blocking the event loop."""
        answer: AIMessage = await self.guard.arun(partial(super().ainvoke, input, config, **kwargs))
        return answer

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Generator[AIMessage]:
        """Ask the model for its answer in pieces."""
        more = {**self.kwargs, **kwargs}
        make = partial(self.bound.stream, input, self._merge_configs(config), **more)
        with closing(self.guard.stream(make)) as pieces:
            yield from pieces

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[AIMessage]:
        """Ask the model for its answer in pieces, without blocking the event loop."""
        # Not the binding's own: that one leaves it to the garbage collector to close the stream.
        more = {**self.kwargs, **kwargs}
        make = partial(self.bound.astream, input, self._merge_configs(config), **more)
        async with aclosing(self.guard.astream(make)) as pieces:
            async for piece in pieces:
                yield piece

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Bind tools or a schema as the model does, if it does, and stay around the result."""
            if name not in _BINDING:
                return super().__getattr__(name)
            return partial(self._rebound, getattr(self.bound, name))

    def _rebound(
        self, bind: Callable[..., Runnable[Any, Any]], *args: Any, **kwargs: Any
    ) -> GuardedModel:
        found = bind(*args, **kwargs)
        # A structured model is the bound model and a parser behind it; the message is what counts.
        model = found.first if isinstance(found, RunnableSequence) else found
        return self.model_copy(update={"bound": model})


def guarded(model: Runnable[Any, AIMessage], guard: Guard) -> Runnable[Any, AIMessage]:
    """Return `model`, called within the limits of `guard`; itself if there are none."""
    if guard.is_idle:
        return model
    return cast("Runnable[Any, AIMessage]", GuardedModel(bound=model, guard=guard))
