"""Laws of the ledger: order does not matter, counts are exact, labels move beliefs their way."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from langchain_intercascade.repository.belief import effect
from langchain_intercascade.repository.ledger import (
    counted,
    discounted,
    has_paid_off,
    net_benefit,
    saving,
    standing,
    used,
    usefulness,
    worth_keeping,
)
from langchain_intercascade.strategy import State, Strategy, Tally
from tests.unit_tests.repository.stock import strategy

WEAK = "weak-model"
VERDICTS = st.sampled_from([True, False, None])
LABELS = st.lists(st.tuples(VERDICTS, VERDICTS), max_size=12)
ORDER = ("harmful", "useless", "unknown", "helpful")
SPEAKING = [(True, None, 1), (False, None, -1), (None, True, -1), (None, False, 1)]


def after(labels: Any, start: Strategy | None = None) -> Strategy:
    """A strategy after some labels, each whether it was right with it and without it."""
    one = start or strategy()
    for with_it, without in labels:
        one = counted(one, WEAK, with_it=with_it, without=without)
    return one


def tally(labels: Any) -> Tally:
    """What is known after some labels."""
    return after(labels).ledger.get(WEAK, Tally())


@given(LABELS, st.randoms())
def test_the_order_of_labels_does_not_matter(labels: Any, chance: random.Random) -> None:
    """So threads and processes may write them as they come."""
    shuffled = list(labels)
    chance.shuffle(shuffled)

    assert tally(shuffled) == tally(labels)


@given(LABELS)
def test_counts_are_exact(labels: Any) -> None:
    """Each label once, in the place where it belongs."""
    found = tally(labels)

    assert found.right_with == sum(with_it is True for with_it, _ in labels)
    assert found.wrong_with == sum(with_it is False for with_it, _ in labels)
    assert found.right_without == sum(without is True for _, without in labels)
    assert found.wrong_without == sum(without is False for _, without in labels)
    assert found.mended == labels.count((True, False))
    assert found.spoilt == labels.count((False, True))
    assert found.alike == labels.count((True, True)) + labels.count((False, False))
    assert found.labels == len(labels)


@given(LABELS, st.sampled_from(SPEAKING))
def test_a_label_moves_the_belief_its_way(labels: Any, news: tuple[Any, Any, int]) -> None:
    """Right with it and wrong without it speak for a strategy, the others against."""
    with_it, without, direction = news
    before, now = (effect(tally(each)).mean for each in (labels, [*labels, (with_it, without)]))

    assert direction * (now - before) > 0


@given(LABELS, st.integers(0, 99))
def test_a_better_answer_never_makes_a_worse_standing(labels: Any, at: int) -> None:
    """Had one answer with it been right, it could only have gained; likewise without it wrong."""
    assume(labels)
    at %= len(labels)
    with_it, without = labels[at]
    for better in ((True, without), (with_it, False)):
        assume((better[0] is None) == (with_it is None))
        assume((better[1] is None) == (without is None))
        improved = [*labels[:at], better, *labels[at + 1 :]]

        assert ORDER.index(standing(tally(improved))) >= ORDER.index(standing(tally(labels)))


@given(LABELS)
def test_swapping_with_and_without_turns_the_effect_round(labels: Any) -> None:
    """Nothing but the labels is believed."""
    turned = [(without, with_it) for with_it, without in labels]

    assert effect(tally(turned)).mean == pytest.approx(-effect(tally(labels)).mean)
    assert effect(tally(turned)).deviation == pytest.approx(effect(tally(labels)).deviation)


@given(LABELS, st.sampled_from(SPEAKING), st.sampled_from([(1.0, 1.0), (5.0, 0.5), (20.0, 1 / 3)]))
def test_a_label_can_be_taken_back(
    labels: Any, news: tuple[Any, Any, int], weight_and_share: tuple[float, float]
) -> None:
    """Nothing of it is left, and nothing else has changed; not even for who goes by it alone."""
    weight, share = weight_and_share
    label = {"with_it": news[0], "without": news[1], "weight": weight, "share": share}
    before = after(labels)
    back = discounted(counted(before, WEAK, **label, accepted=True), WEAK, **label, accepted=True)

    known, expected = (each.ledger.get(WEAK, Tally()) for each in (back, before))
    assert known.model_dump() == pytest.approx(expected.model_dump())
    assert min(known.model_dump().values()) >= 0


def test_what_helps_one_model_says_nothing_about_another() -> None:
    """Ledgers are kept by weak model."""
    one = after([(True, False)] * 6)

    assert usefulness(one, WEAK) > 0.9
    assert usefulness(one, "another-model") == usefulness(strategy(), WEAK) == 0.5


def test_a_strategy_that_makes_right_answers_wrong_is_suspended() -> None:
    """With the reason, and after three labels at the earliest."""
    states = [after([(False, True)] * times).state for times in range(7)]
    found = after([(False, True)] * 6)

    assert states[:3] == [State.ACTIVE] * 3
    assert states[-1] is State.SUSPENDED
    assert found.reason.startswith(f"harmful to {WEAK}: ")


def test_without_a_comparison_nobody_is_harmful() -> None:
    """Wrong answers with it may have been wrong without it, too."""
    assert standing(tally([(False, None)] * 50)) != "harmful"


def test_one_rare_audit_condemns_nobody() -> None:
    """It stands for many answers, and is one observation all the same."""
    one = after([(True, False)] * 2)
    one = counted(one, WEAK, with_it=False, without=True, weight=100.0)

    assert one.state is State.ACTIVE


@pytest.mark.parametrize("state", [State.CANDIDATE, State.SUSPENDED, State.ARCHIVED])
def test_only_what_is_in_use_is_suspended(state: State) -> None:
    """Others are counted, and stay where they are."""
    found = after([(False, True)] * 8, strategy(state=state))

    assert (found.state, found.ledger[WEAK].labels) == (state, 8)


def test_a_suspension_can_be_undone_and_keeps_the_labels() -> None:
    """The next label may suspend it again."""
    found = after([(False, True)] * 6)
    back = found.undone()

    assert (back.state, back.ledger) == (State.ACTIVE, found.ledger)
    assert after([(False, True)], back).state is State.SUSPENDED


@given(LABELS)
def test_only_the_share_that_it_turned_is_saved(labels: Any) -> None:
    """Never more than the strong answer would have cost, and never less than nothing."""
    assert 0.0 <= saving(after(labels), WEAK, always_strong=1.0, spent=0.0) <= 1.0


def test_benefit_is_net_of_what_it_cost() -> None:
    """Over all models; break-even is where they meet, and unknown costs stay unknown."""
    one = used(strategy(cost=1.0), WEAK, uses=3, saved=0.5)
    both = used(one, "another-model", uses=1, saved=0.5)

    assert net_benefit(one) == pytest.approx(-0.5)
    assert (has_paid_off(one), has_paid_off(both)) == (False, True)
    assert has_paid_off(strategy(cost=None)) is None
    assert both.ledger[WEAK].uses == 3


def test_what_brings_most_is_kept_longest() -> None:
    """Benefit first, then usefulness, then use, then support."""
    rich = used(strategy(), WEAK, uses=1, saved=2.0)
    helpful = after([(True, False)] * 4)
    backed = strategy(support=5)
    ranked = sorted([strategy(), backed, helpful, rich], key=worth_keeping, reverse=True)

    assert ranked[:3] == [rich, helpful, backed]
