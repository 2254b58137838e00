"""What is shown is near, new, useful and short, and everything else has its reason."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.choice import Choice, Outcome
from langchain_intercascade.repository.floor import Floor
from langchain_intercascade.repository.points import Hit
from langchain_intercascade.repository.ranking import (
    BUDGET,
    USEFULNESS_WEIGHT,
    advice_text,
    chosen,
    fetch_size,
    tokens_of,
)
from langchain_intercascade.strategy import Kind, Strategy
from tests.hits import hit

# A busy machine is not a failure.
patient = settings(deadline=None)

# Few names and words, so that some repeat, and few similarities, so that some are equal.
any_hit = st.builds(
    hit,
    st.sampled_from([f"n{at}" for at in range(9)]),
    st.sampled_from([-0.2, 0.1, 0.3, 0.5, 0.6, 0.65, 0.7, 0.9]),
    words=st.sampled_from(["", "", "same old words", "long " * 30, "longer " * 50]),
    kind=st.sampled_from([Kind.STRATEGY, Kind.STRATEGY, Kind.PITFALL]),
    expires_at=st.sampled_from(["", "", "2020-01-01", "2999-01-01"]),
)
any_hits = st.lists(any_hit, max_size=12, unique_by=lambda each: each.strategy.id)
any_floor = st.one_of(
    st.floats(-1, 1),
    st.builds(
        lambda least, more, margin: Floor(similarity=least + more, least=least, margin=margin),
        st.floats(0, 0.5),
        st.floats(0, 0.5),
        st.floats(0, 0.5),
    ),
)


def names(choice: Choice) -> list[str]:
    return [each.strategy.id for each in choice.hits]


def fates(choice: Choice) -> dict[str, Outcome]:
    return {each.hit.strategy.id: each.outcome for each in choice.considered}


@patient
@given(any_hits, st.integers(0, 3), any_floor, st.integers(0, 200))
def test_never_more_than_k_nor_over_the_budget_nor_two_pitfalls(
    hits: list[Hit], k: int, floor: Floor | float, budget: int
) -> None:
    choice = chosen(hits, k=k, floor=floor, budget=budget)
    sizes = [tokens_of(advice_text(each.strategy)) for each in choice.hits]
    pitfalls = [each for each in choice.hits if each.strategy.kind is Kind.PITFALL]

    assert len(choice.hits) <= k
    assert choice.tokens == sum(sizes) <= budget
    assert len(pitfalls) <= 1


@patient
@given(any_hits, any_floor)
def test_nothing_below_the_floor_is_shown(hits: list[Hit], floor: Floor | float) -> None:
    least = floor.least if isinstance(floor, Floor) else floor
    choice = chosen(hits, k=3, floor=floor)

    assert all(each.similarity >= least for each in choice.hits)


@patient
@given(any_hits, st.floats(-1, 1), st.floats(-1, 1))
def test_what_a_floor_turns_away_a_higher_one_does_too(
    hits: list[Hit], one: float, other: float
) -> None:
    low, high = (fates(chosen(hits, k=3, floor=each)) for each in sorted((one, other)))
    turned_away = {name for name, fate in low.items() if fate is Outcome.BELOW_FLOOR}

    assert turned_away <= {name for name, fate in high.items() if fate is Outcome.BELOW_FLOOR}


@patient
@given(st.data(), any_hits, any_floor)
def test_the_order_of_the_hits_does_not_matter(
    data: st.DataObject, hits: list[Hit], floor: Floor | float
) -> None:
    """Nor does it for equal ones: engines order these as they like."""
    shuffled = data.draw(st.permutations(hits))

    assert chosen(hits, k=2, floor=floor) == chosen(shuffled, k=2, floor=floor)


@patient
@given(any_hits, any_floor, st.integers(0, 3))
def test_every_hit_has_one_reason(hits: list[Hit], floor: Floor | float, k: int) -> None:
    choice = chosen(hits, k=k, floor=floor)
    shown = [name for name, fate in fates(choice).items() if fate is Outcome.CHOSEN]

    assert sorted(each.strategy.id for each in hits) == sorted(fates(choice))
    assert sorted(names(choice)) == sorted(shown)
    assert json.loads(json.dumps(choice.payload()))["shown"] == names(choice)


@patient
@given(any_hits, any_floor, st.dictionaries(st.sampled_from(["n1", "n2", "n3"]), st.floats(0, 1)))
def test_usefulness_decides_the_order_never_the_floor(
    hits: list[Hit], floor: Floor | float, usefulness: dict[str, float]
) -> None:
    without = fates(chosen(hits, k=2, floor=floor))
    with_it = fates(chosen(hits, k=2, floor=floor, usefulness=usefulness))
    ruled_out = {Outcome.BELOW_FLOOR, Outcome.EXPIRED, Outcome.FAR_BEHIND}

    assert {name for name, fate in without.items() if fate in ruled_out} == {
        name for name, fate in with_it.items() if fate in ruled_out
    }


def test_the_best_two_are_shown_best_first() -> None:
    choice = chosen([hit("c", 0.65), hit("a", 0.9), hit("b", 0.7)], k=2)

    assert ["a", "b"] == names(choice)
    assert Outcome.BEYOND_K is fates(choice)["c"]
    assert "2 of 3 strategies found are shown." == choice.reason


def test_none_found_is_a_result() -> None:
    choice = chosen([], k=2)

    assert () == choice.hits
    assert "Nothing is shown: no strategy was found." == choice.reason


def test_none_near_enough_is_a_result_with_a_reason() -> None:
    choice = chosen([hit("a", 0.2), hit("b", 0.1)], k=2, floor=0.3)

    assert () == choice.hits
    assert "Nothing is shown: the nearest strategy is below the floor (0.20, 0.30 is needed)." == (
        choice.reason
    )


@pytest.mark.parametrize(
    ("next_one", "shown"),
    [
        pytest.param(hit("b", 0.3), ["a"], id="clearly ahead"),
        pytest.param(hit("b", 0.45), [], id="hardly ahead"),
        pytest.param(hit("b", 0.45, keys=("a key",)), ["a", "b"], id="of one kind"),
    ],
)
def test_a_clear_lead_makes_up_for_a_similarity_below_the_floor(
    next_one: Hit, shown: list[str]
) -> None:
    floor = Floor(similarity=0.6, least=0.4, margin=0.15)
    choice = chosen([hit("a", 0.5), next_one, hit("z", 0.1)], k=2, floor=floor)

    assert shown == names(choice)


def test_the_lead_of_the_first_does_not_carry_a_different_second() -> None:
    floor = Floor(similarity=0.6, least=0.4, margin=0.1)
    choice = chosen([hit("a", 0.55), hit("b", 0.42)], k=2, floor=floor)

    assert {"a": Outcome.CHOSEN, "b": Outcome.BELOW_FLOOR} == fates(choice)


def test_a_missing_lead_is_told_in_numbers() -> None:
    floor = Floor(similarity=0.6, least=0.4, margin=0.15)
    choice = chosen([hit("a", 0.5), hit("b", 0.45)], k=2, floor=floor)

    assert "or a lead of 0.15 over the next different one, not 0.05" in choice.reason


@pytest.mark.parametrize(("second", "fate"), [(0.65, "chosen"), (0.6, "far behind the best")])
def test_the_second_must_not_lie_far_behind_the_first(second: float, fate: str) -> None:
    choice = chosen([hit("a", 0.9), hit("b", second)], k=2)

    assert fate == fates(choice)["b"]


def test_far_behind_means_the_same_below_zero() -> None:
    choice = chosen([hit("a", -0.2), hit("b", -0.25), hit("c", -0.3)], k=3, floor=-1)

    assert ["a", "b"] == names(choice)


def test_a_repetition_is_passed_over_for_the_next() -> None:
    said = "split it into groups and count them"
    hits = [hit("a", 0.9, words=said), hit("b", 0.8, words=f"{said} well"), hit("c", 0.7)]
    choice = chosen([*hits], k=2, text=lambda each: each.advice.steps[0] if each.advice else "")

    assert ["a", "c"] == names(choice)
    assert Outcome.REPEATS is fates(choice)["b"]


def test_the_opposite_in_nearly_the_same_words_is_no_repetition() -> None:
    one = hit("a", 0.9, words="add the fare to the price of the ticket itself")
    other = hit("b", 0.8, words="subtract the fare from the price of the ticket itself")
    told: Any = lambda each: each.advice.steps[0]  # noqa: E731 - one place, one line
    choice = chosen([one, other], k=2, text=told)

    assert ["a", "b"] == names(choice)


def test_of_two_equally_near_the_one_with_more_news_is_second() -> None:
    first = hit("a", 0.9, words="red green blue")
    alike = hit("b", 0.7, words="red green yellow")
    news = hit("c", 0.7, words="north south east")

    assert ["a", "c"] == names(chosen([first, alike, news], k=2))


def test_one_pitfall_is_enough_and_comes_last() -> None:
    hits = [
        hit("a", 0.9, kind=Kind.PITFALL),
        hit("b", 0.8, kind=Kind.PITFALL),
        hit("c", 0.7),
    ]
    choice = chosen(hits, k=3)

    assert ["c", "a"] == names(choice)
    assert Outcome.PITFALL_QUOTA is fates(choice)["b"]


def test_one_too_long_is_passed_over_and_a_shorter_one_fits() -> None:
    hits = [hit("a", 0.9), hit("b", 0.8, words="word " * 79), hit("c", 0.7)]

    assert {"a": "chosen", "b": "chosen", "c": "beyond the first k"} == fates(chosen(hits, k=2))
    assert {"a": "chosen", "b": "over the token budget", "c": "chosen"} == fates(
        chosen(hits, k=2, budget=50)
    )
    assert {"over the token budget"} == set(fates(chosen(hits, k=2, budget=4)).values())


def test_the_default_budget_holds_two_strategies_of_the_usual_length() -> None:
    assert 2 * 300 <= BUDGET


def test_the_expired_and_the_empty_are_not_shown() -> None:
    hits = [hit("a", 0.9, expires_at="2026-05-01T00:00:00+00:00"), hit("b", 0.8, advice=None)]
    before = chosen(hits, k=2, moment="2026-04-30T00:00:00+00:00")
    after = chosen(hits, k=2, moment="2026-05-02T00:00:00+00:00")

    assert ["a"] == names(before)
    assert {"a": Outcome.EXPIRED, "b": Outcome.EMPTY} == fates(after)


def test_a_useful_strategy_overtakes_a_slightly_nearer_one() -> None:
    hits = [hit("a", 0.80), hit("b", 0.75)]

    assert ["a", "b"] == names(chosen(hits, k=2))
    assert ["b", "a"] == names(chosen(hits, k=2, usefulness={"b": 0.9}))
    assert ["b", "a"] == names(chosen(hits, k=2, usefulness={"a": 0.1}))


def test_how_useful_a_strategy_is_is_worked_out_only_for_those_that_are_near_enough() -> None:
    asked: list[str] = []

    def usefulness(strategy: Strategy) -> float:
        asked.append(strategy.id)
        return 0.9 if strategy.id == "b" else 0.5

    hits = [hit("a", 0.9), hit("b", 0.88), hit("far", 0.3)]

    assert ["b", "a"] == names(chosen(hits, k=2, usefulness=usefulness))
    assert {"a", "b"} == set(asked)


def test_usefulness_never_makes_up_for_a_real_distance() -> None:
    hits = [hit("a", 0.8), hit("b", 0.8 - USEFULNESS_WEIGHT - 0.01)]

    assert ["a", "b"] == names(chosen(hits, k=2, usefulness={"a": 0.0, "b": 1.0}))


def test_words_of_the_query_decide_between_the_others() -> None:
    hits = [hit("a", 0.9), hit("b", 0.8), hit("c", 0.79), hit("d", 0.78, keys=("code E1042",))]

    assert ["a", "b"] == names(chosen(hits, k=2))
    assert ["a", "d"] == names(chosen(hits, k=2, query="what is E1042?"))


def test_words_do_not_help_below_the_floor() -> None:
    hits = [hit("a", 0.9), hit("d", 0.2, keys=("code E1042",))]

    assert ["a"] == names(chosen(hits, k=2, floor=0.3, query="code E1042"))


def test_a_strategy_found_twice_counts_once_and_by_its_nearer_key() -> None:
    choice = chosen([hit("a", 0.4), hit("a", 0.9)], k=2)

    assert [0.9] == [each.similarity for each in choice.hits]
    assert 1 == len(choice.considered)


@pytest.mark.parametrize(
    "wrong",
    [
        {"relative_floor": 1.1},
        {"relative_floor": math.nan},
        {"usefulness_weight": -0.1},
        {"usefulness": {"a": 2.0}},
        {"floor": 1.5},
        {"floor": math.nan},
    ],
)
def test_a_number_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        chosen([hit("a", 0.9)], k=2, **wrong)


def test_enough_is_fetched_to_choose_from() -> None:
    assert 0 == fetch_size(0)
    assert all(fetch_size(k) >= 2 * k + 2 for k in range(1, 4))
