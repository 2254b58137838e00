"""A threshold shared through the repository: the same log gives the same threshold everywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from langchain_intercascade import EdgeRepository
from langchain_intercascade._steps import Steps, arun, run
from langchain_intercascade.errors import RepositoryCorruptError, RepositoryError
from langchain_intercascade.label import Label
from langchain_intercascade.learning.label_log import CHUNK, Entry, LabelLog
from langchain_intercascade.learning.promise import PATIENCE, Promise
from langchain_intercascade.testing import Reply
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.self_calibrating import SelfCalibrating
from tests.cascades import SURE, cascade_of, weak_model
from tests.conftest import Colour

TENANT = "default"
ENOUGH = 100
"""So many right answers of one confidence certify it."""


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Troubled(EdgeRepository):
    """A repository whose documents cannot be read or written while it is out of order."""

    broken = False
    lost_replies = 0
    meanwhile: Callable[[], None] | None = None
    """Done once, after a document was read and before the reader gets it."""

    def reading_note(self, name: str, *, tenant: str) -> Steps[Any]:
        if self.broken:
            msg = "out of order"
            raise RepositoryError(msg)
        note = yield from super().reading_note(name, tenant=tenant)
        if (doing := self.meanwhile) is not None:
            self.meanwhile = None
            doing()
        return note

    def writing_note(self, name: str, data: Any, *, tenant: str, after: Any) -> Steps[bool]:
        written = yield from super().writing_note(name, data, tenant=tenant, after=after)
        if self.lost_replies:
            self.lost_replies -= 1
            msg = "the line went dead"
            raise RepositoryError(msg)
        return written


@pytest.fixture
def repository() -> Iterator[Troubled]:
    """A repository with troubles of its own."""
    with Troubled() as made:
        yield made


def promise(repository: EdgeRepository, clock: Callable[[], float] | None = None) -> Promise:
    """Return what one process makes of the log in `repository`."""
    return Promise(
        lambda: SelfCalibrating(0.2, audit_rate=0.1),
        repository,
        tenant=TENANT,
        weak_model="weak",
        clock=clock or Clock(),
    )


def label(run_id: str, **options: Any) -> Label:
    """Return a label of a plain, right deferral unless told otherwise."""
    told = {"regime": "plain", "confidence": 0.9, "correct": True, **options}
    return Label(run_id=run_id, tenant=TENANT, weak_model="weak", **told)


def told(one: Promise, runs: range, **options: Any) -> None:
    """Let `one` observe labels and write them down."""
    for number in runs:
        one.observe(label(f"run {number}", **options))
    run(one.syncing())


def state(one: Promise) -> dict[str, Any]:
    """Return all that the threshold of `one` remembers."""
    return one.calibrating.state()


def test_labels_certify_a_cut(repository: Troubled, colour: Colour) -> None:
    one = promise(repository)
    for number in range(ENOUGH):
        one.observe(label(str(number)))
    before = one.cut("plain").value

    colour.run(lambda: run(one.syncing()), lambda: arun(one.syncing()))

    assert (ALWAYS_DEFER, 0.9) == (before, one.cut("plain").value)


def test_two_processes_find_the_same_threshold(repository: Troubled) -> None:
    """Although neither has seen enough, and they take turns."""
    one, other = promise(repository), promise(repository)
    for start in range(0, ENOUGH, 20):
        told(one, range(start, start + 10), confidence=0.9)
        told(other, range(start + 10, start + 20), confidence=0.8)
    run(one.syncing())
    run(other.syncing())

    assert 0.8 == one.cut("plain").value == other.cut("plain").value
    assert state(one) == state(other)


def test_a_restart_goes_on_where_it_ended(repository: Troubled) -> None:
    """Also beyond the first document of the log."""
    one = promise(repository)
    told(one, range(2 * CHUNK + 30))

    restarted = promise(repository)
    run(restarted.preparing())

    assert state(one) == state(restarted)
    assert one.since()
    assert one.words() == restarted.words()


def test_tenants_and_models_have_logs_of_their_own(repository: Troubled) -> None:
    told(promise(repository), range(ENOUGH))
    same_tenant = Promise(
        lambda: SelfCalibrating(0.2), repository, tenant=TENANT, weak_model="another"
    )
    same_model = Promise(
        lambda: SelfCalibrating(0.2), repository, tenant="other", weak_model="weak"
    )
    for each in (same_tenant, same_model):
        run(each.preparing())

        assert ALWAYS_DEFER == each.cut("plain").value
        assert "No label yet." == each.words()[-1]


def test_feedback_overrules_the_label_of_its_run(repository: Troubled) -> None:
    """Whichever comes first, and however the reading is divided."""
    one = promise(repository)
    told(one, range(ENOUGH))
    served = one.cut("plain").value
    for number in range(0, ENOUGH, 2):
        one.observe(label(f"run {number}", source="feedback", correct=False))
    run(one.syncing())
    before = one.cut("plain").value

    other = promise(repository)
    run(other.syncing())

    assert (0.9, ALWAYS_DEFER) == (served, before)
    assert state(one) == state(other)


def test_feedback_may_come_before_the_label(repository: Troubled) -> None:
    one, other = promise(repository), promise(repository)
    for number in range(ENOUGH):
        one.observe(label(f"run {number}", source="feedback", correct=True))
    run(one.syncing())
    run(other.syncing())
    told(one, range(ENOUGH), correct=False)
    run(other.syncing())

    fresh = promise(repository)
    run(fresh.syncing())

    assert 0.9 == one.cut("plain").value
    assert state(one) == state(other) == state(fresh)


def test_feedback_on_what_was_never_labelled_says_nothing(repository: Troubled) -> None:
    """Nobody knows who speaks up."""
    one = promise(repository)
    told(one, range(2 * ENOUGH), source="feedback")

    assert state(promise(repository)) == state(one)


def test_recertification_reaches_every_process(repository: Troubled, colour: Colour) -> None:
    one, other = promise(repository), promise(repository)
    told(one, range(ENOUGH))
    run(other.syncing())
    served = other.cut("plain").value

    colour.run(
        lambda: run(one.recertifying("another prompt")),
        lambda: arun(one.recertifying("another prompt")),
    )
    here = one.cut("plain")
    run(other.syncing())

    assert (0.9, ALWAYS_DEFER) == (served, here.value)
    assert "cold start since another prompt" in here.origin
    assert state(one) == state(other)


@pytest.mark.parametrize("role", ["weak", "strong"])
def test_a_model_that_answers_under_another_name_starts_it_anew(
    repository: Troubled, role: str
) -> None:
    """At the first label; and no answer without a name does."""
    one = promise(repository)
    told(one, range(ENOUGH), **{f"{role}_name": "gpt-0314"})
    told(one, range(ENOUGH, ENOUGH + 5))
    unnamed = one.cut("plain").value

    told(one, range(200, 201), **{f"{role}_name": "gpt-0613"})
    told(one, range(201, 202), **{f"{role}_name": "gpt-0613"})

    cut = one.cut("plain")
    assert (0.9, ALWAYS_DEFER) == (unnamed, cut.value)
    assert f"since the {role} model was gpt-0314 and is now gpt-0613: 2 labels" in cut.origin


def test_others_are_looked_at_from_time_to_time(repository: Troubled) -> None:
    clock = Clock()
    one, other = promise(repository), promise(repository, clock)
    run(other.preparing())
    told(one, range(ENOUGH))

    run(other.preparing())
    soon = other.cut("plain").value
    clock.now = PATIENCE
    run(other.preparing())

    assert (ALWAYS_DEFER, 0.9) == (soon, other.cut("plain").value)


def test_a_repository_out_of_order_costs_no_label(
    repository: Troubled, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be written down now is written down later; what is served stays."""
    clock = Clock()
    one = promise(repository, clock)
    told(one, range(ENOUGH))
    repository.broken = True
    one.observe(label("later", confidence=0.1))
    with pytest.raises(RepositoryError, match="out of order"):
        run(one.syncing())
    with caplog.at_level(logging.WARNING):
        run(one.preparing())
    during = one.cut("plain").value

    repository.broken = False
    run(one.syncing())

    assert 0.9 == during
    assert "cannot be read" in caplog.text
    assert "later" == _entries(repository)[-1].run_id
    assert ENOUGH + 1 == len(_entries(repository))


