"""The accounts agree with the decision records to the cent, whatever is asked and what fails."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage

from langchain_intercascade import DecisionRecord, InterCascade, Prices, StrongModelError
from langchain_intercascade.record import RoleUse
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import ADVICE, SURE, UNSURE, Host

PRICES = {"w": (1.0, 2.0), "m": (5.0, 10.0), "s": (30.0, 60.0)}
THINGS = ("pears", "books", "coins")

CENT = 0.01


def pear(number: int) -> str:
    """A query, of one of three kinds; every fifth breaks the strong model."""
    thing = THINGS[number % 3]
    return f"Anna has {number} {thing} and Ben has 3 {thing}. How many {thing} do they have?"


def number_in(messages: list[BaseMessage]) -> int:
    """The number of a query, wherever it stands in a prompt; 0 if there is none."""
    found = re.search(r"Anna has (\d+)", messages[-1].text)
    return int(found[1]) if found else 0


def weak(*, name: str = "w") -> ScriptedChatModel:
    """One that is sure of the odd, and of what a strategy tells."""

    def respond(messages: list[BaseMessage]) -> Reply:
        number = number_in(messages)
        sure = number % 2 or "<strategies" in messages[-1].text
        return Reply("some " * (1 + number % 4), logprob=SURE if sure else UNSURE)

    return ScriptedChatModel(respond=respond, model_name=name)


def strong(*, name: str = "s") -> ScriptedChatModel:
    """One that teaches, and is down for every number that five divides."""

    def respond(messages: list[BaseMessage]) -> Reply:
        if messages[0].type == "system":  # it is to distil, or to advise
            return Reply(ADVICE, usage=(300, 80))
        number = number_in(messages)
        if number and number % 5 == 0:
            return Reply(error=ConnectionError("down"))
        return Reply("They add up.", usage=(100 + number, 40), cost=None if number % 3 else 0.125)

    return ScriptedChatModel(respond=respond, model_name=name)


def cascade_of(**options: Any) -> InterCascade:
    """A cascade of the two, with everything that costs money switched on."""
    told: dict[str, Any] = {
        "prices": PRICES,
        "threshold": 0.5,
        "admission": "replay",
        "audit_rate": 0.5,
        "learning": "background",
        **options,
    }
    return InterCascade(weak=weak(), strong=strong(), **told)


def dollars(uses: Iterable[RoleUse]) -> float:
    """What they come to; all are known here."""
    return math.fsum(use["cost"] or 0.0 for use in uses)


def agreed(cascade: InterCascade, records: list[DecisionRecord]) -> None:
    """Assert that accounts and records say the same, in all and for each tenant and role."""
    spending = cascade.spending()
    by_tenant: dict[str, float] = defaultdict(float)
    calls: Counter[str] = Counter()
    for record in records:
        by_tenant[record["tenant"]] += record["cost"] or 0.0
        calls.update({role: use["calls"] for role, use in record["usage"].items()})
    in_records = math.fsum(by_tenant.values())
    background = dollars(spending.background.values())

    assert spending.cost is not None
    assert spending.unanswered is not None
    assert pytest.approx(in_records + background + spending.unanswered, abs=1e-9) == spending.cost
    assert pytest.approx(spending.cost, abs=1e-9) == dollars(spending.by_role.values())
    assert pytest.approx(spending.cost, abs=1e-9) == sum(
        cost or 0.0 for cost in spending.by_tenant.values()
    )
    assert len(records) == spending.answers
    always = math.fsum(record["always_strong_cost"] or 0.0 for record in records)
    assert pytest.approx(always, abs=1e-9) == spending.always_strong_cost
    assert pytest.approx(always - spending.cost, abs=1e-9) == spending.net_saving
    for tenant, spent in by_tenant.items():
        one = cascade.spending(tenant)
        own = dollars(one.background.values()) + (one.unanswered or 0.0)
        assert pytest.approx(spent + own, abs=1e-9) == one.cost == spending.by_tenant[tenant]
    for role, count in calls.items():
        behind = spending.background.get(role, {"calls": 0})["calls"]
        lost = spending.by_role[role]["calls"] - count - behind
        assert lost == 0 if spending.unanswered == 0 else lost >= 0


asked = st.lists(
    st.tuples(
        st.integers(min_value=1, max_value=40),
        st.sampled_from(["acme", "zeta"]),
        st.sampled_from(["inline", "background", "off", "observe"]),
        st.sampled_from([None, None, "strong"]),
    ),
    max_size=8,
)


@settings(max_examples=8, deadline=None)
@given(asked)
def test_records_and_background_are_all_that_was_spent(stream: list[tuple[Any, ...]]) -> None:
    """Random streams of two tenants, in all ways of learning, with a strong model that fails."""
    records, failed = [], 0
    with cascade_of() as cascade:
        for number, tenant, learning, force in stream:
            how = {"tenant": tenant, "learning": learning, "force": force}
            try:
                answer = cascade.invoke(pear(number), **how)
            except StrongModelError:
                failed += 1
            else:
                records.append(answer.response_metadata["inter_cascade"])
        cascade.flush(timeout=20)

        agreed(cascade, records)
        assert failed > 0 or cascade.spending().unanswered == 0


def test_every_host_counts_the_same(host: Host) -> None:
    """Graph and chat model, sync and async; and to the cent against the models' own counts."""
    models = weak(), strong()
    told: dict[str, Any] = {"prices": PRICES, "threshold": 0.5, "learning": "inline"}
    with InterCascade(weak=models[0], strong=models[1], **told) as cascade:
        records = [host.ask(cascade, pear(n), tenant="acme")[1] for n in (1, 2, 4, 6, 7, 8, 12)]

        agreed(cascade, records)
        calls = sum(use["calls"] for use in cascade.spending().by_role.values())
    assert calls == sum(model.call_count for model in models)
    assert {record["route"] for record in records} == {"weak", "strong"}


