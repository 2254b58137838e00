"""A threshold shared through the repository: the same log gives the same threshold everywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from langchain_intercascade import EdgeRepository
from langchain_intercascade._steps import Steps, arun, run
from langchain_intercascade.assembly import build_parts
from langchain_intercascade.errors import (
    ConfigurationError,
    RepositoryCorruptError,
    RepositoryError,
)
from langchain_intercascade.label import Label
from langchain_intercascade.learning import label_log
from langchain_intercascade.learning.label_log import CHUNK, Entry, LabelLog
from langchain_intercascade.learning.pledge import Pledge, giving, reading_pledges
from langchain_intercascade.learning.promise import PATIENCE, Promise
from langchain_intercascade.testing import Reply
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from tests.cascades import SURE, UNSURE, Host, cascade_of, strong_model, weak_model
from tests.conftest import Colour

TENANT = "default"
PLEDGE = Pledge(weak_model="weak", target_risk=0.2, audit_rate=0.1, prompts="2")
LOG = f"weak:{PLEDGE.digest}"
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
    read_only = False
    outdone = False
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
        if self.read_only:
            msg = "read only"
            raise RepositoryError(msg)
        if self.outdone:
            return False
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


def promise(
    repository: EdgeRepository, clock: Callable[[], float] | None = None, **pledged: Any
) -> Promise:
    """Return what one process makes of the log in `repository`."""
    pledge = PLEDGE.model_copy(update=pledged)
    return Promise(pledge, repository, tenant=TENANT, clock=clock or Clock())


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


def test_where_nothing_can_be_written_what_is_known_is_served(repository: Troubled) -> None:
    told(promise(repository), range(ENOUGH))
    repository.read_only = True
    reader = promise(repository)
    run(reader.preparing())

    assert 0.9 == reader.cut("plain").value


def test_tenants_and_models_have_logs_of_their_own(repository: Troubled) -> None:
    told(promise(repository), range(ENOUGH))
    same_tenant = promise(repository, weak_model="another")
    same_model = Promise(PLEDGE, repository, tenant="other")
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


def meet(colour: Colour, one: Promise, role: Any, name: str) -> None:
    """Let a model answer under a name, in one colour."""
    colour.run(lambda: run(one.meeting(role, name)), lambda: arun(one.meeting(role, name)))


@pytest.mark.parametrize("role", ["weak", "strong"])
def test_a_name_that_is_met_ends_the_promise_before_any_label(
    repository: Troubled, colour: Colour, role: Any
) -> None:
    """In the process that met it at once, in others when they read on; and it is told why."""
    one, other = promise(repository), promise(repository)
    told(one, range(ENOUGH), **{f"{role}_name": "gpt-0314"})
    run(other.syncing())
    for name in ("gpt-0314", ""):
        meet(colour, one, role, name)
    as_before = one.cut("plain").value

    meet(colour, one, role, "gpt-0613")
    cut = one.cut("plain")
    run(other.syncing())

    assert (0.9, ALWAYS_DEFER) == (as_before, cut.value)
    assert f"cold start since the {role} model was gpt-0314 and is now gpt-0613" in cut.origin
    assert state(one) == state(other)


def test_a_name_that_cannot_be_written_down_ends_the_promise_all_the_same(
    repository: Troubled, caplog: pytest.LogCaptureFixture
) -> None:
    """It is written down once, when that is possible again; then certification goes on."""
    one = promise(repository)
    told(one, range(ENOUGH), weak_name="gpt-0314")
    repository.broken = True
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            run(one.meeting("weak", "gpt-0613"))
    during, words = one.cut("plain"), one.words()
    with pytest.raises(RepositoryError):
        run(one.syncing())
    still = one.cut("plain").value

    repository.broken = False
    told(one, range(200, 200 + ENOUGH), weak_name="gpt-0613")

    assert (ALWAYS_DEFER, ALWAYS_DEFER) == (during.value, still)
    assert "gpt-0613; this is being written down" in during.origin
    assert words[0].startswith("Everything is deferred: the weak model was gpt-0314")
    assert 1 == caplog.text.count("Another model answers")
    assert 1 == sum(entry.kind == "met" for entry in _entries(repository))
    assert 0.9 == one.cut("plain").value


def test_a_recertification_that_cannot_be_written_down_counts_at_once(
    repository: Troubled,
) -> None:
    one = promise(repository)
    told(one, range(ENOUGH))
    repository.broken = True
    with pytest.raises(RepositoryError):
        run(one.recertifying("another prompt"))

    assert ALWAYS_DEFER == one.cut("plain").value


def test_labels_under_a_former_name_are_late_and_say_nothing(repository: Troubled) -> None:
    """They were on their way when the other model was met, and start nothing anew."""
    one = promise(repository)
    told(one, range(ENOUGH), weak_name="gpt-0314")
    run(one.meeting("weak", "gpt-0613"))
    told(one, range(200, 210), weak_name="gpt-0613")
    told(one, range(300, 305), weak_name="gpt-0314")
    late = one.cut("plain").origin

    run(one.meeting("weak", "gpt-0314"))
    told(one, range(400, 405), weak_name="gpt-0314")

    assert "gpt-0613: 10 labels" in late
    assert "the weak model was gpt-0613 and is now gpt-0314: 5 labels" in one.cut("plain").origin


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"prompts": "3"}, "prompts was '2' and is now '3'"),
        ({"strong_model": "large"}, "strong model was '' and is now 'large'"),
        ({"confidence": "verbalized"}, "confidence was '' and is now 'verbalized'"),
        ({"target_risk": 0.1}, "target risk was 0.2 and is now 0.1"),
        ({"on_abstain": "skip"}, "on abstain was 'wrong' and is now 'skip'"),
    ],
)
def test_another_pledge_starts_anew_and_says_why(
    repository: Troubled, other: dict[str, Any], why: str
) -> None:
    """What was found out for another one is no evidence, and stays for whoever still keeps it."""
    one = promise(repository)
    run(one.preparing())
    told(one, range(ENOUGH))
    after, again = promise(repository, **other), promise(repository)
    run(after.preparing())
    run(again.preparing())

    assert ALWAYS_DEFER == after.cut("plain").value
    assert f"cold start since {why}: 0 labels" in after.cut("plain").origin
    assert 0.9 == again.cut("plain").value


def test_pledges_are_listed_with_the_last_in_use_at_the_end(repository: Troubled) -> None:
    """One line for each, whoever gives it and however often; other weak models have their own."""
    first, second = PLEDGE, PLEDGE.model_copy(update={"prompts": "3"})
    apart = PLEDGE.model_copy(update={"weak_model": "another"})
    before = [
        run(giving(repository, each, tenant=TENANT))
        for each in (first, first, apart, second, first, first)
    ]
    listed = run(reading_pledges(repository, tenant=TENANT))

    assert [None, None, None, first, second, None] == before
    assert [apart, second, first] == [each.pledge for each in listed]
    assert listed[2].since < listed[0].since
    assert [] == run(reading_pledges(repository, tenant="other"))


def test_a_pledge_that_others_always_outdo_says_what_to_do(repository: Troubled) -> None:
    repository.outdone = True

    with pytest.raises(RepositoryError, match=r"about weak .*20 others.*let fewer processes start"):
        run(giving(repository, PLEDGE, tenant=TENANT))


def test_labels_that_others_always_outdo_are_kept(
    repository: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what to do is said, beside how many there are."""
    monkeypatch.setattr(label_log, "_TRIES", 2)  # of fifty
    repository.outdone = True
    one = promise(repository)
    one.observe(label("run 0"))
    with pytest.raises(
        RepositoryError, match=r"^1 label could not.*kept.*let fewer processes learn"
    ):
        run(one.syncing())

    repository.outdone = False
    run(one.syncing())

    assert ["run 0"] == [entry.run_id for entry in _entries(repository)]


