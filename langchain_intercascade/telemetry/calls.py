"""A span and figures for each call of a model, by the names of the conventions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, closing, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import add_usage
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from langchain_intercascade.telemetry import names
from langchain_intercascade.telemetry.attributes import of_reply
from langchain_intercascade.telemetry.inside import apieces_inside, current, pieces_inside
from langchain_intercascade.telemetry.names import OURS

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

    from langchain_intercascade.costs import Prices
    from langchain_intercascade.telemetry.instruments import Instruments

T = TypeVar("T")

NO_PROVIDER: Final = names.provider("")


class Calls:
    """Makes the calls of one model for one purpose, as a `Guard` does, each inside a span.

    What it measures is what the cascade waits for: the wait for a slot, and the provider's
    client's own tries, are in it.
    """

    def __init__(
        self,
        *,
        model: str,
        provider: str,
        purpose: str,
        name: str,
        tracer: Tracer,
        instruments: Instruments,
        prices: Prices,
    ) -> None:
        """Say of each call that it was one of `model` for `purpose`, in a cascade called `name`."""
        self._name = f"{names.CHAT} {model}"
        self._what = {
            names.OPERATION: names.CHAT,
            names.AGENT: name,
            names.PROVIDER: provider,
            names.REQUEST_MODEL: model,
            f"{OURS}role": purpose,
        }
        self._tracer = tracer
        self._instruments = instruments
        self._prices = prices

    def run(self, call: Callable[[], T]) -> T:
        """Return what `call` returns."""
        with self._call() as made, current(made.context):
            reply = call()
            made.hear(reply)
        return reply

    async def arun(self, call: Callable[[], Awaitable[T]]) -> T:
        """Do as `run` does, without blocking the event loop."""
        with self._call() as made, current(made.context):
            reply = await call()
            made.hear(reply)
        return reply

    def stream(self, make: Callable[[], Iterator[T]]) -> Generator[T]:
        """Yield the pieces of the stream that `make` opens."""
        with (
            self._call(stream=True) as made,
            closing(pieces_inside(made.context, make())) as arriving,
        ):
            for piece in arriving:
                made.hear(piece)
                yield piece

    async def astream(self, make: Callable[[], AsyncIterator[T]]) -> AsyncGenerator[T]:
        """Do as `stream` does, without blocking the event loop."""
        with self._call(stream=True) as made:
            async with aclosing(apieces_inside(made.context, make())) as arriving:
                async for piece in arriving:
                    made.hear(piece)
                    yield piece

    @contextmanager
    def _call(self, *, stream: bool = False) -> Iterator[_Call]:
        span = self._tracer.start_span(self._name, kind=SpanKind.CLIENT, attributes=self._what)
        made = _Call(span, stream=stream)
        error = ""
        try:
            yield made
        except BaseException as failed:
            error = type(failed).__name__
            failing(span, failed)
            raise
        finally:
            self._end(made, error)

    def _end(self, made: _Call, error: str) -> None:
        reply = made.reply()
        what = dict(self._what)
        told: dict[str, Any] = {names.REQUEST_STREAM: True} if made.stream else {}
        if reply is not None:
            if made.span.is_recording():
                told |= of_reply(reply)
            provider = reply.response_metadata.get("model_provider")
            if what[names.PROVIDER] == NO_PROVIDER and isinstance(provider, str):
                told[names.PROVIDER] = what[names.PROVIDER] = names.provider(provider)
        cost = None if reply is None else self._prices.cost(reply)
        if cost is not None:
            told[f"{OURS}cost"] = cost
        if made.stream and made.first is not None:
            told[names.FIRST_CHUNK] = made.first
            self._instruments.began_to_arrive(what, made.first)
        if error:
            what[names.ERROR] = error
        self._instruments.called(what, made.seconds, reply, cost)
        made.span.set_attributes(told)
        made.span.end()


class _Call:
    """One call: its span, and what its reply says about itself so far."""

    def __init__(self, span: Span, *, stream: bool) -> None:
        self.span = span
        self.context: Context = set_span_in_context(span)
        self.stream = stream
        self.first: float | None = None
        self._began = perf_counter()
        self._usage: Any = None
        self._metadata: dict[str, Any] | None = None

    @property
    def seconds(self) -> float:
        return perf_counter() - self._began

    def hear(self, piece: object) -> None:
        """Take note of a reply, or of a piece of one, and keep none of its content."""
        if self.first is None:
            self.first = self.seconds
        if isinstance(piece, AIMessage):
            told = piece.response_metadata
            self._metadata = (self._metadata or {}) | {k: v for k, v in told.items() if v}
            if piece.usage_metadata is not None:
                self._usage = add_usage(self._usage, piece.usage_metadata)

    def reply(self) -> AIMessage | None:
        """Return a message without content that says of itself what the reply said."""
        if self._metadata is None:
            return None
        return AIMessage("", response_metadata=self._metadata, usage_metadata=self._usage)


def failing(span: Span, error: BaseException) -> None:
    """Let `span` say that it has failed, and by the error's type only how.

    Messages of clients may quote prompts, so no exception is recorded.  A run that nobody
    waits for any more is no failure.
    """
    if isinstance(error, Exception):
        name = type(error).__name__
        span.set_attribute(names.ERROR, name)
        span.set_status(Status(StatusCode.ERROR, name))
    else:
        span.set_attribute(f"{OURS}abandoned", value=True)
