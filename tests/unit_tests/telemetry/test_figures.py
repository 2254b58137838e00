"""What is counted, and how cascades stand when somebody looks."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import ConfigurableField, RunnableGenerator
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes

from langchain_intercascade import Prices, StrongModelError
from langchain_intercascade.telemetry import names
from langchain_intercascade.testing import Reply
from tests.cascades import (
    QUERY,
    SURE,
    FlakyRepository,
    Host,
    cascade_of,
    strong_model,
    weak_model,
)
from tests.unit_tests.telemetry.conftest import Told

PAGE = Path(__file__).parents[3] / "docs/observability.md"
PRICES = {"weak-model": (1, 2), "strong-model": (10, 20)}


def busy(told: Told, host: Host | None = None, **options: Any) -> Any:
    """Return the spending of a cascade that deferred, accepted, learned, audited and failed."""
    weak = weak_model(
        Reply("six", logprob=-2.0), Reply("five", logprob=SURE), ConnectionError("down")
    )
    with cascade_of(
        weak, telemetry=told.telemetry(), prices=PRICES, audit_rate=1.0, **options
    ) as cascade:
        for _ in range(3):
            if host is None:
                "".join(chunk.text for chunk in cascade.stream(QUERY))
            else:
                host.ask(cascade)
            cascade.flush()
        return cascade.spending()


def test_runs_and_what_led_to_them_are_counted(host: Host, told: Told) -> None:
    busy(told, host)
    count = told.figure

    assert count("inter_cascade.runs", route="strong", reason="low_confidence") == 1
    assert count("inter_cascade.runs", route="weak", reason="accepted") == 1
    assert count("inter_cascade.runs", route="strong", reason="weak_failed") == 1
    assert count("inter_cascade.confidence", route="weak") == pytest.approx(0.99, abs=0.001)
    assert count("inter_cascade.strategies.shown", regime="augmented") == 2
    assert count("inter_cascade.faults", node="weak_generate") == 1
    assert count("inter_cascade.lessons", learning="inline") == 2


@pytest.mark.parametrize("learning", ["inline", "background"])
def test_dollars_and_tokens_are_those_of_the_accounts(told: Told, learning: str) -> None:
    """Streamed or not, waited for or not: every call is counted once, under its role."""
    spending = busy(told, learning=learning)

    assert spending.cost > 0
    assert told.figure("inter_cascade.cost") == pytest.approx(spending.cost)
    assert told.figure("inter_cascade.always_strong.cost") == pytest.approx(
        spending.always_strong_cost
    )
    for role, use in spending.by_role.items():
        assert told.figure("inter_cascade.cost", role=role) == pytest.approx(use["cost"])
        tokens = use["input_tokens"] + use["output_tokens"]
        assert told.figure("gen_ai.client.token.usage", role=role) == tokens


def test_tokens_that_a_stream_tells_of_bit_by_bit_are_added_up(told: Told) -> None:
    """Anthropic says first how many were read, and last how many were written."""
    pieces = [
        AIMessageChunk(
            content="4",
            usage_metadata=UsageMetadata(input_tokens=9, output_tokens=1, total_tokens=10),
        ),
        AIMessageChunk(
            content="2",
            usage_metadata=UsageMetadata(input_tokens=0, output_tokens=6, total_tokens=6),
        ),
    ]

    def answering(_: Iterator[str]) -> Iterator[AIMessageChunk]:
        yield from pieces

    asked: Any = RunnableGenerator(answering)
    model = told.telemetry().model(asked, "strong", prices=Prices())

    assert list(model.stream("What is 6 times 7?")) == pieces
    assert told.figure("gen_ai.client.token.usage", role="strong") == 16


def test_a_call_whose_price_is_unknown_is_counted_as_that(told: Told) -> None:
    with cascade_of(telemetry=told.telemetry(), learning="off") as cascade:
        cascade.invoke(QUERY)

    assert told.figure("inter_cascade.unpriced_calls") == 2
    assert told.figure("inter_cascade.cost") == 0


def test_breakers_slots_and_promises_are_seen(told: Told) -> None:
    with (
        FlakyRepository("search") as repository,
        cascade_of(
            repository=repository,
            telemetry=told.telemetry(),
            threshold=None,
            target_risk=0.1,
            max_concurrency={"weak": 7},
        ) as cascade,
    ):
        for _ in range(3):
            cascade.invoke(QUERY)
        count = told.figure

        assert count("inter_cascade.breakers", breaker="repository", circuit="open") == 1
        assert count("inter_cascade.breakers", breaker="weak", circuit="closed") == 1
        assert count("inter_cascade.breakers", circuit="half_open") == 0
        assert count("inter_cascade.slots.limit", pool="weak") == 7
        assert count("inter_cascade.promises", regime="plain", promise="cold") == 1
        assert count("inter_cascade.promises", promise="withdrawn") == 0
        assert count("inter_cascade.deferral.share") == 1.0


def test_all_cascades_of_one_telemetry_add_up_and_copies_count_once(told: Told) -> None:
    """Configured copies share their counters; a cascade that is gone is seen no more."""
    telemetry = told.telemetry()
    closed = {"breaker": "weak", "circuit": "closed"}
    one, two = cascade_of(telemetry=telemetry), cascade_of(strong=strong_model("5"))
    changeable = one.configurable_fields(k=ConfigurableField(id="k"))
    changeable.invoke(QUERY, {"configurable": {"k": 1}})
    telemetry.watch(two._parts)  # noqa: SLF001 - a second one that stays after the first is gone

    assert told.figure("inter_cascade.breakers", **closed) == 2
    assert told.figure("inter_cascade.deferral.share") == 1.0
    one.close()
    del one, changeable
    gc.collect()
    assert told.figure("inter_cascade.breakers", **closed) == 1
    two.close()


@pytest.mark.skipif(
    not hasattr(gen_ai_attributes, "GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK"),
    reason="the conventions that are installed are older than ours",
)
def test_every_name_of_the_conventions_is_one() -> None:
    """Ours begin with our own word, so that they cannot be taken for others."""
    conventions = {
        value
        for module in (gen_ai_attributes, gen_ai_metrics, error_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    ours = {value for value in vars(names).values() if isinstance(value, str)}
    claimed = {name for name in ours if re.match(r"gen_ai\.|error\.", name)}

    assert len(claimed) > 15
    assert set() == claimed - conventions
    assert {"chat", "invoke_agent"} <= {
        each.value for each in gen_ai_attributes.GenAiOperationNameValues
    }
    told = {each.value for each in gen_ai_attributes.GenAiProviderNameValues}
    assert set(names.PROVIDERS.values()) <= told


def test_the_page_names_every_figure_and_every_attribute(told: Told) -> None:
    """And nothing that is not there."""
    busy(told, learning="background")
    five = "They have five pears."
    strong = strong_model(five, five, ConnectionError("down"))
    options: dict[str, Any] = {
        "threshold": None,
        "target_risk": 0.1,
        "max_concurrency": {"weak": 2},
    }
    with cascade_of(strong=strong, telemetry=told.telemetry(), **options) as cascade:
        pieces = cascade.stream(QUERY)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]  # a generator
        cascade.invoke(QUERY)
        with pytest.raises(StrongModelError):
            cascade.invoke(QUERY)
        points = list(told.points())
    page = set(re.findall(r"`((?:gen_ai|inter_cascade|error)\.[\w.]+)`", PAGE.read_text("utf-8")))
    figures = {name for name, _, _ in points}
    attributes = {key for _, found, _ in points for key in found}
    attributes |= {key for span in told.spans() for key in span.attributes or {}}

    assert set() == (figures | attributes) - page
    seldom = {
        "gen_ai.response.id",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "inter_cascade.strategies.held_out",
        "inter_cascade.unpriced_calls",
    }
    assert set() == page - figures - attributes - seldom