def test_a_list_of_pledges_that_is_none_is_refused(repository: Troubled) -> None:
    run(repository.writing_note("pledges", {"pledges": 3}, tenant=TENANT, after=None))

    with pytest.raises(
        RepositoryCorruptError, match=r"list of pledges.*Upgrade the package, restore"
    ):
        run(reading_pledges(repository, tenant=TENANT))


def test_a_restart_does_not_change_when_it_was_certified(repository: Troubled) -> None:
    one = promise(repository)
    day = "2026-01-02T03:04:05+00:00"
    waiting = [
        Entry(run_id=str(number), confidence=0.9, correct=True, at=day) for number in range(ENOUGH)
    ]
    run(LabelLog(repository, tenant=TENANT, weak_model=LOG).appending(waiting))
    run(one.syncing())

    assert "on 100 labels, 2026-01-02" in one.cut("plain").origin
    assert f"The first label is of {day}." == one.words()[-1]


def test_others_are_looked_at_from_time_to_time(repository: Troubled) -> None:
    clock = Clock()
    one, other = promise(repository), promise(repository, clock)
    run(other.preparing())
    assert 1 == len(run(reading_pledges(repository, tenant=TENANT)))
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
    assert "out of reach" in caplog.text
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
    log = LabelLog(repository, tenant=TENANT, weak_model=LOG)
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
            f"labels:{LOG}:0", {"entries": [{"kind": "poem"}]}, tenant=TENANT, after=None
        )
    )

    with pytest.raises(
        RepositoryCorruptError, match=r"log of labels .*:0.*Upgrade the package, restore"
    ):
        run(promise(repository).syncing())


