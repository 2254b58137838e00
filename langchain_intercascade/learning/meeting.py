"""Under what name a model answers, and who takes note of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from langchain_intercascade._steps import Steps, nothing
from langchain_intercascade.costs import model_name
from langchain_intercascade.record import RECORD_KEY
from langchain_intercascade.threshold.base import ModelRole

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

Meeting: TypeAlias = Callable[[ModelRole, str], Steps[None]]
"""Steps that take note of the name under which a model has just answered."""


def nobody_minds(*_: object) -> Steps[None]:
    """Stand in for somebody who takes note of names."""
    return nothing()


def own_name(answer: AIMessage | None) -> str:
    """Return what the model that wrote `answer` calls itself; empty if it does not say.

    A cascade has no name of its own: its answers come under those of its models.
    """
    if answer is None or RECORD_KEY in answer.response_metadata:
        return ""
    return model_name(answer)