def test_a_conversation_is_counted_turn_by_turn() -> None:
    """A checkpointer hands the last turn's record to the next; it is not counted again."""
    from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415 - used here only

    with cascade_of(learning="inline", audit_rate=0.0) as cascade:
        graph = cascade.graph.builder.compile(checkpointer=InMemorySaver())
        thread: Any = {"configurable": {"thread_id": "1"}}
        records = [
            graph.invoke({"messages": [("user", pear(n))]}, thread)["record"] for n in (2, 4, 1)
        ]

        agreed(cascade, records)


def test_an_advised_answer_is_counted_once() -> None:
    """The nodes that are run again inside another one are that one's."""
    with cascade_of(advise=True, learning="inline", audit_rate=0.0) as cascade:
        answers = [cascade.invoke(pear(n)) for n in (2, 4, 1)]
        records = [answer.response_metadata["inter_cascade"] for answer in answers]

        agreed(cascade, records)
        assert "advised" in {record["reason"] for record in records}
        assert 2 in {record["usage"]["weak"]["calls"] for record in records}


def test_levels_share_what_is_spent_in_the_background() -> None:
    """Each level's lessons are learned by the innermost; the outermost sees them in its sum."""
    middle = weak(name="m")
    with InterCascade.from_models(
        [weak(), middle, strong()], thresholds=[0.5, 0.99], prices=PRICES, learning="background"
    ) as cascade:
        answers = [cascade.invoke(pear(n)) for n in (2, 4, 1)]
        assert cascade.flush(timeout=20)
        records = [answer.response_metadata["inter_cascade"] for answer in answers]

        agreed(cascade, records)
        assert cascade.spending().background["distill"]["calls"] >= 1


def test_configured_copies_keep_the_same_accounts() -> None:
    """As they share repository and learner; else each copy had a budget of its own."""
    from langchain_core.runnables import ConfigurableField  # noqa: PLC0415 - used here only

    with cascade_of(learning="off") as cascade:
        tunable = cascade.configurable_fields(threshold=ConfigurableField(id="threshold"))
        tunable.with_config(configurable={"threshold": 0.1}).invoke(pear(1))

        assert 1 == cascade.spending().answers


def test_an_unknown_price_makes_the_sum_unknown_and_is_named() -> None:
    """Never 0: a saving that is not known is no saving."""
    with cascade_of(prices=Prices({"w": (1, 2)}), learning="off") as cascade:
        cascade.invoke(pear(1))
        known = cascade.spending()
        cascade.invoke(pear(2), tenant="acme")
        spending = cascade.spending()

    assert known.cost is not None
    assert (None, None) == (spending.cost, spending.net_saving)
    assert ["s"] == spending.unpriced
    assert spending.by_tenant["default"] is not None
    assert spending.by_tenant["acme"] is None


def test_learning_may_cost_more_than_it_saves() -> None:
    """Then the net saving is negative, and says so."""
    with cascade_of(learning="inline", audit_rate=0.0) as cascade:
        cascade.invoke(pear(2))
        spending = cascade.spending()

    assert (spending.net_saving or 0.0) < -CENT / 100
    assert {"weak", "strong", "distill"} <= set(spending.by_role)
    assert {} == spending.background


def test_a_run_that_ends_in_an_error_is_paid_for_too() -> None:
    """It leaves no record; what its weak answer cost is told apart."""
    with cascade_of(learning="off") as cascade:
        with pytest.raises(StrongModelError):
            cascade.invoke(pear(10))
        spending = cascade.spending()

    assert 0 == spending.answers
    assert spending.by_role["weak"]["cost"] == spending.unanswered == spending.cost
    assert (spending.cost or 0) > 0


def test_the_guide_runs() -> None:
    """Block by block, in order; and it ends where it says."""
    guide = (Path(__file__).parents[2] / "docs" / "costs.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "costs.md", "exec", dont_inherit=True), names)  # noqa: S102 - our own
    for name in ("cascade", "thrifty"):
        names[name].close()

    free, limited = names["spending"], names["thrifty"].spending()
    assert 3 == len(blocks)
    assert free.net_saving is not None
    assert 0 < limited.by_role["strong"]["calls"] < free.by_role["strong"]["calls"]
    assert limited.budget[0].spent >= 0.9 * limited.budget[0].allowed
