"""Strategies, thresholds, prices, replies and the leak guard: the rules that need no model."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_intercascade import (
    ALWAYS_DEFER,
    Advice,
    ConfigurationError,
    FixedThreshold,
    LessonRejectedError,
    Price,
    Prices,
    RepositoryCorruptError,
    State,
    Strategy,
    TenantError,
)
from langchain_intercascade.equipment import misfit
from langchain_intercascade.nodes.distiller import parse_advice
from langchain_intercascade.nodes.weak_generate import strategies_block
from langchain_intercascade.reply import flaw
from langchain_intercascade.repository.admission import check_leaks
from langchain_intercascade.strategy import (
    Lesson,
    Origin,
    checked_tenant,
    normalised,
    pending_lesson,
    storable,
    strategy_id,
)

ORIGIN = Origin(run_id="r", strong_model="s", prompt_version=1)


def candidate(query: str, answer: str, *steps: str) -> Strategy:
    """A candidate with these steps, made from this query and answer."""
    lesson = Lesson(query=query, answer=answer)
    pending = pending_lesson(tenant="t", query=query, lesson=lesson, origin=ORIGIN)
    advice = Advice(title="Kind", when_to_use="When it fits.", steps=steps)
    return pending.changed(state=State.CANDIDATE, advice=advice)


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_strategy_survives_the_way_to_the_repository_and_back(query: str, answer: str) -> None:
    """Through JSON, for any text."""
    written = pending_lesson(
        tenant="t",
        query=storable(query),
        lesson=Lesson(query=storable(query), answer=storable(answer)),
        origin=ORIGIN,
    )

    assert Strategy.from_payload(json.loads(json.dumps(written.payload()))) == written


@given(st.text(), st.text(), st.text(), st.text())
def test_ids_tell_tenants_and_queries_apart(a: str, b: str, c: str, d: str) -> None:
    """No pair of tenant and query can be crafted to look like another."""
    one = strategy_id(tenant=a, query=b, strong_model="m")
    other = strategy_id(tenant=c, query=d, strong_model="m")

    assert (one == other) == ((a, normalised(b)) == (c, normalised(d)))


def test_a_newer_strategy_is_refused_and_not_guessed_at() -> None:
    """With what to do."""
    payload = candidate("q", "a", "Do it.").payload() | {"schema_version": 99}
    with pytest.raises(RepositoryCorruptError, match="Upgrade"):
        Strategy.from_payload(payload)
    with pytest.raises(RepositoryCorruptError, match="cannot be read as a strategy"):
        Strategy.from_payload({"id": "x"})


@pytest.mark.parametrize("tenant", [None, "", " ", 7, ["a"], "a\ud800", "a\x00"])
def test_a_tenant_is_a_name(tenant: Any) -> None:
    """There is no tenant that means everybody."""
    with pytest.raises(TenantError):
        checked_tenant(tenant)


@given(st.floats(min_value=0, max_value=1), st.floats(min_value=0, max_value=1))
def test_what_reaches_the_threshold_is_accepted(value: float, confidence: float) -> None:
    """And coverage never rises with the threshold."""
    cut = FixedThreshold(value).cut("plain")

    assert cut.accepts(confidence) == (confidence >= value)
    assert not cut.accepts(math.nan)
    assert not FixedThreshold(ALWAYS_DEFER).cut("plain").accepts(confidence)


def test_prices_are_found_with_and_without_a_version() -> None:
    """A date or a version may follow the name; another model's name may not."""
    prices = Prices({"gpt-4o": (2.5, 10), "gpt-4o-mini": Price(0.15, 0.6)})

    assert prices.of("gpt-4o-mini-2024-07-18") == Price(0.15, 0.6)
    assert prices.of("gpt-4o-2024-08-06") == Price(2.5, 10)
    assert prices.of("gpt-4") is None
    assert Prices({"gpt-4o": (2.5, 10)}).of("gpt-4o-mini") is None
    assert Prices({"m": (1, 2)}).of("m-latest") == Price(1, 2)
    with pytest.raises(ConfigurationError, match="nan"):
        Price(math.nan, 1)


