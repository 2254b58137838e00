"""Any callable may say how sure the weak answer is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langchain_intercascade import ConfidenceFunction, ConfigurationError, Evidence, Score
from langchain_intercascade.confidence.base import score_of
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.testing import ScriptedChatModel, check_confidence
from tests.arbitrary import ANY_NUMBER
from tests.conftest import Colour

EVIDENCE = Evidence("query", [], AIMessage("x"))


@given(ANY_NUMBER)
def test_any_reply_becomes_a_score_or_unavailable(reply: Any) -> None:
    """NaN, infinities, None and text are unavailable, never accepted."""
    found = as_confidence(lambda _: reply).invoke(EVIDENCE)

    assert (found.value is None) == bool(found.reason)
    assert found.value is None or 0.0 <= found.value <= 1.0


def test_a_function_a_runnable_and_a_score_all_do(colour: Colour) -> None:
    """In both colours."""
    scorers: tuple[Any, ...] = (
        lambda _: 0.25,
        lambda _: Score(0.25),
        RunnableLambda(lambda _: 0.25),
    )
    for scorer in scorers:
        assert colour.invoke(as_confidence(scorer), EVIDENCE).value == 0.25


def test_an_async_function_is_awaited_and_never_run_in_a_hidden_loop(colour: Colour) -> None:
    """In the sync colour it is unavailable, so the query is deferred."""

    async def scorer(_: Evidence) -> float:
        return 0.75

    found = colour.invoke(as_confidence(scorer), EVIDENCE)

    assert found.value == (0.75 if colour.name == "async" else None)
    assert colour.name == "async" or "async" in found.reason


def test_what_is_no_confidence_function_is_refused() -> None:
    """With what was expected."""
    with pytest.raises(ConfigurationError, match="entropy"):
        as_confidence("entropy")


def test_a_score_cannot_be_made_from_nonsense() -> None:
    """The gate must be able to compare it."""
    with pytest.raises(ValueError, match=r"1\.5"):
        Score(1.5)
    assert score_of(1).value == 1.0


def by_chain(model: ScriptedChatModel) -> ConfidenceFunction:
    """A chain of the user's that asks a model of its own."""
    return as_confidence(
        RunnableLambda(lambda evidence: evidence.query)
        | model
        | RunnableLambda(lambda reply: len(reply.text) / 10)
    )


@pytest.mark.parametrize(
    "check",
    [check for check in check_confidence(by_chain) if "out_of_sight" in check.name],
    ids=lambda check: check.name,
)
def test_what_a_chain_asks_is_not_shown_to_the_user(check: Any) -> None:
    """It is no part of the answer."""
    check.run()
