"""Confidence in words: the number that a model states when it is asked how sure it is."""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Any, Final, Self

from langchain_intercascade import prompts
from langchain_intercascade._steps import Fault, Steps
from langchain_intercascade.confidence._asking import asking_about
from langchain_intercascade.confidence.base import (
    ConfidenceFunction,
    Evidence,
    Score,
    score_of,
    unavailable,
)
from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

_NUMBER: Final = re.compile(
    r"(?<![\w.-])(-?[0-9]+(?:\.[0-9]+)?)(?![\w]|\.[0-9])\s*(%|percent\b|(?:/|out of)\s*(100?)\b)?",
    re.IGNORECASE,
)


class VerbalizedConfidence(ConfidenceFunction):
    """The number that the weak model states about its own answer, in one more, short call.

    Query and answer are cut to a fixed length, so the call costs the same however long
    the prompt was.  Without exactly one usable number the score is unavailable.  Stated
    confidences crowd near the top: recalibrate them, or use them in a composition.

    Args:
        model: Who is asked; by default the cascade's weak model.
    """

    method = "verbalized"

    def __init__(self, model: Runnable[Any, AIMessage] | None = None) -> None:
        """Ask `model`."""
        self._model = model

    def bound_to(self, weak: Runnable[Any, AIMessage]) -> Self:
        """Ask `weak`, unless another model was given."""
        if self._model is not None:
            return self
        twin = copy(self)
        twin._model = weak  # noqa: SLF001 - a copy of this very object
        return twin

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Ask how sure, and read the number."""
        if self._model is None:
            msg = (
                "VerbalizedConfidence does not know the weak model: give it to a cascade, call "
                "`bound_to(weak)`, or give it `model=`."
            )
            raise ConfigurationError(msg)
        system, template = prompts.CONFIDENCE_STATED_SYSTEM, prompts.CONFIDENCE_STATED
        reply = yield from asking_about(self._model, system, template, evidence, name=self.method)
        if isinstance(reply, Fault):
            return unavailable(f"asking for a confidence failed ({reply})")
        number = stated(reply.text)
        return unavailable("no usable number was stated") if number is None else score_of(number)


def stated(text: str) -> float | None:
    """Return the one confidence that `text` states; `None` if it is none, several, or no such.

    Plain numbers are percent, but a fraction of at most 1 is what it is.

    Examples:
        >>> stated("85"), stated("I am 85% sure."), stated("0.85"), stated("8/10")
        (0.85, 0.85, 0.85, 0.8)
        >>> stated("very sure"), stated("between 80 and 90"), stated("150")
        (None, None, None)
    """
    read = {_share(*found) for found in _NUMBER.findall(text)}
    only = read.pop() if len(read) == 1 else -1.0
    return only if 0.0 <= only <= 1.0 else None


def _share(number: str, unit: str, whole: str) -> float:
    value = float(number)
    if whole:
        return value / float(whole)
    return value if not unit and "." in number and value <= 1.0 else value / 100
