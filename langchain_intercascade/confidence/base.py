"""The contract of a confidence function: how sure is the weak answer?

A confidence function maps `Evidence` to a `Score`: a number in [0, 1], or
"unavailable" with the reason.  There is no third outcome.  NaN, infinities and
numbers outside the range are unavailable too: `nan < threshold` is false, so a
gate that only asked "is it below?" would accept them.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_intercascade._steps import Steps, arun, run

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a confidence function may look at.

    Attributes:
        query: The text that strategies are retrieved by.
        messages: The conversation as the caller sent it, without strategies.
        weak_answer: The weak model's message, with all its metadata.
    """

    query: str
    messages: Sequence[BaseMessage]
    weak_answer: AIMessage


@dataclass(frozen=True, slots=True)
class Score:
    """A number in [0, 1], or `None` with the reason why there is none."""

    value: float | None
    reason: str = ""

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

    Examples:
        >>> score_of(0.25).value
        0.25
        >>> score_of(float("nan")).reason
        'the score nan is not a number in [0, 1]'
    """
    plain = isinstance(number, int | float) and math.isfinite(number)
    if plain and 0.0 <= float(number) <= 1.0:  # type: ignore[arg-type]  # `plain` says it is a number
        return Score(float(number))  # type: ignore[arg-type]  # as above
    return unavailable(f"the score {number!r} is not a number in [0, 1]")


class ConfidenceFunction(Runnable[Evidence, Score]):
    """Scores a weak answer; a `Runnable`, so it is traced and composed like any other.

    A subclass writes `scoring` once, as steps; both colours come from it.
    """

    method: ClassVar[str]
    """Name of the method, as it appears in the decision record."""

    needs_logprobs: ClassVar[bool] = False
    """Whether the weak model must be asked for token log-probabilities."""

    @abstractmethod
    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Score the weak answer; never raises for a strange answer, but says unavailable."""

    def invoke(self, input: Evidence, config: RunnableConfig | None = None, **_: Any) -> Score:
        """Score the weak answer."""
        return run(self.scoring(input), config)

    async def ainvoke(
        self,
        input: Evidence,
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> Score:
        """Score the weak answer without blocking the event loop."""
        return await arun(self.scoring(input), config)
