"""Keeping the books: labels go to the strategies that were shown, each once."""

from __future__ import annotations

import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from langchain_intercascade._steps import arun, run
from langchain_intercascade.errors import RepositoryError
from langchain_intercascade.label import Label, Owned, label_of, lot
from langchain_intercascade.learning.books import OPEN, Books
from langchain_intercascade.record import RetrievedStrategy, amended, new_record
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.ledger import standing
from langchain_intercascade.strategy import Strategy, Tally
from tests.cascades import FlakyRepository
from tests.conftest import Colour
from tests.unit_tests.learning.classroom import (
    ADD,
    TENANT,
    ask,
    memory,
    pears,
    school,
    stored,
    strategy,
    trusting,
)

WEAK = "weak-model"


def label(*shown: Strategy, tenant: str = TENANT, **fields: Any) -> Label:
    """What was found out about an answer that was made with `shown`."""
    owned = tuple(Owned(each.tenant, each.id) for each in shown)
    given: dict[str, Any] = {"run_id": "r", "weak_model": WEAK, "regime": "augmented"}
    return Label(tenant=tenant, shown=owned, **(given | fields))


def again(repository: StrategyRepository, old: Strategy) -> Strategy:
    """What is stored of it now."""
    found = repository.get(old.id, tenant=old.tenant)
    assert found
    return found


def known(repository: StrategyRepository, old: Strategy) -> Tally:
    """What is known of it now."""
    return again(repository, old).ledger.get(WEAK, Tally())


def three(repository: StrategyRepository, **fields: Any) -> list[Strategy]:
    """Three strategies in a repository."""
    made = [strategy(pears(2, 3, who=who), **fields) for who in range(3)]
    for each in made:
        repository.put(each)
    return made


def test_of_several_the_first_gets_full_credit() -> None:
    """The second half of it, the third a third."""
    repository = memory()
    made = three(repository)
    run(Books(repository, weak_model=WEAK).noting(label(*made, correct=True, without=False)))

    found = [known(repository, each) for each in made]
    assert [each.right_with for each in found] == pytest.approx([1, 1 / 2, 1 / 3])
    assert [each.wrong_without for each in found] == pytest.approx([1, 1 / 2, 1 / 3])
    assert [(each.wrong_with, each.right_without, each.labels) for each in found] == [(0, 0, 1)] * 3


def test_a_label_stands_for_those_that_were_not_drawn() -> None:
    """One over the probability."""
    repository = memory()
    (one, *_) = three(repository)
    run(Books(repository, weak_model=WEAK).noting(label(one, correct=False, probability=0.25)))

    assert known(repository, one).wrong_with == pytest.approx(4)


def test_what_cannot_be_told_is_not_counted() -> None:
    """No write at all."""
    repository = memory()
    (one, *_) = three(repository)
    run(Books(repository, weak_model=WEAK).noting(label(one, correct=None)))

    assert again(repository, one).version == one.version


def test_a_strategy_that_was_forgotten_meanwhile_is_passed_over() -> None:
    """The others are counted."""
    repository = memory()
    gone, left, _ = three(repository)
    repository.remove(gone.id, tenant=TENANT)
    changed = run(Books(repository, weak_model=WEAK).noting(label(gone, left, correct=True)))

    assert [each.id for each in changed] == [left.id]


def test_eight_threads_keep_exact_books() -> None:
    """No label is lost and none is counted twice, in whatever order they come."""
    repository = memory()
    (one, *_) = three(repository)
    books = Books(repository, weak_model=WEAK)
    # Mostly right, so that the strategy is not suspended on the way.
    labels = [label(one, correct=at % 4 > 0, without=at % 2 > 0) for at in range(48)]
    random.Random(1).shuffle(labels)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda each: run(books.noting(each)), labels))

    found = known(repository, one)
    assert (found.right_with, found.wrong_with, found.labels) == (36, 12, 48)
    assert (found.right_without, found.wrong_without) == (24, 24)


def test_a_query_goes_to_no_strategy_of_another_tenant() -> None:
    """A shared strategy is read by others: it must not quote anybody."""
    repository = memory()
    (one, *_) = three(repository, tenant="pool")
    (own, *_) = three(repository)
    spoilt = label(one, own, correct=False, without=True, query="MY QUERY")
    run(Books(repository, weak_model=WEAK).noting(spoilt))

    assert "MY QUERY" not in str(again(repository, one).payload())
    assert again(repository, own).misled == ("MY QUERY",)


# Uses.


