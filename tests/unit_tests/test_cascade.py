"""The cascade as a caller sees it, in both hosts and both colours."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_intercascade import ALWAYS_DEFER, State
from langchain_intercascade.testing import Reply
from tests.cascades import (
    QUERY,
    SIBLING,
    SURE,
    UNSURE,
    Host,
    cascade_of,
    is_distil_prompt,
    strong_model,
    weak_model,
)


def test_a_sure_weak_answer_is_accepted(host: Host) -> None:
    """The strong model is not called, and there is nothing to learn."""
    strong = strong_model()
    with cascade_of(weak_model(Reply("five pears", logprob=SURE)), strong) as cascade:
        answer, record = host.ask(cascade)

        assert answer.content == "five pears"
        assert (record["route"], record["reason"]) == ("weak", "accepted")
        assert record["confidence"] == pytest.approx(math.exp(SURE))
        assert record["lesson"]["state"] == "none"
        assert strong.calls == []


def test_an_unsure_weak_answer_is_deferred_and_taught(host: Host) -> None:
    """The strong model answers, and a strategy without the lesson behind it is in use."""
    strong = strong_model()
    with cascade_of(strong=strong) as cascade:
        answer, record = host.ask(cascade)
        stored = cascade.repository.scan(tenant="default")

        assert answer.content == "They have five pears."
        assert (record["route"], record["reason"]) == ("strong", "low_confidence")
        assert record["lesson"] == {"state": "stored", "id": stored[0].id, "reason": ""}
        assert [each.state for each in stored] == [State.ACTIVE]
        assert stored[0].lesson is None
        assert len(strong.calls) == 2


def test_an_answer_at_the_threshold_is_accepted(host: Host) -> None:
    """Calibration promises its risk for confidence >= threshold."""
    weak = weak_model(Reply("five", logprob=math.log(0.5)))
    with cascade_of(weak, threshold=math.exp(math.log(0.5))) as cascade:
        _, record = host.ask(cascade)

        assert record["route"] == "weak"


def test_what_was_taught_helps_with_the_next_similar_query(host: Host) -> None:
    """The strategy stands in the weak model's human turn, and nowhere else."""
    weak = weak_model()
    strong = strong_model()
    with cascade_of(weak, strong) as cascade:
        host.ask(cascade)
        _, record = host.ask(cascade, [SystemMessage("Be brief."), HumanMessage(SIBLING)])

        # The last call tries again without strategies, to see whether they were to blame.
        system, human = weak.calls[1]
        assert record["regime"] == "augmented"
        assert [each["id"] for each in record["strategies"]] == [
            each.id for each in cascade.repository.scan(tenant="default") if QUERY in each.keys
        ]
        assert system.text == "Be brief."
        assert "Adding up two amounts" in human.text
        assert human.text.endswith(SIBLING)
        assert not any("<strategies" in m.text for call in strong.calls for m in call)


def test_an_unrelated_query_gets_no_strategy(host: Host) -> None:
    """To inject nothing is a normal outcome."""
    weak = weak_model()
    with cascade_of(weak) as cascade:
        host.ask(cascade)
        _, record = host.ask(cascade, "Which river flows through Vienna?")

        assert (record["regime"], record["strategies"]) == ("plain", [])
        assert weak.calls[-1][-1].text == "Which river flows through Vienna?"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply("five", logprob=None), "without"),
        (Reply("five pears", logprobs=[-0.1, math.nan]), "finite"),
        (Reply("five pears", logprobs=[-math.inf, -0.1]), "finite"),
        (Reply("five pears", logprobs=[math.inf, -0.1]), "finite"),
        (Reply("five pears", logprobs=[-9999.0, -0.1]), "unknown"),
        (Reply("five pears", logprobs=[0.5, -0.1]), "above zero"),
        (Reply("a b c d e f", logprobs=[-0.01], usage=(9, 6)), "only 1 of 6"),
    ],
)
def test_an_answer_without_a_usable_confidence_is_deferred(
    host: Host, reply: Reply, why: str
) -> None:
    """Never accepted, and the reason is in the record."""
    with cascade_of(weak_model(reply), threshold=0.0) as cascade:
        _, record = host.ask(cascade)

        assert (record["route"], record["reason"]) == ("strong", "no_confidence")
        assert record["confidence"] is None
        assert why in record["explanation"]


