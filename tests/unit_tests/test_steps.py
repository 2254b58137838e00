"""One algorithm, two colours: the drivers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager, CallbackManager
from langchain_core.runnables import RunnableConfig, RunnableLambda

from langchain_intercascade import BrokenStreamError, ConfigurationError
from langchain_intercascade._steps import (
    QUIET,
    Call,
    Fault,
    Steps,
    StreamedCall,
    arun,
    ask,
    astream,
    attempt,
    run,
    stream,
)
from tests.conftest import Colour


def said(value: Any) -> Call:
    """A call that returns `value`, or raises it."""

    def blocking(_: RunnableConfig) -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    async def awaited(config: RunnableConfig) -> Any:
        return blocking(config)

    return Call(blocking, awaited)


def spelled(word: str, *, breaks: bool = False) -> StreamedCall:
    """A call whose reply comes letter by letter."""

    def pieces(_: RunnableConfig) -> Iterator[str]:
        yield from word
        if breaks:
            raise ConnectionError

    async def apieces(config: RunnableConfig) -> AsyncIterator[str]:
        for letter in pieces(config):
            yield letter

    whole = said(word)
    return StreamedCall(whole.blocking, whole.awaited, pieces, apieces, "".join)


def drive(colour: Colour, steps: Steps[Any], config: RunnableConfig | None = None) -> Any:
    """Run `steps` in this colour."""
    return colour.run(lambda: run(steps, config), lambda: arun(steps, config))


def drive_streaming(colour: Colour, steps: Steps[Any]) -> tuple[list[Any], list[Any]]:
    """Return the pieces and, in a list, the value."""
    pieces: list[Any] = []
    value: list[Any] = []

    def blocking() -> None:
        def inner() -> Iterator[Any]:
            value.append((yield from stream(steps)))

        pieces.extend(inner())

    async def awaited() -> None:
        pieces.extend([piece async for piece in astream(steps, done=value.append)])

    colour.run(blocking, awaited)
    return pieces, value


def test_a_body_gets_the_replies_it_asked_for(colour: Colour) -> None:
    """And its value comes back."""

    def body() -> Steps[int]:
        one: int = yield said(1)
        two: int = yield said(2)
        return one + two

    assert drive(colour, body()) == 3


def test_a_body_may_catch_the_error_of_a_call(colour: Colour) -> None:
    """At the place where it asked."""

    def body() -> Steps[str]:
        try:
            yield said(ConnectionError())
        except ConnectionError:
            rescued: str = yield said("rescued")
            return rescued
        return "unreached"

    assert drive(colour, body()) == "rescued"


def test_an_uncaught_error_reaches_the_caller(colour: Colour) -> None:
    """Unchanged."""

    def body() -> Steps[None]:
        yield said(KeyError("x"))

    with pytest.raises(KeyError):
        drive(colour, body())


def test_an_attempt_turns_a_fault_into_a_value_but_not_a_wrong_configuration(
    colour: Colour,
) -> None:
    """What can never work must not be hidden."""

    def body(error: Exception) -> Steps[Any]:
        yield said(error)

    found = drive(colour, attempt(body(ConnectionError("secret"))))
    assert isinstance(found, Fault)
    assert str(found) == "ConnectionError"
    with pytest.raises(ConfigurationError):
        drive(colour, attempt(body(ConfigurationError("wrong"))))


def test_interrupts_are_never_caught(colour: Colour) -> None:
    """Cancellation is not an error."""

    def body() -> Steps[Any]:
        return (yield from attempt(_asking(KeyboardInterrupt())))

    with pytest.raises(KeyboardInterrupt):
        drive(colour, body())


def _asking(error: BaseException) -> Steps[Any]:
    return (yield said(error))


def test_asking_lays_tags_and_metadata_over_the_config(colour: Colour) -> None:
    """Added to, not replaced."""
    seen: list[RunnableConfig] = []

    def note(value: int, config: RunnableConfig) -> int:
        seen.append(config)
        return value

    steps = ask(RunnableLambda(note), 1, tags=["inner"], metadata={"b": 2})
    drive(colour, steps, {"tags": ["outer"], "metadata": {"a": 1}})

    assert {"outer", "inner"} <= set(seen[0]["tags"])
    assert {"a": 1, "b": 2}.items() <= seen[0]["metadata"].items()


def test_a_streaming_driver_hands_out_pieces_and_the_body_gets_the_whole(colour: Colour) -> None:
    """Plain calls are silent; the value comes at the end."""

    def body() -> Steps[str]:
        first: str = yield said("-")
        second: str = yield spelled("abc")
        return first + second

    assert drive_streaming(colour, body()) == (["a", "b", "c"], ["-abc"])


def test_a_reply_that_breaks_off_is_told_apart_from_one_that_never_began(colour: Colour) -> None:
    """Nothing may be put in the place of what was already read."""

    def body(word: str) -> Steps[str]:
        try:
            whole: str = yield spelled(word, breaks=True)
        except BrokenStreamError as error:
            return f"broken by {type(error.__cause__).__name__}"
        except ConnectionError:
            return "never began"
        return whole

    assert drive_streaming(colour, body("ab")) == (["a", "b"], ["broken by ConnectionError"])
    assert drive_streaming(colour, body("")) == ([], ["never began"])


def test_a_body_is_closed_when_its_driver_is(colour: Colour) -> None:
    """So that it can put away what it holds."""
    closed: list[bool] = []

    def body() -> Steps[str]:
        try:
            whole: str = yield spelled("abc")
        finally:
            closed.append(True)
        return whole

    def blocking() -> None:
        pieces = stream(body())
        next(pieces)
        pieces.close()

    async def awaited() -> None:
        pieces = astream(body(), done=lambda _: None)
        await anext(pieces)
        await pieces.aclose()

    colour.run(blocking, awaited)
    assert closed == [True]


class Tapping(BaseCallbackHandler):
    """A handler that shows runs to a user while they go on, as event streams do."""

    def tap_output_iter(self, *_: Any) -> None:
        """What such handlers are known by."""


def test_quiet_runs_are_shown_to_nobody_but_traced_by_all(colour: Colour) -> None:
    """Whether the callbacks come as a list or as a manager."""
    tracer, tapping = BaseCallbackHandler(), Tapping()
    seen: list[list[BaseCallbackHandler]] = []

    def note(value: int, config: RunnableConfig) -> int:
        seen.append(cast("BaseCallbackManager", config["callbacks"]).handlers)
        return value

    manager = CallbackManager(handlers=[tracer, tapping], inheritable_handlers=[tracer, tapping])
    for callbacks in ([tracer, tapping], manager):
        drive(colour, ask(RunnableLambda(note), 1, tags=[QUIET]), {"callbacks": callbacks})
        drive(colour, ask(RunnableLambda(note), 1), {"callbacks": callbacks})

    assert [tapping in handlers for handlers in seen] == [False, True, False, True]
    assert all(tracer in handlers for handlers in seen)