def test_uses_cost_no_write_of_their_own(colour: Colour) -> None:
    """They are written along with the next label."""
    repository = memory()
    (one, *_) = three(repository)
    books = Books(repository, weak_model=WEAK)
    for _ in range(3):
        books.use((Owned(TENANT, one.id),), new_record(run_id="r", tenant=TENANT, encoder="e"))
    before = known(repository, one)
    told = label(one, correct=True)
    colour.run(lambda: run(books.noting(told)), lambda: arun(books.noting(told)))

    assert (before.uses, known(repository, one).uses) == (0, 3)
    assert run(books.settling()) == 0


def test_uses_that_wait_take_no_room(colour: Colour) -> None:
    """A cascade that accepts everything may wait for months until it is closed."""
    repository = memory()
    (one, *_) = three(repository)
    books = Books(repository, weak_model=WEAK)
    record = new_record(run_id="r", tenant=TENANT, encoder="e")
    books.use((Owned(TENANT, one.id),), record)
    tracemalloc.start()
    for _ in range(999):
        books.use((Owned(TENANT, one.id),), record)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    colour.run(lambda: run(books.settling()), lambda: arun(books.settling()))

    assert held < 4096
    assert known(repository, one).uses == 1000


def test_uses_are_written_on_close() -> None:
    """A cascade that accepts everything has no labels to write them along with."""
    repository = memory()
    repository.put(strategy())
    with trusting(repository=repository) as cascade:
        for first in range(3):
            ask(cascade, pears(first, 5))
        found = stored(cascade)[0]
        assert WEAK not in found.ledger
    assert known(repository, found).uses == 3


def test_saved_dollars_are_the_share_that_the_strategy_has_turned() -> None:
    """Nothing is claimed for a strategy that nothing is known of."""
    repository = memory()
    (one, other, _) = three(repository)
    books = Books(repository, weak_model=WEAK)
    for at in range(10):
        run(books.noting(label(one, correct=True, without=False, run_id=str(at))))
    record = amended(
        new_record(run_id="r", tenant=TENANT, encoder="e"), cost=0.25, always_strong_cost=1.25
    )
    books.use((Owned(TENANT, one.id), Owned(TENANT, other.id)), record)
    run(books.settling())

    assert 0.5 < known(repository, one).saved < 1.0
    assert known(repository, other).saved == 0.0


def test_unknown_prices_save_nothing() -> None:
    """And are no error."""
    repository = memory()
    (one, *_) = three(repository)
    books = Books(repository, weak_model=WEAK)
    books.use((Owned(TENANT, one.id),), new_record(run_id="r", tenant=TENANT, encoder="e"))
    run(books.settling())

    assert (known(repository, one).uses, known(repository, one).saved) == (1, 0.0)


def test_uses_survive_a_repository_that_fails() -> None:
    """They wait for the next label."""
    with FlakyRepository() as repository:
        (one, *_) = three(repository)
        books = Books(repository, weak_model=WEAK)
        books.use((Owned(TENANT, one.id),), new_record(run_id="r", tenant=TENANT, encoder="e"))
        repository.failing.add("put")
        with pytest.raises(RepositoryError):
            run(books.noting(label(one, correct=True)))
        repository.failing.clear()
        run(books.noting(label(one, correct=True)))

        assert (known(repository, one).uses, known(repository, one).right_with) == (1, 1)


# Labels.


def test_a_label_says_whose_strategies_were_shown() -> None:
    """Those of the shared pool belong to another tenant."""
    notes = [
        RetrievedStrategy(id="own", similarity=0.9),
        RetrievedStrategy(id="common", similarity=0.8, shared=True),
    ]
    record = amended(new_record(run_id="r", tenant="acme", encoder="e"), strategies=notes)
    made = label_of(record, weak_model=WEAK, shared="pool", correct=True, source="audit")

    assert made.shown == (Owned("acme", "own"), Owned("pool", "common"))


@pytest.mark.parametrize(
    ("route", "degraded", "accepted"),
    [("weak", False, True), ("weak", True, False), ("strong", False, False)],
)
def test_only_what_the_gate_let_pass_counts_as_accepted(
    route: str,
    degraded: bool,  # noqa: FBT001 - a parameter of the test
    accepted: bool,  # noqa: FBT001 - likewise
) -> None:
    """A weak answer that was served for want of a strong one does not."""
    fresh = new_record(run_id="r", tenant="acme", encoder="e")
    record = amended(fresh, route=route, degraded=degraded)
    made = label_of(record, weak_model=WEAK, shared=None, correct=None, source="feedback")

    assert made.accepted is accepted


def test_lots_are_fair() -> None:
    """A tenth is drawn about a tenth of the time, and by the run alone."""
    drawn = [lot(f"run {at}", "audit") for at in range(4000)]

    assert drawn == [lot(f"run {at}", "audit") for at in range(4000)]
    assert 0.07 < sum(each < 0.1 for each in drawn) / 4000 < 0.13


