"""A budget stops what it says it stops, before the money is spent, and says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langchain_intercascade import ConfigurationError, InterCascade, Prices
from langchain_intercascade.costs import Accounts, Allowance, Budget, StrongEstimate
from langchain_intercascade.costs.budget import DAY, HOUR
from langchain_intercascade.errors import BudgetExceededError
from langchain_intercascade.record import RoleUse, new_record
from langchain_intercascade.strategy import State
from langchain_intercascade.testing import Reply
from tests.cascades import (
    QUERY,
    SIBLING,
    SURE,
    Host,
    cascade_of,
    strong_model,
    weak_model,
)

PRICES = {"weak-model": (1.0, 1.0), "strong-model": (1000.0, 1000.0)}
STRONG = Reply("They have five pears.", usage=(15, 5))
"""Costs 2 cents."""


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0 * DAY

    def __call__(self) -> float:
        return self.now


def budgeted(budget: Budget, *, clock: Clock | None = None, **options: Any) -> InterCascade:
    """A cascade with a budget, whose strong answers cost 2 cents."""
    told: dict[str, Any] = {"prices": PRICES, "learning": "off", **options}
    told.setdefault("strong", strong_model(STRONG))
    if clock is not None:
        allowance = Allowance(budget, clock=clock)
        told["accounts"] = Accounts(Prices(PRICES), allowance=allowance)
    return cascade_of(budget=budget, **told)


# What is left.

steps = st.lists(
    st.tuples(
        st.sampled_from(["hold", "pay", "wait"]),
        st.sampled_from(["acme", "zeta"]),
        st.floats(min_value=0.001, max_value=0.5),
    ),
    max_size=40,
)


@given(steps)
def test_what_is_set_aside_and_spent_never_exceeds_a_limit(plan: list[Any]) -> None:
    """However calls overlap, as long as none costs more than was estimated."""
    clock = Clock()
    allowance = Allowance(Budget(per_day=1.0, per_tenant_day=0.7), clock=clock)
    under_way: list[tuple[ExitStack, str, float]] = []
    for what, tenant, amount in plan:
        if what == "hold":
            stack = ExitStack()
            holding = allowance.holding(tenant, spent=0.0, estimate=amount)
            if stack.enter_context(holding):
                stack.close()
            else:
                under_way.append((stack, tenant, amount))
        elif what == "pay" and under_way:
            stack, whose, estimate = under_way.pop(0)
            allowance.note(whose, estimate * 0.9)
            stack.close()
        else:
            clock.now += HOUR
        for each in ("acme", "zeta"):
            for limit in allowance.state(each):
                assert limit.spent <= limit.allowed + 1e-6


def test_threads_cannot_spend_the_same_money_twice() -> None:
    """Of fifty calls at once that may cost a tenth of the budget each, ten are made."""
    allowance = Allowance(Budget(per_hour=1.0), clock=Clock())

    def call(_: int) -> bool:
        with allowance.holding("acme", spent=0.0, estimate=0.1) as short:
            if not short:
                allowance.note("acme", 0.1)
            return not short

    with ThreadPoolExecutor(16) as threads:
        made = sum(threads.map(call, range(50)))

    # One that looks while another's money is both set aside and spent already is refused.
    assert made <= 10
    assert pytest.approx(0.1 * made) == allowance.state()[0].spent


def test_money_that_was_set_aside_comes_back() -> None:
    """When the call is over, also when it has failed."""
    allowance = Allowance(Budget(per_day=1.0), clock=Clock())
    with (
        allowance.holding("acme", spent=0.0, estimate=0.9),
        allowance.holding("acme", spent=0.0, estimate=0.2) as refused,
    ):
        assert "under way" in refused

    def failing() -> None:
        with allowance.holding("acme", spent=0.0, estimate=0.9):
            raise ConnectionError

    with pytest.raises(ConnectionError):
        failing()

    with allowance.holding("acme", spent=0.0, estimate=0.9) as short:
        assert not short


def test_an_hour_and_a_day_begin_anew_and_tenants_have_their_own() -> None:
    """In UTC; a clock that is set back gives nothing back."""
    clock = Clock()
    allowance = Allowance(Budget(per_hour=1, per_day=2, per_tenant_day=1.5), clock=clock)
    allowance.note("acme", 1.0)
    spent = {limit.limit: limit.spent for limit in allowance.state("acme")}
    others = {limit.limit: limit.spent for limit in allowance.state("zeta")}
    clock.now += HOUR
    next_hour = {limit.limit: limit.spent for limit in allowance.state("acme")}
    allowance.note("acme", 0.25)
    clock.now -= HOUR
    set_back = {limit.limit: limit.spent for limit in allowance.state("acme")}
    clock.now += DAY
    next_day = {limit.limit: limit.spent for limit in allowance.state("acme")}

    assert spent == {"per_hour": 1, "per_day": 1, "per_tenant_day": 1}
    assert others == {"per_hour": 1, "per_day": 1, "per_tenant_day": 0}
    assert next_hour == {"per_hour": 0, "per_day": 1, "per_tenant_day": 1}
    assert set_back == {"per_hour": 0.25, "per_day": 1.25, "per_tenant_day": 1.25}
    assert next_day == {"per_hour": 0, "per_day": 0, "per_tenant_day": 0}
    assert {"per_hour", "per_day"} == {limit.limit for limit in allowance.state()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs a limit"),
        ({"per_day": 0}, "per_day=0"),
        ({"per_call": float("nan")}, "per_call=nan"),
        ({"per_hour": "20"}, "per_hour='20'"),
        ({"per_day": 1, "on_exceeded": "stop"}, "on_exceeded='stop'"),
        ({"per_day": 1, "learning_share": 2}, "learning_share=2"),
    ],
)
def test_a_budget_that_cannot_be_kept_to_is_refused(options: Any, said: str) -> None:
    """The value, and what was expected."""
    with pytest.raises(ConfigurationError, match=said):
        Budget(**options)


def test_a_budget_is_a_budget() -> None:
    """A number would not say of what."""
    with pytest.raises(ConfigurationError, match=r"budget=20 must be a Budget"):
        cascade_of(budget=20)


# What a strong answer would cost.


def test_the_first_estimate_is_the_price_of_the_weak_tokens_then_of_answers_so_far() -> None:
    """And without a price what was paid so far, on average."""
    record = new_record(run_id="r", tenant="t", encoder="e")
    record["usage"]["weak"] = RoleUse(
        calls=1, input_tokens=100, output_tokens=10, cost=0.0, latency_ms=0.0
    )
    paid = RoleUse(calls=1, input_tokens=90, output_tokens=50, cost=0.25, latency_ms=0.0)
    priced, unpriced = (StrongEstimate(Prices(each), "s") for each in ({"s": (1e4, 1e5)}, {}))
    before = priced.cost(record, []), unpriced.cost(record, [])
    for each in (priced, unpriced):
        each.learn(paid)
        each.learn(None)

    assert pytest.approx((2.0, 0.0)) == before
    assert pytest.approx((6.0, 0.25)) == (priced.cost(record, []), unpriced.cost(record, []))


# In the cascade.


def test_a_spent_budget_returns_the_weak_answer_flagged(host: Host) -> None:
    """The strong model is not asked, and the record says why in words and figures."""
    strong = strong_model(STRONG)
    with budgeted(Budget(per_day=0.03), strong=strong) as cascade:
        first, _ = host.ask(cascade)
        answer, record = host.ask(cascade, SIBLING)
        spending = cascade.spending()

    assert ("They have five pears.", "maybe six pears") == (first.content, answer.content)
    assert 1 == strong.call_count
    assert ("weak", "over_budget", True) == (record["route"], record["reason"], record["degraded"])
    assert "$0.0300 a day" in record["explanation"]
    assert "strong" not in record["usage"]
    assert (2, 1) == (spending.answers, spending.degraded)
    assert (spending.cost or 1.0) <= 0.03
    assert spending.net_saving is not None


def test_a_query_that_would_cost_too_much_is_not_asked(host: Host) -> None:
    """However much is left of the day."""
    strong = strong_model(STRONG)
    with budgeted(Budget(per_call=0.001, per_day=100), strong=strong) as cascade:
        _, record = host.ask(cascade)
        _, accepted = host.ask(cascade, threshold=0.0)

    assert 0 == strong.call_count
    assert ("over_budget", "accepted") == (record["reason"], accepted["reason"])
    assert "one query may cost" in record["explanation"]


def test_what_strong_answers_cost_is_learned(host: Host) -> None:
    """The first was longer than the weak one let expect; the next is not asked for."""
    long = strong_model(Reply("They have five pears.", usage=(15, 500)))
    with budgeted(Budget(per_call=0.1), strong=long) as cascade:
        reasons = [host.ask(cascade)[1]["reason"] for _ in range(2)]

    assert reasons == ["low_confidence", "over_budget"]


def test_over_budget_can_be_an_error_that_carries_the_weak_answer(host: Host) -> None:
    """With what the gate thought of it."""
    with budgeted(Budget(per_call=0.001, on_exceeded="raise")) as cascade:
        with pytest.raises(BudgetExceededError, match="more than the") as caught:
            host.ask(cascade)
        spending = cascade.spending()

    assert caught.value.weak_answer is not None
    assert "maybe six pears" == caught.value.weak_answer.content
    assert 0 < (caught.value.confidence or 0) < 0.5
    assert (0, spending.cost) == (spending.answers, spending.unanswered)


@pytest.mark.parametrize(
    ("weak", "settings"),
    [(weak_model(ConnectionError("down")), {}), (weak_model(), {"force": "strong"})],
)
def test_without_a_weak_answer_there_is_only_the_error(
    host: Host, weak: Any, settings: Any
) -> None:
    """A budget that gave way to that would be none."""
    with (
        budgeted(Budget(per_call=0.001), weak=weak) as cascade,
        pytest.raises(BudgetExceededError) as caught,
    ):
        host.ask(cascade, **settings)

    assert caught.value.weak_answer is None


def test_the_next_day_the_strong_model_is_asked_again(host: Host) -> None:
    """And one tenant's spending is not another's."""
    clock = Clock()
    with budgeted(Budget(per_tenant_day=0.03), clock=clock) as cascade:
        tenants = ("acme", "acme", "zeta")
        reasons = [host.ask(cascade, tenant=tenant)[1]["reason"] for tenant in tenants]
        clock.now += DAY
        _, next_day = host.ask(cascade, tenant="acme")

    assert reasons == ["low_confidence", "over_budget", "low_confidence"]
    assert "low_confidence" == next_day["reason"]


def test_learning_stops_first(host: Host) -> None:
    """Lessons stay written down and wait, audits are not made, answers go on."""
    strong = strong_model(STRONG)
    budget = Budget(per_day=0.10, learning_share=0.3)
    options: dict[str, Any] = {"learning": "inline", "audit_rate": 1.0}
    with budgeted(budget, clock=(clock := Clock()), strong=strong, **options) as cascade:
        host.ask(cascade, learning="off")
        _, record = host.ask(cascade)
        host.ask(cascade, SIBLING, threshold=0.0)
        assert not cascade.flush(timeout=0.1)
        (waiting,) = cascade.repository.scan(tenant="default")
        asked = len(strong.calls)
        clock.now += DAY
        _, learned = host.ask(cascade, "Which river flows through the old town?")

    assert (2, "strong") == (asked, record["route"])
    assert "queued" == record["lesson"]["state"]
    assert "learning pauses" in record["lesson"]["reason"]
    assert State.PENDING is waiting.state
    assert waiting.lesson is not None
    assert (0, None) == (waiting.lesson.attempts, waiting.lesson.lease)
    assert "stored" == learned["lesson"]["state"]


def test_levels_keep_to_one_budget() -> None:
    """What the middle model gives for want of money is not taken for a strong answer."""
    models = weak_model(), weak_model(Reply("seven pears", logprob=-2.0)), strong_model(STRONG)
    with InterCascade.from_models(
        models,
        thresholds=[0.5, 0.5],
        prices=PRICES,
        learning="inline",
        budget=Budget(per_call=0.01),
    ) as cascade:
        answer = cascade.invoke(QUERY)
        record = answer.response_metadata["inter_cascade"]
        stored = cascade.repository.count(tenant="default")

    assert "seven pears" == answer.content
    assert record["degraded"]
    assert ("unresolved", 0) == (record["lesson"]["state"], stored)


def test_copies_of_a_cascade_share_its_budget() -> None:
    """Else every configured call had a budget of its own."""
    from langchain_core.runnables import ConfigurableField  # noqa: PLC0415 - used here only

    with budgeted(Budget(per_day=0.03)) as cascade:
        tunable = cascade.configurable_fields(k=ConfigurableField(id="k"))
        reasons = [
            tunable.with_config(configurable={"k": k}).invoke(QUERY).response_metadata
            for k in (0, 1)
        ]

    assert ["low_confidence", "over_budget"] == [
        each["inter_cascade"]["reason"] for each in reasons
    ]


def test_what_is_left_can_be_seen() -> None:
    """Of each limit; and whether learning goes on."""
    with budgeted(Budget(per_day=0.1, per_tenant_day=0.05), clock=Clock()) as cascade:
        cascade.invoke(QUERY, tenant="acme")
        (everybody,) = cascade.spending().budget
        _, own = cascade.spending("acme").budget

    assert ("per_day", None, True) == (everybody.limit, everybody.tenant, everybody.learning)
    assert ("per_tenant_day", "acme") == (own.limit, own.tenant)
    assert pytest.approx(0.02, abs=1e-3) == own.spent == everybody.spent


# Unknown prices.


@pytest.mark.parametrize("role", ["weak", "strong"])
def test_a_budget_needs_the_price_of_every_model(role: str) -> None:
    """The error names the model and the cure, before anything is spent."""
    prices = {name: price for name, price in PRICES.items() if role not in name}

    with pytest.raises(ConfigurationError, match=rf"{role} model '{role}-model'.*prices=\{{"):
        cascade_of(budget=Budget(per_day=1), prices=prices)


def test_a_model_that_costs_nothing_is_given_as_such() -> None:
    """Zero is a price."""
    prices = {**PRICES, "weak-model": (0, 0)}
    with cascade_of(
        weak_model(Reply("x", logprob=SURE)), budget=Budget(per_day=1), prices=prices
    ) as c:
        assert "weak" == c.invoke(QUERY).response_metadata["inter_cascade"]["route"]


def test_a_model_without_a_name_is_found_out_at_its_first_answer(host: Host) -> None:
    """Its price could not be looked up before; nothing more is spent."""
    told = {"model_name": "surprise"}
    used: Any = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    answer = AIMessage("4", response_metadata=told, usage_metadata=used)
    weak: RunnableLambda[Any, AIMessage] = RunnableLambda(lambda _: answer)
    strong = strong_model(STRONG)
    told_so: dict[str, Any] = {"prices": PRICES, "budget": Budget(per_day=1), "learning": "off"}
    with (
        InterCascade(weak=weak, strong=strong, **told_so) as cascade,
        pytest.raises(ConfigurationError, match=r"'surprise'.*prices="),
    ):
        host.ask(cascade)

    assert 0 == strong.call_count


def test_an_unknown_cost_in_the_background_ends_learning() -> None:
    """Nobody is there to raise it to, so no more of it is spent."""
    accounts = Accounts(Prices(), allowance=Allowance(Budget(per_day=1)))
    before = accounts.pausing("acme")
    accounts.add("distill", [AIMessage("x", response_metadata={"model_name": "m"})], tenant="acme")

    assert "" == before
    assert "'m'" in accounts.pausing("acme")
