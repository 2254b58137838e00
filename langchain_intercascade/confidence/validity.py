"""Confidence from form: does the weak answer fit its tools or its schema?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_intercascade.confidence.base import (
    ConfidenceFunction,
    Evidence,
    Score,
    unavailable,
)
from langchain_intercascade.equipment import STRUCTURED, Structured, misfit
from langchain_intercascade.reply import flaw

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps

_ASKED = ("tools", "response_format", STRUCTURED)


class ValidityConfidence(ConfidenceFunction):
    """1 for an answer that fits the form it was asked for, 0 for one that does not; no extra call.

    A fitting answer may still be wrong: this is for tool calls, and for compositions.
    Unavailable where no form was asked for.  A call to a tool fits if the tool exists
    and its arguments fit; an answer in words fits where tools were only offered.

    Args:
        schema: The form, whatever was asked: a pydantic class, a `TypedDict` or a JSON
            schema; by default the tools or the schema of the query.
    """

    method = "validity"

    def __init__(self, schema: Any = None) -> None:
        """Check against `schema`."""
        self._form = {} if schema is None else {STRUCTURED: Structured(schema)}

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Check the form of the weak answer."""
        form = self._form or (evidence.run.model_kwargs if evidence.run else {})
        return _score(evidence, form)
        yield  # makes this a body, although it has nothing to ask


def _score(evidence: Evidence, form: Mapping[str, Any]) -> Score:
    if not any(form.get(name) for name in _ASKED):
        return unavailable("neither tools nor a schema were asked for")
    if flaw(evidence.weak_answer):
        return Score(0.0)
    try:
        return Score(0.0 if misfit(evidence.weak_answer, form) else 1.0)
    except RecursionError:  # JSON that is nested too deeply to be read
        return Score(0.0)