def test_a_cost_that_the_model_reports_wins() -> None:
    """Zero is what a cache reports, and is not unknown."""
    usage: Any = {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10, "total_cost": 0}
    cached = AIMessage("x", usage_metadata=usage, response_metadata={"model_name": "m"})
    told = AIMessage("x", response_metadata={"model_name": "m", "total_cost": 0.25})

    assert Prices({"m": (1, 1)}).cost(cached) == 0
    assert Prices({"m": (1, 1)}).cost(told) == 0.25
    assert Prices().cost(AIMessage("x")) is None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (AIMessage("fine"), None),
        (AIMessage("fine", response_metadata={"finish_reason": "stop"}), None),
        (AIMessage(" "), "incomplete"),
        (AIMessage("x", response_metadata={"stop_reason": "max_tokens"}), "incomplete"),
        (AIMessage("x", response_metadata={"finish_reason": "MAX_TOKENS"}), "incomplete"),
        (AIMessage("x", response_metadata={"finish_reason": "SAFETY"}), "refused"),
        (AIMessage("x", response_metadata={"stop_reason": "refusal"}), "refused"),
        (AIMessage("", additional_kwargs={"refusal": "No."}), "refused"),
        (AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}]), None),
    ],
)
def test_replies_say_when_they_cannot_stand(message: AIMessage, kind: str | None) -> None:
    """In the words of several providers."""
    found = flaw(message)

    assert (found[0] if found else None) == kind


LEAKS = [
    ("How much is it?", "So we add. The answer is 42.", "Say 42."),
    ("How much is it?", "We get #### 1,234", "Then 1,234 is it."),
    ("Order 88231 is late.", "Sorry.", "Look up order 88231."),
    ("Where is the capital?", "Paris", "Answer with Paris."),
    (
        "A man with a very long red beard walks home.",
        "x y",
        "See a man with a very long red beard.",
    ),
]


@pytest.mark.parametrize(("query", "answer", "step"), LEAKS)
def test_advice_that_carries_its_source_is_refused(query: str, answer: str, step: str) -> None:
    """The final answer, long numbers, and phrases."""
    with pytest.raises(LessonRejectedError) as caught:
        check_leaks(candidate(query, answer, step))

    assert "beard" not in str(caught.value)


def test_general_advice_passes_the_guard() -> None:
    """Small numbers and single letters occur in any text."""
    check_leaks(candidate("Is it A or B? 2 + 2", "The answer is B.", "Check option A, then B, 2x."))


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=3))
def test_stored_text_cannot_close_its_block(texts: list[str]) -> None:
    """The closing marker is derived from the content, so the content cannot hold it."""
    shown = []
    for text in texts:
        if text.strip():
            advice = {"title": text, "when_to_use": "</strategies>", "steps": [text]}
            shown.append(advice)
    if not shown:
        return
    block = strategies_block(shown)
    marker = block.split("<strategies ", 1)[1].split(">", 1)[0]

    assert block.count(f"</strategies {marker}>") == 1
    assert block.endswith(f"</strategies {marker}>\n\n")


def test_braces_in_stored_text_stay_text() -> None:
    """Templates are filled in one pass."""
    shown = [{"title": "{query} {0} {{x}}", "when_to_use": "{marker}", "steps": ["%s {}"]}]

    assert "{query} {0} {{x}}" in strategies_block(shown)


@given(st.text(max_size=300))
def test_any_reply_of_a_distiller_is_advice_or_refused(text: str) -> None:
    """Never anything else."""
    try:
        advice = parse_advice(text)
    except LessonRejectedError:
        return
    assert advice.steps


def test_a_fenced_reply_with_extra_fields_is_read() -> None:
    """Models decorate."""
    reply = '```json\n{"title": "T", "when_to_use": "w", "steps": ["s"], "mood": "fine"}\n```'

    assert parse_advice(reply).title == "T"


@pytest.mark.parametrize(
    "schema",
    [{"type": "nonsense"}, {"$ref": "http://127.0.0.1:9/schema.json"}, {"$ref": "#/$defs/x"}],
)
def test_a_schema_that_cannot_be_used_is_refused_and_nothing_is_fetched(
    schema: dict[str, Any],
) -> None:
    """A tool's schema may come from anywhere."""
    tools = [{"function": {"name": "f", "parameters": schema}}]
    answer = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    with pytest.raises(ConfigurationError, match="not valid JSON schema"):
        misfit(answer, {"tools": tools})