def test_the_label_of_a_deferral_reaches_the_strategy(colour: Colour) -> None:
    """All of it together, through the cascade."""
    repository = memory()
    repository.put(strategy(advice=ADD))
    with school(repository=repository) as cascade:
        colour.invoke(cascade, pears(4, 5, who=2))

        assert known(repository, stored(cascade)[0]).right_with == 1


# One label in the place of another.


def test_a_later_label_of_a_run_takes_the_place_of_the_earlier(colour: Colour) -> None:
    """Of every strategy that was shown; other runs stay, and so does what was used."""
    repository = memory()
    made = three(repository)
    books = Books(repository, weak_model=WEAK)
    run(books.noting(label(*made, correct=True)))
    one = label(*made, correct=False, without=True, probability=0.2, accepted=True, query="misled")
    other = label(*made, correct=True, probability=0.2, accepted=True, query="misled")
    run(books.noting(one))
    misled = [again(repository, each).misled for each in made]
    colour.run(
        lambda: run(books.noting(other, instead_of=one)),
        lambda: arun(books.noting(other, instead_of=one)),
    )

    assert misled == [("misled",)] * 3
    for rank, each in enumerate(made, start=1):
        found = known(repository, each)
        assert again(repository, each).misled == ()
        assert (found.wrong_with, found.right_without, found.labels) == (0, 0, 2)
        assert found.right_with == pytest.approx(6 / rank)
        assert found.squared_with == pytest.approx(26 / rank)
        assert found.accepted == 5


def test_a_label_that_says_nothing_any_more_leaves_nothing() -> None:
    """The earlier one is taken out all the same."""
    repository = memory()
    (one, *_) = three(repository)
    books = Books(repository, weak_model=WEAK)
    run(books.noting(label(one, correct=False)))
    run(books.noting(label(one, correct=None), instead_of=label(one, correct=False)))

    assert known(repository, one) == Tally()


# What is open.


def accepted(books: Books, one: Strategy, times: int) -> None:
    """Use a strategy so many times."""
    record = new_record(run_id="r", tenant=TENANT, encoder="e")
    for _ in range(times):
        books.use((Owned(one.tenant, one.id),), record)


def test_the_worth_of_a_strategy_is_open_for_so_many_uses() -> None:
    """Whether they are written down or not; each strategy has its own."""
    repository = memory()
    one, two, _ = three(repository)
    books = Books(repository, weak_model=WEAK)
    accepted(books, one, OPEN - 1)
    run(books.settling())
    accepted(books, one, 1)
    last = books.is_open(Owned(TENANT, one.id))
    accepted(books, one, 1)

    assert last
    assert not books.is_open(Owned(TENANT, one.id))
    assert books.is_open(Owned(TENANT, two.id))


def test_it_is_open_for_as_long_as_it_takes_to_find_out() -> None:
    """Even of a strategy that mends a quarter of the answers and spoils as many."""
    labels = OPEN * 4 // 5
    mended = spoilt = labels / 4
    half = labels / 2
    found = Tally(
        right_with=half,
        wrong_with=half,
        right_without=half,
        wrong_without=half,
        squared_with=labels,
        squared_without=labels,
        mended=mended,
        spoilt=spoilt,
        alike=half,
        labels=labels,
    )

    assert standing(found) == "useless"


def test_what_is_proven_is_open_no_longer(colour: Colour) -> None:
    """What helps needs no closer look after a few labels; what does nothing, does."""
    repository = memory()
    good, doubtful, _ = three(repository)
    books = Books(repository, weak_model=WEAK)
    before = books.is_open(Owned(TENANT, good.id))

    def note(told: Label) -> None:
        colour.run(lambda: run(books.noting(told)), lambda: arun(books.noting(told)))

    for at in range(5):
        note(label(good, run_id=f"helped {at}", correct=True, without=False))
        note(label(doubtful, run_id=f"same {at}", correct=True, without=True))

    assert before
    assert not books.is_open(Owned(TENANT, good.id))
    assert books.is_open(Owned(TENANT, doubtful.id))


def test_what_others_have_found_out_is_open_until_the_first_label() -> None:
    """Another process cannot know before, and then it does."""
    repository = memory()
    (one, *_) = three(repository, ledger={WEAK: Tally(uses=OPEN + 1)})
    books = Books(repository, weak_model=WEAK)
    before = books.is_open(Owned(TENANT, one.id))
    run(books.noting(label(one, correct=True)))

    assert before
    assert not books.is_open(Owned(TENANT, one.id))
