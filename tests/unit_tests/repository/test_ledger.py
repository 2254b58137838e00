"""What labels say about a strategy, and when it is taken out of use."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.repository.belief import effect
from langchain_intercascade.repository.ledger import (
    counted,
    proven,
    standing,
    used,
    usefulness,
)
from langchain_intercascade.repository.lifecycle import activated
from langchain_intercascade.strategy import (
    Advice,
    Lesson,
    Origin,
    State,
    Strategy,
    Tally,
    pending_lesson,
)

WEAK = "weak"
ADVICE = Advice(title="Sums", when_to_use="Adding.", steps=("Add.",))


def strategy() -> Strategy:
    """Return a strategy in use that nothing is known of."""
    origin = Origin(run_id="r", strong_model="strong", prompt_version=1)
    lesson = Lesson(query="q", answer="a")
    made = pending_lesson(tenant="t", query="q", lesson=lesson, origin=origin)
    return activated(made.changed(advice=ADVICE), "an example")


def labelled(found: Strategy, times: int, **label: Any) -> Strategy:
    """Return `found` after the same label so many times."""
    for _ in range(times):
        found = counted(found, WEAK, **label)
    return found


def tally(found: Strategy) -> Tally:
    """Return what is known of it."""
    return found.ledger[WEAK]


def test_a_heavy_label_is_one_observation() -> None:
    """Each of five answers that stands for ten moves the belief as much as one that is alone."""
    alone = labelled(strategy(), 5, with_it=True, without=False)
    heavy = labelled(strategy(), 5, with_it=True, without=False, weight=10.0)

    assert tally(heavy).right_with == 10 * tally(alone).right_with
    assert effect(tally(alone)).mean == pytest.approx(effect(tally(heavy)).mean)
    assert effect(tally(alone)).deviation == pytest.approx(effect(tally(heavy)).deviation)


def test_weights_decide_what_the_shares_are() -> None:
    """Four deferrals that went wrong weigh less than one audit in ten that went right."""
    deferred = labelled(strategy(), 4, with_it=False, without=False)
    audited = labelled(deferred, 4, with_it=True, without=False, weight=10.0)
    evenly = labelled(deferred, 4, with_it=True, without=False)

    assert effect(tally(audited)).mean > effect(tally(evenly)).mean
    assert effect(tally(audited)).deviation > effect(tally(evenly)).deviation


def test_shared_merit_counts_less() -> None:
    """Who was the second in the prompt is known half as well, whatever the weight."""
    first = labelled(strategy(), 6, with_it=True, without=False, weight=5.0)
    second = labelled(strategy(), 6, with_it=True, without=False, weight=5.0, share=0.5)

    assert 0.0 < effect(tally(second)).mean < effect(tally(first)).mean
    assert effect(tally(second)).deviation > effect(tally(first)).deviation


def test_one_heavy_label_condemns_nobody() -> None:
    """Three labels with one right answer lost do not make a strategy harmful, at any weight."""
    light = labelled(strategy(), 2, with_it=True, without=True)
    heavy = counted(light, WEAK, with_it=False, without=True, weight=20.0)

    assert standing(tally(heavy)) == "unknown"
    assert heavy.state is State.ACTIVE


def test_what_spoils_right_answers_is_suspended() -> None:
    """Three in a row are enough, and the reason says so."""
    found = labelled(strategy(), 3, with_it=False, without=True)

    assert found.state is State.SUSPENDED
    assert found.reason.startswith("harmful to weak")


def of_pairs(mended: int, spoilt: int, alike: int) -> Tally:
    """Return what is known after so many queries that were tried both ways."""
    half = alike / 2
    return Tally(
        right_with=mended + half,
        wrong_with=spoilt + half,
        right_without=spoilt + half,
        wrong_without=mended + half,
        squared_with=mended + spoilt + alike,
        squared_without=mended + spoilt + alike,
        mended=mended,
        spoilt=spoilt,
        alike=alike,
        accepted=mended + spoilt + alike,
        labels=mended + spoilt + alike,
    )


def test_what_changes_nothing_is_suspended_once_its_credit_is_used_up() -> None:
    """As many right as without it: not after the first few labels, and then for good."""
    pair = strategy()
    states = []
    for n in range(30):
        pair = counted(pair, WEAK, with_it=n % 2 == 0, without=n % 2 == 0)
        states.append(pair.state)

    assert states[:6] == [State.ACTIVE] * 6
    assert states[19:] == [State.SUSPENDED] * 11
    assert pair.reason.startswith("useless to weak")


def test_credit_lasts_longer_where_answers_change_to_and_fro() -> None:
    """So many labels that changed nothing are sure; as many that mend and spoil say little."""
    calm, stormy = of_pairs(0, 0, 16), of_pairs(5, 5, 6)

    assert effect(calm).mean == pytest.approx(effect(stormy).mean)
    assert ("useless", "unknown") == (standing(calm), standing(stormy))
    assert standing(of_pairs(60, 60, 80)) == "useless"


def test_what_was_tried_both_ways_is_known_better() -> None:
    """The same shares, once of the same queries and once of others."""
    paired = of_pairs(3, 1, 12)
    apart = paired.model_copy(update={"mended": 0.0, "spoilt": 0.0, "alike": 0.0})

    assert effect(paired).mean == pytest.approx(effect(apart).mean)
    assert effect(paired).deviation < 0.75 * effect(apart).deviation


@settings(max_examples=50)
@given(counts=st.tuples(*[st.integers(0, 12)] * 3), extra=st.tuples(*[st.integers(0, 5)] * 4))
def test_pairs_are_a_dirichlet(counts: tuple[int, ...], extra: tuple[int, ...]) -> None:
    """Alone they have its variance; with labels of other queries no less, and never none."""
    mended, spoilt, alike = counts
    known = sum(counts)
    alone = of_pairs(mended, spoilt, alike)
    up, down = (mended + 0.5) / (known + 2), (spoilt + 0.5) / (known + 2)
    expected = math.sqrt((up + down - (up - down) ** 2) / (known + 3))
    names = ("right_with", "wrong_with", "right_without", "wrong_without")
    more = {name: getattr(alone, name) + n for name, n in zip(names, extra, strict=True)}
    squares = {"squared_with": known + sum(extra[:2]), "squared_without": known + sum(extra[2:])}
    mixed = effect(alone.model_copy(update=more | squares))

    if known:
        assert effect(alone).deviation == pytest.approx(expected)
    assert mixed.deviation > 0.0
    assert math.isfinite(mixed.deviation)


def test_what_helps_is_proven_by_a_few_labels_and_what_is_doubtful_is_not() -> None:
    """Nothing is proven without a comparison, nor by less than three."""
    assert [proven(of_pairs(n, 0, 0)) for n in range(4)] == [False, False, False, True]
    assert not proven(of_pairs(3, 2, 11))
    assert not proven(Tally(right_with=50, squared_with=50, labels=50))


def test_what_helps_a_little_stays() -> None:
    """A gain of two in ten is worth the tokens."""
    found = strategy()
    for n in range(30):
        found = counted(found, WEAK, with_it=n % 2 == 0 or n % 10 in {1, 3}, without=n % 2 == 0)

    assert found.state is State.ACTIVE
    assert effect(tally(found)).mean > 0.1


def test_deferrals_alone_do_not_show_that_a_strategy_is_useless() -> None:
    """Where it had helped, nothing was deferred: who accepts unaudited does not look there."""
    seldom = used(strategy(), WEAK, uses=60, saved=0.0)
    unaudited = labelled(seldom, 60, with_it=False, without=False)
    audited = labelled(unaudited, 40, with_it=False, without=False, accepted=True)

    assert (State.ACTIVE, State.SUSPENDED) == (unaudited.state, audited.state)


def test_what_is_never_accepted_can_be_useless_without_audits() -> None:
    """Then deferrals are all there is."""
    found = labelled(strategy(), 20, with_it=False, without=False)

    assert found.state is State.SUSPENDED


def test_nothing_is_believed_without_labels() -> None:
    """The prior is even, and the holdout alone says nothing about the strategy."""
    held_out = labelled(strategy(), 50, without=True)

    assert usefulness(strategy(), WEAK) == 0.5
    assert held_out.state is State.ACTIVE


@given(
    labels=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30),
    weight=st.floats(1.0, 100.0),
)
def test_equal_weights_change_nothing(labels: list[tuple[bool, bool]], weight: float) -> None:
    """Only what labels weigh against one another matters."""
    plain, heavy = strategy(), strategy()
    for with_it, without in labels:
        plain = counted(plain, WEAK, with_it=with_it, without=without)
        heavy = counted(heavy, WEAK, with_it=with_it, without=without, weight=weight)

    assert effect(tally(plain)).mean == pytest.approx(effect(tally(heavy)).mean)
    assert plain.state is heavy.state


@settings(max_examples=60)
@given(
    right=st.floats(0, 1e6),
    wrong=st.floats(0, 1e6),
    squared=st.floats(0, 1e9),
    pairs=st.tuples(*[st.floats(0, 1e6)] * 3),
    without=st.floats(0, 1e6),
)
def test_beliefs_are_numbers(
    right: float, wrong: float, squared: float, pairs: tuple[float, ...], without: float
) -> None:
    """Whatever was counted, the mean gain is between -1 and 1, and how sure one is, finite."""
    mended, spoilt, alike = pairs
    found = effect(
        Tally(
            right_with=right,
            wrong_with=wrong,
            squared_with=squared,
            right_without=without,
            mended=mended,
            spoilt=spoilt,
            alike=alike,
            labels=9,
        )
    )

    assert -1.0 <= found.mean <= 1.0
    assert math.isfinite(found.deviation)
    assert found.deviation > 0.0
