"""The transitions of a strategy: what each does, that it is recorded, and that it can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_intercascade.repository.lifecycle import (
    MAX_KEYS,
    activated,
    archived,
    is_expired,
    kept_from,
    let_near,
    merged,
    on_probation,
    reinstated,
    suspended,
    unmerged,
    was_in_use,
)
from langchain_intercascade.strategy import (
    HISTORY,
    Lesson,
    Replays,
    State,
    Strategy,
    Tally,
    normalised,
)
from tests.unit_tests.repository.stock import pending, strategy

LESSON = Lesson(query="SECRET QUERY", answer="SECRET ANSWER", weak_answer="SECRET ATTEMPT")

TRANSITIONS: dict[str, Callable[[Strategy], Strategy]] = {
    "activated": lambda each: activated(each, "why"),
    "on probation": lambda each: on_probation(each, "why"),
    "suspended": lambda each: suspended(each, "why"),
    "archived": lambda each: archived(each, "why"),
    "kept from": lambda each: kept_from(each, "another query"),
    "merged": lambda each: merged(each, pending("another lesson")) or each,
}

# What no undo brings back: when, how often, what for; and labels and lessons, as documented.
LOST = {"updated_at", "version", "stamps", "history", "lesson"}


def essence(one: Strategy) -> dict[str, Any]:
    """What an undo must restore."""
    return {name: value for name, value in one.payload().items() if name not in LOST}


STATES = st.sampled_from([State.CANDIDATE, State.ACTIVE, State.SUSPENDED, State.ARCHIVED])
NAMES = st.sampled_from(list(TRANSITIONS))


@given(STATES, st.lists(NAMES, max_size=4), NAMES)
def test_undo_is_the_inverse_of_every_transition(
    state: State, before: list[str], name: str
) -> None:
    """Of the last one, whatever came before; and it is on record."""
    one = strategy(state=state, lesson=LESSON, reason="r", replays=Replays(source=True, passed=1))
    for each in before:
        one = TRANSITIONS[each](one)
    news = TRANSITIONS[name](one)
    if news is one:
        return
    back = news.undone()

    assert essence(back) == essence(one)
    assert back.version == news.version + 1
    assert back.history[-1].what.startswith("undone: ")
    with pytest.raises(ValueError, match="no change that could be undone"):
        back.undone()


@given(st.lists(NAMES, max_size=30))
def test_every_change_is_a_version_and_on_record(names: list[str]) -> None:
    """The history is bounded, and only its last entry can be undone."""
    one = strategy(lesson=LESSON)
    for name in names:
        news = TRANSITIONS[name](one)
        assert news is one or news.version == one.version + 1
        assert news is one or set(one.stamps) < set(news.stamps) or len(news.stamps) == 32
        one = news

    assert len(one.history) <= HISTORY
    assert all(each.undo is None for each in one.history[:-1])


@pytest.mark.parametrize("change", [activated, archived])
def test_the_lesson_is_forgotten_for_good(change: Callable[[Strategy, str], Strategy]) -> None:
    """Undoing does not bring it back, so nothing has to remember it."""
    news = change(strategy(state=State.CANDIDATE, lesson=LESSON), "why")

    assert "SECRET" not in str(news.payload())
    assert news.undone().lesson is None


def test_what_lost_its_lesson_before_it_was_distilled_cannot_go_back() -> None:
    """There is nothing left to make it of."""
    gone = archived(pending(), "why")

    with pytest.raises(ValueError, match="cannot go back"):
        gone.undone()


def test_the_first_activation_is_remembered() -> None:
    """Through suspension and return."""
    one = activated(strategy(state=State.CANDIDATE), "why")
    back = reinstated(suspended(one, "harmful"), "confirmed")

    assert back.activated_at == one.activated_at != ""
    assert (back.state, back.retired_at, back.reason) == (State.ACTIVE, "", "")


def test_who_comes_back_brings_the_ledger() -> None:
    """What condemned it is outweighed by then, not forgotten."""
    ledger = {"m": Tally(wrong_with=5, labels=5, uses=7, saved=0.5)}

    assert reinstated(suspended(strategy(ledger=ledger), "harmful"), "why").ledger == ledger


def test_a_query_that_misled_can_be_taken_back() -> None:
    """Whatever its case and spacing; the others stay, and without it nothing changes."""
    one = kept_from(kept_from(strategy(), "Who  is it?"), "another")
    near = let_near(one, "who is it? ")

    assert near.misled == ("another",)
    assert near.version == one.version + 1
    assert let_near(near, "who is it? ") is near


def test_trials_after_a_suspension_count_from_there() -> None:
    """What it solved before it failed does not speak for it."""
    one = strategy(replays=Replays(source=True, passed=9, failed=1))

    assert suspended(one, "why").replays == Replays(source=True)


# Merging.


@given(st.lists(st.integers(0, 30), max_size=60))
def test_merging_counts_every_lesson_once(lessons: list[int]) -> None:
    """However often it is tried again, also after there is no room for keys."""
    one = strategy()
    for number in lessons:
        other = pending(f"lesson {number}")
        one = merged(one, other) or one
        assert merged(one, other) is None

    assert one.support == 1 + len(set(lessons))
    assert len(one.keys) == min(MAX_KEYS, one.support)
    assert len({normalised(key) for key in one.keys}) == len(one.keys)


def test_a_run_or_a_query_counts_once_also_without_room_for_its_key() -> None:
    """The same run may come back with another text, the same query with another run."""
    one = strategy()
    for number in range(MAX_KEYS + 2):
        one = merged(one, pending(f"lesson {number}")) or one
    last = one.merged[-1]
    other_text = pending(
        "another text", origin=pending().origin.model_copy(update={"run_id": last.run_id})
    )
    other_run = pending(last.query, origin=pending().origin.model_copy(update={"run_id": "new"}))

    assert last.query not in one.keys
    assert merged(one, other_text) is None
    assert merged(one, other_run) is None


def test_merging_never_rewrites_the_text() -> None:
    """One more key, and who brought it."""
    one = strategy()
    news = merged(one, pending("another", source="user-17"))

    assert news is not None
    assert news.advice == one.advice
    assert (news.keys, news.support) == ((*one.keys, "another"), 2)
    assert [(each.query, each.source) for each in news.merged] == [("another", "user-17")]


def test_its_own_query_and_run_are_in_it_already() -> None:
    """In whatever case they are written."""
    one = strategy("How many?")

    assert merged(one, pending("how  MANY?")) is None


def test_a_merger_is_taken_back_by_its_run() -> None:
    """With its key and its support; the strategy's own key stays."""
    one = strategy()
    both = merged(merged(one, pending("a")) or one, pending("b")) or one
    less = unmerged(both, "r-a", "it was wrong")

    assert less is not None
    assert (less.keys, less.support) == ((one.keys[0], "b"), 2)
    assert unmerged(less, "r-a", "again") is None
    assert unmerged(less, one.origin.run_id, "its own") is None