def test_a_label_written_twice_counts_once(repository: Troubled) -> None:
    """It is written again when nobody confirmed that it had been."""
    one = promise(repository)
    repository.lost_replies = 1
    one.observe(label("run 0"))
    with pytest.raises(RepositoryError, match="went dead"):
        run(one.syncing())
    told(one, range(1, 50))

    written = [entry.run_id for entry in _entries(repository)]
    assert ["run 0", "run 0"] == written[:2]
    assert "50 labels" in one.cut("plain").origin


def test_an_audit_rarer_than_agreed_is_passed_over(repository: Troubled) -> None:
    """A process with other settings writes to the same log; the entries after it are read."""
    one = promise(repository)
    one.observe(label("odd", source="audit", accepted=True, probability=0.01))
    told(one, range(ENOUGH))

    assert 0.9 == one.cut("plain").value


def test_many_threads_lose_nothing_and_keep_the_order(repository: Troubled) -> None:
    one = promise(repository)

    def work(thread: int) -> None:
        for number in range(12):
            one.observe(label(f"{thread}/{number}", confidence=(thread * 12 + number) / 100))
            run(one.syncing())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    fresh = promise(repository)
    run(fresh.syncing())

    assert "96 labels" in one.cut("plain").origin
    assert state(one) == state(fresh)