def test_always_defer_accepts_nothing(host: Host) -> None:
    """Not even a confidence of one."""
    with cascade_of(weak_model(Reply("five", logprob=0.0)), threshold=ALWAYS_DEFER) as cascade:
        _, record = host.ask(cascade)

        assert (record["route"], record["reason"]) == ("strong", "always_defer")
        assert record["threshold"] == "always_defer"


def test_a_query_that_was_taught_before_is_not_distilled_again(host: Host) -> None:
    """The strategy in use is not thrown back to a pending lesson."""
    strong = strong_model()
    with cascade_of(strong=strong) as cascade:
        host.ask(cascade)
        _, record = host.ask(cascade, QUERY.upper())

        assert record["lesson"]["state"] == "known"
        assert sum(map(is_distil_prompt, strong.calls)) == 1
        assert [s.state for s in cascade.repository.scan(tenant="default")] == [State.ACTIVE]


@pytest.mark.parametrize(
    ("advice", "why"),
    [
        ("Just add them.", "not JSON"),
        ("[1, 2]", "JSON list"),
        (json.dumps({"title": "Sums"}), "when_to_use"),
        (json.dumps({"title": "Sums", "when_to_use": "Adding."}), "steps"),
        (json.dumps({"title": "", "when_to_use": "x", "steps": ["y"]}), "title"),
        (
            json.dumps({"title": "S", "when_to_use": "w", "steps": ["Say they have five pears."]}),
            "final answer",
        ),
        (
            json.dumps(
                {
                    "title": "S",
                    "when_to_use": "Anna has 2 pears and Ben has 3 pears.",
                    "steps": ["Add."],
                }
            ),
            "words in a row",
        ),
    ],
)
def test_an_unusable_strategy_is_not_stored(host: Host, advice: str, why: str) -> None:
    """The answer is unaffected; the lesson stays pending with the reason."""
    strong = strong_model("The answer is five pears.", advice=advice)
    with cascade_of(strong=strong) as cascade:
        answer, record = host.ask(cascade)
        (pending,) = cascade.repository.scan(tenant="default")

        assert answer.content == "The answer is five pears."
        assert record["lesson"]["state"] == "rejected"
        assert why in record["lesson"]["reason"]
        assert (pending.state, pending.advice) == (State.PENDING, None)
        assert why in pending.reason


@pytest.mark.parametrize(
    "strong_answer",
    [
        Reply("They have", finish_reason="length"),
        Reply("I cannot help.", finish_reason="content_filter"),
        Reply(""),
        Reply("", tool_calls=[{"name": "add", "args": {"a": 2, "b": 3}}]),
    ],
)
def test_an_unresolved_deferral_teaches_nothing(host: Host, strong_answer: Reply) -> None:
    """A refused, cut off or empty strong answer is returned as it is, and not learned from."""
    strong = strong_model(strong_answer)
    with cascade_of(strong=strong) as cascade:
        answer, record = host.ask(cascade)

        assert answer.content == strong_answer.text
        assert record["lesson"]["state"] == "unresolved"
        assert cascade.repository.count(tenant="default") == 0
        assert len(strong.calls) == 1


def test_learning_off_writes_nothing(host: Host) -> None:
    """A plain cascade."""
    with cascade_of(learning="off") as cascade:
        _, record = host.ask(cascade)

        assert record["lesson"]["state"] == "off"
        assert cascade.repository.count(tenant="default") == 0