# What it has misled.


@given(st.lists(st.sampled_from("abcdefghijkl"), max_size=30))
def test_only_the_last_queries_it_misled_are_kept(queries: list[str]) -> None:
    """Each once."""
    one = strategy()
    for query in queries:
        one = kept_from(one, query)

    assert len(one.misled) == min(MAX_KEYS, len(one.misled)) == len(set(one.misled))
    assert set(one.misled) <= set(queries)
    assert not queries or queries[-1] in one.misled


# Time.


@pytest.mark.parametrize(
    ("expires_at", "at", "expected"),
    [
        ("", "9999", False),
        ("2026-01-01T00:00:00+00:00", "2025-12-31T23:59:59+00:00", False),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00", True),
        ("2026-01-01T00:00:00+00:00", None, True),
        ("2999-01-01T00:00:00+00:00", None, False),
    ],
)
def test_a_strategy_expires_at_its_moment(
    expires_at: str,
    at: str | None,
    expected: bool,  # noqa: FBT001 - a verdict
) -> None:
    """Not before, and never if it has none."""
    assert is_expired(strategy(expires_at=expires_at), at=at) is expected


def test_use_lasts_from_activation_to_retirement() -> None:
    """The moment of the first counts, that of the last does not."""
    one = strategy(activated_at="2026-01-02", retired_at="2026-01-04")
    days = [f"2026-01-0{day}" for day in range(1, 6)]

    assert [was_in_use(one, day) for day in days] == [False, True, True, False, False]
    assert not was_in_use(strategy(), "9999")