def _entries(repository: EdgeRepository) -> list[Entry]:
    found: list[Entry] = []
    run(LabelLog(repository, tenant=TENANT, weak_model=LOG).reading(found.extend))
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


ANSWER = "They have five pears."
QUESTION = "How many pears do they have?"


def gated(weak: Any, repository: EdgeRepository, **options: Any) -> Any:
    """A cascade that finds its threshold by itself."""
    told: dict[str, Any] = {"threshold": None, "target_risk": 0.2, "k": 0}
    told |= {"admission": lambda _: False, "repository": repository, **options}
    return cascade_of(weak, **told)


def certified(repository: EdgeRepository, weak: Any, n: int = ENOUGH, **options: Any) -> Any:
    """The same when others have found out enough; they heard `small-1` and `large-1`."""
    with gated(weak_model(Reply(ANSWER)), repository, **options) as first:
        first.invoke(QUESTION, learning="off")
    (listed,) = run(reading_pledges(repository, tenant=TENANT))
    others = Promise(listed.pledge, repository, tenant=TENANT)
    told(others, range(n), weak_name="small-1", strong_name="large-1")
    return gated(weak, repository, **options)


def sure(model: str = "small-1") -> Reply:
    """A weak answer that is right, and sure of it."""
    return Reply(ANSWER, logprob=SURE, response_metadata={"model_name": model})


@pytest.mark.parametrize("learning", ["inline", "background"])
def test_no_answer_of_a_weak_model_under_another_name_is_accepted(
    repository: Troubled, host: Host, learning: str
) -> None:
    """Not even the first: the gate sees the name before it opens."""
    weak, strong = weak_model(sure(), sure("small-2")), strong_model(sure("large-1"))
    with certified(repository, weak, strong=strong, learning=learning) as cascade:
        before, *after = [host.ask(cascade, QUESTION)[1] for _ in range(3)]

    assert ["weak", "strong", "strong"] == [each["route"] for each in (before, *after)]
    why = "the weak model was small-1 and is now small-2"
    assert all(why in str(each["threshold_origin"]) for each in after)


def test_a_strong_model_under_another_name_ends_the_promise_before_the_next_query(
    repository: Troubled, host: Host
) -> None:
    """As soon as it has answered, though nobody learns from the answer."""
    strong = strong_model(sure("large-2"))
    with certified(repository, weak_model(sure()), strong=strong) as cascade:
        first = host.ask(cascade, QUESTION)[1]["route"]
        host.ask(cascade, QUESTION, threshold="always_defer", learning="off")
        after = host.ask(cascade, QUESTION)[1]

    assert ("weak", "strong") == (first, after["route"])
    assert "the strong model was large-1 and is now large-2" in str(after["threshold_origin"])


