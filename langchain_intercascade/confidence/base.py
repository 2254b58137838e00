"""The contract of a confidence function: how sure is the weak answer?

A confidence function maps `Evidence` to a `Score`: a number in [0, 1], or
"unavailable" with the reason.  There is no third outcome.  NaN, infinities and
numbers outside the range are unavailable too: `nan < threshold` is false, so a
gate that only asked "is it below?" would accept them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_intercascade._steps import Steps, arun, overheard, run

if TYPE_CHECKING:
    from langchain_intercascade.state import Run


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a confidence function may look at.

    Attributes:
        query: The text that strategies are retrieved by.
        messages: The conversation as the caller sent it, without strategies.
        weak_answer: The weak model's message, with all its metadata.
        prompt: What the weak model was asked, strategies included, or what makes it, for few
            functions want it; `messages` if `None`.
        run: How the query is run, with its tools or its schema; `None` if nobody knows.
    """

    query: str
    messages: Sequence[BaseMessage]
    weak_answer: AIMessage
    prompt: Sequence[BaseMessage] | Callable[[], Sequence[BaseMessage]] | None = None
    run: Run | None = None

    @property
    def asked(self) -> list[BaseMessage]:
        """What the weak model was asked."""
        prompt = self.prompt() if callable(self.prompt) else self.prompt
        return list(self.messages if prompt is None else prompt)


@dataclass(frozen=True, slots=True)
class Score:
    """A number in [0, 1], or `None` with the reason why there is none.

    Attributes:
        value: The number, or `None`.
        reason: Why there is none; empty if there is one.
        method: What made the score, if that differs from answer to answer; else empty.
        messages: Replies of models that were paid for; two scores are equal without them.
    """

    value: float | None
    reason: str = ""
    method: str = ""
    messages: tuple[AIMessage, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a value that a gate could not compare."""
        if self.value is not None and not 0.0 <= self.value <= 1.0:
            msg = f"A score lies in [0, 1]; {self.value!r} does not. Use `score_of`."
            raise ValueError(msg)


def unavailable(reason: str) -> Score:
    """Return the score that says there is none, and why."""
    return Score(None, reason)


def score_of(number: object) -> Score:
    """Return `number` as a score; anything but a finite number in [0, 1] is unavailable.

    The reason names the type of what is no number, and does not quote it: it may be
    the text of an answer, and reasons are logged.

    Examples:
        >>> score_of(0.25).value
        0.25
        >>> score_of(float("nan")).reason
        'the score nan is not a number in [0, 1]'
        >>> score_of("very sure").reason
        'the score, a str, is not a number in [0, 1]'
    """
    if isinstance(number, Real) and 0 <= number <= 1:  # type: ignore[operator]  # false for NaN; every real number compares
        return Score(float(number))
    told = f" {number!r}" if isinstance(number, float) else f", a {type(number).__name__},"
    return unavailable(f"the score{told} is not a number in [0, 1]")


class ConfidenceFunction(Runnable[Evidence, Score]):
    """Scores a weak answer; a `Runnable`, so it is traced and composed like any other.

    A subclass writes `scoring` once, as steps; both colours come from it.
    """

    method: str
    """Name of the method, as it appears in the decision record."""

    needs_logprobs: bool = False
    """Whether the weak model must be asked for token log-probabilities."""

    top_logprobs: int = 0
    """How many candidates the weak model must list for each token; 0 for none."""

    @abstractmethod
    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Score the weak answer; never raises for a strange answer, but says unavailable.

        Models are asked through steps, with the tag `QUIET`; what they cost is
        overheard by whoever drives the steps, so nobody has to report it.
        """

    def bound_to(self, weak: Runnable[Any, AIMessage]) -> ConfidenceFunction:
        """Return this function as it is for the weak model `weak`, if it asks that model.

        A function that was given a model of its own, or asks none, returns itself.
        """
        del weak
        return self

    def invoke(self, input: Evidence, config: RunnableConfig | None = None, **_: Any) -> Score:
        """Score the weak answer; the score's `messages` are what was paid for it."""
        heard: list[Any] = []
        score = run(overheard(self.scoring(input), heard), config)
        return replace(score, messages=paid_for(heard, score))

    async def ainvoke(
        self,
        input: Evidence,
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> Score:
        """Score the weak answer without blocking the event loop."""
        heard: list[Any] = []
        score = await arun(overheard(self.scoring(input), heard), config)
        return replace(score, messages=paid_for(heard, score))


class Composite(ConfidenceFunction):
    """A confidence function made of others: it needs what they need."""

    def __init__(self, parts: Iterable[ConfidenceFunction], *, method: str) -> None:
        """Take the parts, and the name for the record."""
        self.parts = tuple(parts)
        self.method = method
        self.needs_logprobs = any(part.needs_logprobs for part in self.parts)
        self.top_logprobs = max((part.top_logprobs for part in self.parts), default=0)

    def bound_to(self, weak: Runnable[Any, AIMessage]) -> Self:
        """Bind every part."""
        twin = copy(self)
        twin.parts = tuple(part.bound_to(weak) for part in self.parts)
        return twin


def paid_for(heard: Sequence[Any], score: Score | None = None) -> tuple[AIMessage, ...]:
    """Return the model replies in what `overheard` has heard, and those that `score` reports.

    A message counts once, wherever it turns up.

    Examples:
        >>> reply = AIMessage("80")
        >>> len(paid_for([reply, [reply, AIMessage("90")], "no message"], Score(0.8)))
        2
    """
    reported = () if score is None else score.messages
    several = [*_messages_in(heard), *reported]
    return tuple({id(message): message for message in several}.values())


def _messages_in(heard: Any) -> Iterator[AIMessage]:
    if isinstance(heard, AIMessage):
        yield heard
    elif isinstance(heard, Score):
        yield from heard.messages
    elif isinstance(heard, list | tuple):
        for each in heard:
            yield from _messages_in(each)