def test_background_learning_returns_the_answer_first(host: Host) -> None:
    """The lesson is written down with the answer and becomes a strategy afterwards."""
    with cascade_of(learning="background") as cascade:
        _, record = host.ask(cascade)
        assert record["lesson"]["state"] == "queued"
        assert cascade.flush(timeout=10)
        (strategy,) = cascade.repository.scan(tenant="default")

        assert strategy.state is State.ACTIVE
        assert cascade.learner_stats().stored == 1


def test_observing_always_serves_the_strong_model(host: Host) -> None:
    """However sure the weak model is; the gate's verdict is in the record all the same."""
    weak = weak_model(Reply("five", logprob=SURE))
    with cascade_of(weak, learning="observe") as cascade:
        answer, record = host.ask(cascade)
        cascade.flush(timeout=10)

        assert answer.content == "They have five pears."
        assert (record["route"], record["reason"]) == ("strong", "observing")
        assert record["confidence"] == pytest.approx(math.exp(SURE))
        assert cascade.learner_stats().stored == 1


def test_one_call_may_be_run_otherwise(host: Host) -> None:
    """Threshold, tenant, k, learning and route, without touching the cascade."""
    weak = weak_model()
    with cascade_of(weak) as cascade:
        _, lenient = host.ask(cascade, threshold=0.1)
        _, forced = host.ask(cascade, force="weak")
        calls = len(weak.calls)
        _, strong = host.ask(cascade, force="strong", tenant="acme", learning="off")

        assert (lenient["route"], lenient["threshold_origin"]) == ("weak", "this call")
        assert (forced["route"], forced["reason"]) == ("weak", "forced")
        assert (strong["route"], strong["reason"]) == ("strong", "forced")
        assert (strong["tenant"], strong["lesson"]["state"]) == ("acme", "off")
        assert len(weak.calls) == calls


def test_tenants_never_share_strategies(host: Host) -> None:
    """What one tenant was taught is not shown to another."""
    weak = weak_model()
    with cascade_of(weak) as cascade:
        host.ask(cascade, tenant="acme")
        _, other = host.ask(cascade, SIBLING, tenant="globex")
        _, same = host.ask(cascade, SIBLING, tenant="acme")

        assert other["strategies"] == []
        assert len(same["strategies"]) == 1


def test_with_k_zero_nothing_is_shown(host: Host) -> None:
    """Retrieval can be switched off."""
    with cascade_of() as cascade:
        host.ask(cascade)
        _, record = host.ask(cascade, SIBLING, k=0)

        assert record["strategies"] == []


def test_the_record_holds_no_text(host: Host) -> None:
    """Neither query nor answers nor advice, so that it may be logged."""
    weak = weak_model(Reply("WEAKWORD", logprob=UNSURE))
    with cascade_of(weak, strong_model("STRONGWORD")) as cascade:
        host.ask(cascade)
        _, record = host.ask(cascade, SIBLING)
        written = json.dumps(record)

        for text in ("WEAKWORD", "STRONGWORD", "pears", "Adding"):
            assert text not in written


def test_costs_are_net_and_unknown_prices_stay_unknown(host: Host) -> None:
    """The sum over the roles, distillation included; `None`, not 0, without a price."""
    prices = {"weak-model": (1.0, 2.0), "strong-model": (10.0, 20.0)}
    with cascade_of(prices=prices) as cascade:
        _, record = host.ask(cascade)
    with cascade_of() as unpriced:
        _, unknown = host.ask(unpriced)

    uses: Any = record["usage"]
    assert set(uses) == {"weak", "strong", "distill"}
    for role, (read, written) in {"weak": (1, 2), "strong": (10, 20), "distill": (10, 20)}.items():
        due = uses[role]["input_tokens"] * read + uses[role]["output_tokens"] * written
        assert uses[role]["cost"] == pytest.approx(due / 1e6)
    assert record["cost"] == pytest.approx(sum(use["cost"] for use in uses.values()))
    assert record["always_strong_cost"] == uses["strong"]["cost"]
    assert (unknown["cost"], unknown["always_strong_cost"]) == (None, None)