def test_an_audit_under_another_name_ends_the_promise_before_it_is_judged(
    repository: Troubled,
) -> None:
    """Judging may take long, and what is asked meanwhile must not be accepted."""
    meanwhile: list[str] = []

    def judging(*_: str) -> bool:
        answer = cascade.invoke(QUESTION, learning="off")
        meanwhile.append(answer.response_metadata["inter_cascade"]["route"])
        return True

    options: dict[str, Any] = {"strong": strong_model(sure("large-2")), "audit_rate": 1.0}
    with certified(repository, weak_model(sure()), agreement=judging, **options) as cascade:
        first = cascade.invoke(QUESTION).response_metadata["inter_cascade"]["route"]
        assert cascade.flush(timeout=30)

    assert ("weak", ["strong"]) == (first, meanwhile)


def test_a_cascade_in_the_place_of_the_strong_model_has_no_name_of_its_own(
    repository: Troubled,
) -> None:
    """Now one of its models answers, now the other: that is no reason to start anew."""
    inner = cascade_of(weak_model(sure("middle"), Reply(ANSWER, logprob=UNSURE)))
    options: dict[str, Any] = {"strong": inner, "audit_rate": 1.0}
    routes = []
    with inner, certified(repository, weak_model(sure()), **options) as cascade:
        for told in ({}, {}, {"threshold": ALWAYS_DEFER}, {}):
            answer = cascade.invoke(QUESTION, **told)
            routes.append(answer.response_metadata["inter_cascade"]["route"])
            assert cascade.flush(timeout=30)

    assert ["weak", "weak", "strong", "weak"] == routes


def test_without_strategies_no_delta_is_kept_for_them(repository: Troubled, colour: Colour) -> None:
    """The report also looks up what is promised before the first query."""
    with certified(repository, weak_model(sure())) as never:
        alone = colour.run(never.threshold_report, never.athreshold_report)
    with EdgeRepository() as elsewhere, certified(elsewhere, weak_model(sure()), k=1) as sometimes:
        both = colour.run(sometimes.threshold_report, sometimes.athreshold_report)

    assert "are accepted: self-calibrated: risk <= 0.2 with confidence 0.9 on 100 lab" in alone[0]
    assert "It was certified on 100 labelled answers" in alone[1]
    assert "augmented" not in " ".join(alone)
    assert "with confidence 0.95 on 100 labels" in both[0]
    assert any(each.startswith("Every augmented answer is deferred") for each in both)


@pytest.mark.parametrize(("policy", "route"), [("wrong", "strong"), ("skip", "weak")])
def test_what_nobody_can_judge_counts_as_the_policy_says(
    repository: Troubled, policy: str, route: str
) -> None:
    """Most of what was deferred cannot be judged; 'wrong' keeps the promise for all answers."""
    options: dict[str, Any] = {"on_abstain": policy, "agreement": lambda *_: None}
    with gated(weak_model(sure()), repository, **options) as cascade:
        for _ in range(3):
            cascade.invoke(QUESTION)
    (listed,) = run(reading_pledges(repository, tenant=TENANT))
    others = Promise(listed.pledge, repository, tenant=TENANT)
    told(others, range(47), correct=None)
    told(others, range(100, 100 + ENOUGH))
    with gated(weak_model(sure()), repository, **options) as later:
        words = " ".join(later.threshold_report())
        served = later.invoke(QUESTION).response_metadata["inter_cascade"]["route"]

    assert route == served
    assert (policy == "wrong") == ("50 answers could not be judged and count as wrong" in words)
    assert (policy == "skip") == ("50 answers could not be judged and were left out" in words)


def test_another_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="on_abstain='defer' must be"):
        build_parts(weak_model(), weak_model(), on_abstain="defer")  # type: ignore[arg-type]  # on purpose
