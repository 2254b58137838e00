"""Do two answers to one query say the same?

Whether the weak answer is right is told by what the strong model, or somebody
who knows, has answered: by the text of both, by a judge, or by the caller's word.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable

from langchain_intercascade import prompts
from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt, either, nothing
from langchain_intercascade.conclusion import same_answer
from langchain_intercascade.errors import ConfigurationError

logger = logging.getLogger(__name__)


class Agreement(ABC):
    """Judges whether two answers say the same."""

    method: ClassVar[str]
    """Its name, for records."""

    @abstractmethod
    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Say whether `one` and `other`, both answers to `query`, agree; `None`: cannot tell."""


class AnswerAgreement(Agreement):
    """Compares what two answers conclude with: a number, a choice letter, JSON, a few words.

    Examples:
        >>> same_answer("So 3 * 4 = 12. The answer is 12.", "It is 12 pens. #### 12.0")
        True
        >>> same_answer("The answer is (B).", "b")
        True
        >>> same_answer("Paris has old bridges.", "Rome was not built in a day, they say.") is None
        True
    """

    method: ClassVar[str] = "answer"

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Compare the conclusions; `None` where one of the two has none."""
        del query
        yield from nothing()
        return same_answer(one, other)


class JudgeAgreement(Agreement):
    """Asks a model whether two answers say the same; anything but yes or no is "cannot tell"."""

    method: ClassVar[str] = "judge"

    def __init__(self, judge: Runnable[Any, AIMessage]) -> None:
        """Ask `judge`."""
        self._judge = judge

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Ask once; a judge that fails cannot tell."""
        text = prompts.filled(prompts.JUDGE, query=query, one=one, other=other)
        prompt = [SystemMessage(prompts.JUDGE_SYSTEM), HumanMessage(text)]
        reply = yield from attempt(ask(self._judge, prompt, run_name="judge", tags=[QUIET]))
        if isinstance(reply, Fault):
            logger.warning(
                "The judge failed (%s), so it cannot tell.",
                str(reply),
                extra={"event": "judge_failed", "error": str(reply)},
            )
            return None
        said = re.findall(r"[a-z]+", reply.text.lower())
        return {"yes": True, "no": False}.get(said[-1] if said else "")


class FirstToTell(Agreement):
    """Asks one after the other until somebody can tell."""

    method: ClassVar[str] = "first to tell"

    def __init__(self, *agreements: Agreement) -> None:
        """Ask `agreements`, the cheapest first."""
        self._agreements = agreements

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Return the first verdict there is."""
        for agreement in self._agreements:
            verdict = yield from agreement.judging(query, one, other)
            if verdict is not None:
                return verdict
        return None


class CallableAgreement(Agreement):
    """Wraps a function of query and two answers that returns `True`, `False` or `None`."""

    method: ClassVar[str] = "callable"

    def __init__(self, function: Callable[[str, str, str], Any]) -> None:
        """Ask `function`; a coroutine function is awaited, in either colour."""
        self._function = function

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Call the function; one that fails, or returns no truth value, cannot tell."""
        verdict = yield from attempt(calling(self._function, query, one, other))
        if isinstance(verdict, Fault):
            logger.warning(
                "The agreement function failed (%s), so it cannot tell.",
                str(verdict),
                extra={"event": "agreement_failed", "error": str(verdict)},
            )
        return truth(verdict)


def as_agreement(given: Agreement | Callable[[str, str, str], Any] | None) -> Agreement:
    """Return `given` as an agreement; `AnswerAgreement()` if `None`.

    Raises:
        ConfigurationError: It is neither an agreement nor a function.
    """
    if given is None:
        return AnswerAgreement()
    if isinstance(given, Agreement):
        return given
    if callable(given):
        return CallableAgreement(given)
    msg = (
        f"agreement={given!r} cannot compare answers: give an Agreement, or a function of "
        "(query, one answer, other answer) that returns True, False or None."
    )
    raise ConfigurationError(msg)


def calling(function: Callable[..., Any], *arguments: Any) -> Steps[Any]:
    """Call a function of the user's, which may return an awaitable, as one step.

    Raises:
        RuntimeError: It returns an awaitable, but is called without `await` in a thread
            where an event loop is running, so that nobody can wait for it.
    """

    async def awaited() -> Any:
        found = function(*arguments)
        return await found if inspect.isawaitable(found) else found

    def blocking() -> Any:
        found = function(*arguments)
        return _waited_for(found) if inspect.isawaitable(found) else found

    return either(blocking, awaited)


def _waited_for(found: Awaitable[Any]) -> Any:
    async def waiting() -> Any:
        return await found

    try:
        asyncio.get_running_loop()
    except RuntimeError:  # as it should be
        return asyncio.run(waiting())
    if inspect.iscoroutine(found):
        found.close()  # or Python warns that nobody ever awaited it
    msg = "an async function cannot be waited for inside a running event loop: use `ainvoke` there"
    raise RuntimeError(msg)


def truth(value: Any) -> bool | None:
    """Return `value` if it is a truth value, NumPy's included; else `None`, for "cannot tell".

    Examples:
        >>> import numpy
        >>> truth(False), truth(numpy.bool_(False)), truth(0), truth("yes")
        (False, False, None, None)
    """
    if isinstance(value, bool):
        return value
    # Known by its name, because NumPy need not be imported for it.
    return bool(value) if type(value).__name__ in ("bool_", "bool") else None
