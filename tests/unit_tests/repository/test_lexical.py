"""Words are compared as people would expect, whatever the text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.repository.lexical import bm25, fused, overlap, words

# A busy machine is not a failure.
patient = settings(deadline=None)
any_text = st.text(st.characters(exclude_categories=()))
scores = st.lists(st.floats(-1, 1), min_size=1, max_size=12)


@patient
@given(any_text, any_text)
def test_overlap_is_a_share_and_symmetric(one: str, other: str) -> None:
    shared = overlap(one, other)

    assert 0.0 <= shared <= 1.0
    assert overlap(other, one) == shared


@patient
@given(any_text)
def test_a_text_shares_every_word_with_itself(text: str) -> None:
    assert bool(words(text)) == overlap(text, text)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        pytest.param("Add both numbers", "add BOTH numbers!", 1.0, id="case and signs"),
        pytest.param("add add add", "add", 1.0, id="repetition"),
        pytest.param("one two", "two three", 1 / 3, id="a part"),
        pytest.param("数字相加", "数字相减", 3 / 5, id="no spaces between words"),
        pytest.param("", "", 0.0, id="nothing"),
    ],
)
def test_overlap_counts_different_words(one: str, other: str, shared: float) -> None:
    assert shared == pytest.approx(overlap(one, other))


@patient
@given(any_text, st.lists(any_text, max_size=6))
def test_bm25_scores_each_text_and_only_common_words(query: str, texts: list[str]) -> None:
    found = bm25(query, texts)

    assert [overlap(query, text) > 0 for text in texts] == [score > 0 for score in found]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    common, rare, _ = bm25("error E1042", ["error here", "E1042 here", "error there"])

    assert rare > common


def test_a_long_text_does_not_win_by_its_length() -> None:
    short, long = bm25("locked", ["the shard is locked", "locked " + "and so on " * 20])

    assert short > long


def test_repetition_counts_less_and_less() -> None:
    texts = ["key a b c", "key key b c", "key key key c", "other a b c"]
    once, twice, thrice, _ = bm25("key", texts)

    assert once < twice < thrice
    assert twice - once > 1.2 * (thrice - twice)


@patient
@given(scores, st.data())
def test_nobody_passes_the_first_by_similarity(dense: list[float], data: st.DataObject) -> None:
    """At 3:1 the lexical ranking decides who comes after."""
    lexical = data.draw(st.lists(st.floats(0, 9), min_size=len(dense), max_size=len(dense)))
    found = fused(dense, lexical)

    assert max(found) == max(found[at] for at, near in enumerate(dense) if near == max(dense))
    assert all(0.0 < score <= 1.0 for score in found)


@patient
@given(scores)
def test_two_equal_rankings_keep_their_order(dense: list[float]) -> None:
    found = fused(dense, dense)
    better = [one > other for one in dense for other in dense]

    assert better == [one > other for one in found for other in found]


def test_words_decide_who_comes_second() -> None:
    first, second, third, fourth = fused([0.9, 0.6, 0.5, 0.4], [1.0, 0.0, 0.0, 9.0])

    assert first > second
    assert fourth > third


def test_rankings_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        fused([0.5], [0.5, 0.4])