@pytest.mark.parametrize("more", [5, CHUNK // 2])
def test_a_reader_that_is_overtaken_hands_nothing_over_twice(
    repository: Troubled, more: int
) -> None:
    """Another thread reads on while this one holds an older state, in this document or before."""
    log = LabelLog(repository, tenant=TENANT, weak_model="weak")
    taken: list[Entry] = []
    written = [Entry(run_id=str(number)) for number in range(60 + more)]
    run(log.appending(written[:60]))

    def overtake() -> None:
        run(log.appending(written[60:]))
        run(log.reading(taken.extend))

    repository.meanwhile = overtake
    run(log.reading(taken.extend))
    run(log.reading(taken.extend))

    assert written == taken


def test_a_log_that_is_none_is_refused(repository: Troubled) -> None:
    run(
        repository.writing_note(
            "labels:weak:0", {"entries": [{"kind": "poem"}]}, tenant=TENANT, after=None
        )
    )

    with pytest.raises(RepositoryCorruptError, match="log of labels"):
        run(promise(repository).syncing())


def _entries(repository: EdgeRepository) -> list[Entry]:
    found: list[Entry] = []
    run(LabelLog(repository, tenant=TENANT, weak_model="weak").reading(found.extend))
    return found


def test_a_cascade_learns_its_threshold_and_a_second_one_takes_it_over(
    repository: Troubled, colour: Colour
) -> None:
    """From deferrals to accepted answers, and at once in a cascade that starts later."""

    def built() -> Any:
        return cascade_of(
            weak_model(Reply("They have five pears.", logprob=SURE)),
            threshold=None,
            target_risk=0.2,
            repository=repository,
            k=0,
            admission=lambda _: False,
        )

    def route(cascade: Any) -> str:
        answer = colour.invoke(cascade, "How many pears do they have?")
        return str(answer.response_metadata["inter_cascade"]["route"])

    with built() as cascade:
        routes = [route(cascade) for _ in range(ENOUGH + 1)]
    with built() as another:
        repository.broken = True
        out_of_order = route(another)
        repository.broken = False
    with built() as third:
        later = route(third)

    assert ["strong"] * ENOUGH + ["weak"] == routes
    assert ("strong", "weak") == (out_of_order, later)
