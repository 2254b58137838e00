"""The background learner loses nothing, repeats nothing, and says what it did."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_intercascade import (
    EdgeRepository,
    HashingEmbeddings,
    State,
    Strategy,
    VectorStoreRepository,
)
from langchain_intercascade._steps import Call, Steps, run
from langchain_intercascade.errors import ConfigurationError, RepositoryError
from langchain_intercascade.learning import learner as module
from langchain_intercascade.learning import worker as worker_module
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.learning.leases import claiming, owner_name
from langchain_intercascade.learning.lesson import MAX_ATTEMPTS, Learned, Verdict, set_back
from langchain_intercascade.repository.base import StrategyRepository
from tests.cascades import QUERY
from tests.lessons import TENANT, learned, lesson

ROOT = Path(__file__).parents[3]


@pytest.fixture
def repository() -> Iterator[EdgeRepository]:
    """A temporary repository."""
    with EdgeRepository() as made:
        yield made


class Teacher:
    """Learns lessons by writing them as active; fails, refuses or waits as told."""

    def __init__(self, repository: StrategyRepository) -> None:
        self.repository = repository
        self.seen: list[str] = []
        self.errors: list[Exception] = []
        self.verdict: Verdict = "stored"
        self.refusals = 0
        self.outage = False
        self.cost: float | None = 0.5
        self.gate = threading.Event()
        self.gate.set()

    def learn(self, pending: Strategy) -> Steps[Learned]:
        yield Call(lambda _: self.gate.wait(10), lambda _: _never())
        self.seen.append(pending.id)
        if self.errors:
            raise self.errors.pop()
        done = Learned(self.verdict, learned(pending), self.cost)
        if self.refusals:
            self.refusals -= 1
            done = Learned("set_back", set_back(pending, "refused"), self.cost, self.outage)
        assert (yield from self.repository.swapping(done.strategy, version=pending.version))
        return done


async def _never() -> None:
    msg = "the worker is synchronous"
    raise AssertionError(msg)


def learner_of(teacher: Teacher, **options: Any) -> Learner:
    """A learner that tries again at once."""
    return Learner(teacher.learn, teacher.repository, **({"backoff": 0.0} | options))


def submitted(learner: Learner, repository: StrategyRepository, *queries: str) -> list[bool]:
    """Write lessons down and submit them."""
    taken = []
    for query in queries:
        repository.put(lesson(query))
        taken.append(learner.submit(lesson(query)))
    return taken


def test_lessons_become_strategies(repository: EdgeRepository) -> None:
    """Each once, and the counters and costs add up."""
    teacher = Teacher(repository)
    learner = learner_of(teacher)
    submitted(learner, repository, "one", "two", "three")

    assert learner.flush(timeout=10)
    assert len(teacher.seen) == len(set(teacher.seen)) == 3
    assert repository.count(tenant=TENANT, states=[State.ACTIVE]) == 3
    assert learner.stats().stored == 3
    assert learner.stats().cost == pytest.approx(1.5)
    learner.close()


def test_a_failing_lesson_is_tried_again(repository: EdgeRepository) -> None:
    """A fault of a collaborator is not the end of the lesson."""
    teacher = Teacher(repository)
    teacher.errors = [ConnectionError("down")]
    learner = learner_of(teacher)
    submitted(learner, repository, "one")

    assert learner.flush(timeout=10)
    assert (learner.stats().errors, learner.stats().stored) == (1, 1)
    learner.close()


def test_what_cannot_be_learned_time_and_again_is_not_given_up_on(
    repository: EdgeRepository,
) -> None:
    """After a few tries nobody waits for it any more, but it is tried again by itself."""
    teacher = Teacher(repository)
    teacher.errors = [ConnectionError("down")] * (MAX_ATTEMPTS + 1)
    learner = learner_of(teacher, lease=0.2)
    submitted(learner, repository, "one")
    assert learner.flush(timeout=10)
    tries = learner.stats().errors
    eventually(lambda: learner.stats().stored == 1)

    assert MAX_ATTEMPTS <= tries <= learner.stats().errors == MAX_ATTEMPTS + 1
    learner.close()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what will happen by itself; the test times out if it never does."""
    while not condition():
        time.sleep(0.01)


def test_a_refused_lesson_is_parked_after_a_few_tries(repository: EdgeRepository) -> None:
    """With the reason; it is not tried for ever, and stays readable."""
    teacher = Teacher(repository)
    teacher.refusals = 99
    learner = learner_of(teacher)
    submitted(learner, repository, "one")

    assert learner.flush(timeout=10)
    (parked,) = repository.scan(tenant=TENANT)
    assert len(teacher.seen) == MAX_ATTEMPTS
    assert parked.state is State.PENDING
    assert parked.lesson is not None
    assert parked.lesson.parked
    assert parked.reason == "refused"
    assert learner.stats().parked == 1
    assert learner.recover(TENANT) == 0
    learner.close()


def test_a_full_queue_leaves_lessons_in_the_repository(repository: EdgeRepository) -> None:
    """They are counted, and learned when the queue is empty."""
    teacher = Teacher(repository)
    teacher.gate.clear()
    learner = learner_of(teacher, capacity=2)
    taken = submitted(learner, repository, "one", "two", "three", "four", "five")
    teacher.gate.set()
    assert learner.flush(timeout=10)

    assert taken.count(False) == learner.stats().not_queued > 0
    assert repository.count(tenant=TENANT, states=[State.ACTIVE]) == 5
    assert len(teacher.seen) == 5
    learner.close()


def test_a_queue_without_room_is_refused(repository: EdgeRepository) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        learner_of(Teacher(repository), capacity=0)


@pytest.mark.parametrize("capacity", [1, 3, 1000])
def test_a_backlog_of_any_size_is_recovered(
    repository: EdgeRepository, monkeypatch: pytest.MonkeyPatch, capacity: int
) -> None:
    """Page by page, whatever the queue holds at once; what was given up on stays where it is."""
    monkeypatch.setattr(module, "_PAGE", 4)
    for number in range(23):
        repository.put(lesson(f"query {number}"))
        parked = lesson(f"parked {number}")
        for _ in range(MAX_ATTEMPTS):
            parked = set_back(parked, "refused")
        repository.put(parked)
    teacher = Teacher(repository)
    learner = learner_of(teacher, capacity=capacity)
    teacher.gate.clear()
    queued = learner.recover(TENANT)
    teacher.gate.set()

    # One more than there is room for, if the worker was quick enough to take the first.
    assert min(capacity, 23) <= queued <= min(capacity + 1, 23)
    assert learner.flush(timeout=20)
    assert len(teacher.seen) == 23
    assert repository.count(tenant=TENANT, states=[State.ACTIVE]) == 23
    assert repository.count(tenant=TENANT, states=[State.PENDING]) == 23
    learner.close()


class Unlistable(EdgeRepository):
    """Fails to list, so many times."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def scanning(self, **options: Any) -> Steps[list[Strategy]]:
        self.failures -= 1
        if self.failures >= 0:
            msg = "down"
            raise RepositoryError(msg)
        return (yield from super().scanning(**options))


@pytest.mark.parametrize("failures", [2, 3])
def test_a_look_that_fails_is_tried_again(failures: int) -> None:
    """A few times, and then with the tenant's next lesson."""
    with Unlistable(failures) as repository:
        repository.put(lesson("left"))
        teacher = Teacher(repository)
        learner = learner_of(teacher)
        submitted(learner, repository, "one")
        assert learner.flush(timeout=10)
        found = len(teacher.seen)
        submitted(learner, repository, "two")

        assert learner.flush(timeout=10)
        assert found == (2 if failures == 2 else 1)
        assert len(teacher.seen) == 3
        assert learner.stats().errors == failures
        learner.close()


def test_the_first_lesson_brings_back_what_was_left_pending(repository: EdgeRepository) -> None:
    """An earlier process ended before it had learned everything."""
    for query in ("left one", "left two"):
        repository.put(lesson(query))
    repository.put(lesson("other tenant's", tenant="globex"))
    teacher = Teacher(repository)
    learner = learner_of(teacher)
    submitted(learner, repository, "new")

    assert learner.flush(timeout=10)
    assert repository.count(tenant=TENANT, states=[State.ACTIVE]) == 3
    assert repository.count(tenant="globex", states=[State.PENDING]) == 1
    learner.close()


def test_flush_says_when_it_gave_up(repository: EdgeRepository) -> None:
    """Rather than pretend."""
    teacher = Teacher(repository)
    teacher.gate.clear()
    learner = learner_of(teacher)
    submitted(learner, repository, "one")

    assert learner.flush(timeout=0.05) is False
    teacher.gate.set()
    assert learner.flush(timeout=10)
    learner.close()


def test_closing_keeps_what_was_not_learned(repository: EdgeRepository) -> None:
    """The lesson in progress is finished, the others stay pending; nothing is taken any more."""
    teacher = Teacher(repository)
    teacher.gate.clear()
    learner = learner_of(teacher)
    submitted(learner, repository, "one", "two", "three")
    threading.Timer(0.05, teacher.gate.set).start()
    learner.close(timeout=10)

    assert len(teacher.seen) <= 1
    assert repository.count(tenant=TENANT) == 3
    assert learner.submit(lesson("four")) is False


def test_closing_counts_a_lesson_in_progress_that_fails_after_all(
    repository: EdgeRepository,
) -> None:
    """It has left the queue, and is pending all the same."""
    begun = threading.Event()

    def learn(_: Strategy) -> Steps[Learned]:
        yield from iter_nothing()
        begun.set()
        while learner.do("a note", iter_nothing):  # taken until it is being closed
            time.sleep(0.001)
        msg = "down"
        raise ConnectionError(msg)

    learner = Learner(learn, repository)
    submitted(learner, repository, "one")
    assert begun.wait(10)

    assert learner.close(timeout=10) == 1
    assert repository.count(tenant=TENANT, states=[State.PENDING]) == 1


def test_a_process_that_just_ends_loses_no_lesson(tmp_path: Path) -> None:
    """No flush, no close: it is learned, merged or pending, and nothing is printed."""
    script = textwrap.dedent(
        """
        import sys
        from langchain_intercascade import EdgeRepository, InterCascade
        from tests.cascades import QUERY, strong_model, weak_model
        repository = EdgeRepository(sys.argv[1])
        cascade = InterCascade(weak=weak_model(), strong=strong_model(), repository=repository)
        for i in range(5):
            cascade.invoke(f"{QUERY} {i}")
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT,
    )
    with EdgeRepository(tmp_path / "store") as repository:
        kept = repository.scan(tenant="default")

    assert done.stderr == ""
    assert {f"{QUERY} {i}" for i in range(5)} == {key for each in kept for key in each.keys}
    assert all(each.state in {State.ACTIVE, State.PENDING} for each in kept)


def test_a_lesson_that_was_learned_meanwhile_is_left_alone(repository: EdgeRepository) -> None:
    """Delivered twice, done once."""
    teacher = Teacher(repository)
    learner = learner_of(teacher)
    submitted(learner, repository, "one")
    assert learner.flush(timeout=10)
    learner.submit(lesson("one"))

    assert learner.flush(timeout=10)
    assert len(teacher.seen) == 1
    learner.close()


@pytest.mark.parametrize(
    ("verdict", "counter"),
    [
        ("stored", "stored"),
        ("candidate", "candidates"),
        ("merged", "merged"),
        ("rejected", "rejected"),
    ],
)
def test_what_came_of_a_lesson_is_counted(
    repository: EdgeRepository, verdict: Verdict, counter: str
) -> None:
    """Under its own name, and only there."""
    teacher = Teacher(repository)
    teacher.verdict = verdict
    learner = learner_of(teacher)
    submitted(learner, repository, "one", "two")

    assert learner.flush(timeout=10)
    stats = learner.stats()
    names = ("stored", "candidates", "merged", "rejected", "set_back", "parked", "errors")
    assert {name: getattr(stats, name) for name in names if getattr(stats, name)} == {counter: 2}
    assert stats.cost == pytest.approx(1.0)
    learner.close()


def test_every_try_costs(repository: EdgeRepository) -> None:
    """Also the refused ones; one of unknown cost makes the sum unknown."""
    teacher = Teacher(repository)
    teacher.refusals = 2
    learner = learner_of(teacher)
    submitted(learner, repository, "one")
    assert learner.flush(timeout=10)
    known = learner.stats().cost
    teacher.cost = None
    submitted(learner, repository, "two")
    assert learner.flush(timeout=10)

    assert known == pytest.approx(1.5)
    assert learner.stats().cost is None
    learner.close()


def test_a_refused_lesson_does_not_wait(repository: EdgeRepository) -> None:
    """Waiting would not make the answer any better."""
    teacher = Teacher(repository)
    teacher.refusals = 99
    learner = learner_of(teacher, backoff=3600.0)
    submitted(learner, repository, "one")

    assert learner.flush(timeout=10)
    assert learner.stats().set_back == MAX_ATTEMPTS
    assert learner.stats().parked == 1
    learner.close()


@pytest.mark.parametrize("raised", [True, False])
def test_an_outage_is_waited_out(repository: EdgeRepository, *, raised: bool) -> None:
    """Whether it was noticed on the way or not."""
    teacher = Teacher(repository)
    teacher.errors = [ConnectionError("down")] if raised else []
    teacher.refusals, teacher.outage = 1, True
    learner = learner_of(teacher, backoff=3600.0)
    submitted(learner, repository, "one")

    assert learner.flush(timeout=0.3) is False
    assert len(teacher.seen) == 1
    assert learner.stats().waiting == 1
    learner.close()


def test_counters_are_exact_under_eight_threads(repository: EdgeRepository) -> None:
    teacher = Teacher(repository)
    learner = learner_of(teacher, capacity=50)
    start = threading.Barrier(8)
    taken: list[bool] = []

    def submit(thread: int) -> None:
        start.wait()
        for number in range(20):
            taken.extend(submitted(learner, repository, f"query {thread} {number}"))
            assert learner.do("count", iter_nothing)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert learner.flush(timeout=30)
    stats = learner.stats()
    assert len(teacher.seen) == len(set(teacher.seen)) == stats.stored == 160
    assert stats.not_queued == taken.count(False)
    assert stats.tasks == 160
    assert stats.cost == pytest.approx(80.0)
    assert (stats.waiting, stats.errors, stats.task_errors, stats.leased_elsewhere) == (0, 0, 0, 0)
    learner.close()


# Lessons that others are at work on.


@pytest.fixture
def shared() -> VectorStoreRepository:
    """A repository on which other processes may be at work."""
    return VectorStoreRepository(InMemoryVectorStore(HashingEmbeddings(64)))


def claim(repository: StrategyRepository, query: str, owner: str, seconds: float) -> Strategy:
    """Let `owner` claim the lesson about `query`, which is written first."""
    repository.put(lesson(query))
    claimed = run(
        claiming(repository, lesson(query).id, tenant=TENANT, owner=owner, seconds=seconds)
    )
    assert claimed is not None
    return claimed


def test_a_lesson_that_somebody_else_learns_is_left_alone(shared: VectorStoreRepository) -> None:
    """It is counted, and not waited for."""
    pending = claim(shared, "one", "another process/1", 300.0)
    teacher = Teacher(shared)
    learner = learner_of(teacher)
    learner.submit(pending)

    assert learner.flush(timeout=10)
    assert teacher.seen == []
    assert learner.stats().leased_elsewhere == 1
    assert learner.stats().waiting == 0
    learner.close()


def test_the_lesson_of_a_dead_learner_is_taken_over(shared: VectorStoreRepository) -> None:
    """Without a restart, and without anybody asking: when the lease has run out."""
    pending = claim(shared, "one", "another process/1", 0.5)
    teacher = Teacher(shared)
    learned_it = threading.Event()

    def learn(pending: Strategy) -> Steps[Learned]:
        done = yield from teacher.learn(pending)
        learned_it.set()
        return done

    learner = Learner(learn, shared)
    learner.submit(pending)

    assert learned_it.wait(timeout=20)
    assert learner.flush(timeout=10)
    assert learner.stats().stored == 1
    learner.close()


def test_leased_lessons_are_found_by_a_look_too(repository: EdgeRepository) -> None:
    """A second learner of the same process leaves the first one's lessons alone."""
    claim(repository, "held", owner_name(0), 300.0)
    repository.put(lesson("free"))
    teacher = Teacher(repository)
    learner = learner_of(teacher)

    assert learner.recover(TENANT) == 1
    assert learner.flush(timeout=10)
    assert teacher.seen == [lesson("free").id]
    assert learner.stats().leased_elsewhere == 1
    learner.close()


def test_who_owns_the_folder_need_not_wait_for_the_dead(repository: EdgeRepository) -> None:
    """No other process can be at work in it."""
    claim(repository, "one", "another process/1", 300.0)
    teacher = Teacher(repository)
    learner = learner_of(teacher)

    assert learner.recover(TENANT) == 1
    assert learner.flush(timeout=10)
    assert len(teacher.seen) == 1
    learner.close()


def test_a_lesson_is_leased_while_it_is_learned(shared: VectorStoreRepository) -> None:
    """And no longer: a refused one may be taken up by anybody."""
    held: list[Any] = []
    teacher = Teacher(shared)
    teacher.refusals = 1

    def learn(pending: Strategy) -> Steps[Learned]:
        stored = yield from shared.getting(pending.id, tenant=TENANT)
        held.append(stored.lesson.lease if stored and stored.lesson else None)
        done = yield from teacher.learn(pending)
        held.append(done.strategy.lesson and done.strategy.lesson.lease)
        return done

    learner = Learner(learn, shared)
    submitted(learner, shared, "one")

    assert learner.flush(timeout=10)
    during, after_refusal, again, after = held
    assert during.owner == again.owner
    assert str(os.getpid()) in during.owner
    assert after_refusal is after is None
    learner.close()


# Other work.


def iter_nothing() -> Steps[None]:
    yield Call(lambda _: None, lambda _: _never())


def test_other_work_is_done_after_the_lessons(repository: EdgeRepository) -> None:
    teacher = Teacher(repository)
    teacher.gate.clear()
    learner = learner_of(teacher)
    done: list[int] = []

    def work() -> Steps[None]:
        done.append(len(teacher.seen))
        return iter_nothing()

    submitted(learner, repository, "one")
    assert learner.do("a note", work)
    submitted(learner, repository, "two", "three")
    teacher.gate.set()

    assert learner.flush(timeout=10)
    assert done == [3]
    assert learner.stats().tasks == 1
    learner.close()


@pytest.mark.parametrize("error", [ValueError("secret"), ConfigurationError("secret")])
def test_other_work_that_fails_is_counted_and_logged_without_content(
    repository: EdgeRepository, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """And it is not tried again."""
    learner = learner_of(Teacher(repository))
    tries: list[str] = []

    def work() -> Steps[None]:
        tries.append("once")
        raise error

    with caplog.at_level(logging.WARNING):
        assert learner.do("a note", work)
        assert learner.flush(timeout=10)

    assert tries == ["once"]
    assert (learner.stats().tasks, learner.stats().task_errors) == (0, 1)
    assert f"(a note): {type(error).__name__}" in caplog.text
    assert "secret" not in caplog.text
    learner.close()


def test_other_work_has_a_bound_of_its_own(repository: EdgeRepository) -> None:
    """However much there is, lessons find room."""
    teacher = Teacher(repository)
    teacher.gate.clear()
    learner = learner_of(teacher, capacity=3, task_capacity=2)
    submitted(learner, repository, "busy")
    taken = [learner.do("a note", iter_nothing) for _ in range(5)]

    assert taken == [True, True, False, False, False]
    assert submitted(learner, repository, "one") == [True]
    teacher.gate.set()
    assert learner.flush(timeout=10)
    assert learner.stats().tasks == 2
    learner.close()
    assert learner.do("a note", iter_nothing) is False


# The thread.


def worker() -> threading.Thread | None:
    alive = (each for each in threading.enumerate() if each.name == "inter-cascade-learner")
    return next(alive, None)


def test_the_thread_ends_when_there_is_nothing_to_do(
    repository: EdgeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next lesson starts another."""
    monkeypatch.setattr(worker_module, "IDLE", 0.05)
    teacher = Teacher(repository)
    learner = learner_of(teacher)
    submitted(learner, repository, "one")
    assert learner.flush(timeout=10)
    if thread := worker():
        thread.join(10)
    ended = worker() is None
    submitted(learner, repository, "two")

    assert ended
    assert learner.flush(timeout=10)
    assert len(teacher.seen) == 2
    learner.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_learns_for_itself(tmp_path: Path) -> None:
    """It has neither the parent's thread nor its work, and other names on its leases."""
    script = textwrap.dedent(
        """
        import os, sys, time
        from langchain_core.vectorstores import InMemoryVectorStore
        from langchain_intercascade import HashingEmbeddings, VectorStoreRepository
        from langchain_intercascade.learning.learner import Learner
        from tests.lessons import lesson, noted, noting
        from pathlib import Path

        repository = VectorStoreRepository(InMemoryVectorStore(HashingEmbeddings(64)))
        notes = Path(sys.argv[1])
        learner = Learner(noting(repository, notes, seconds=0.5), repository)
        for query in ("one", "two"):
            repository.put(lesson(query))
            learner.submit(lesson(query))
        while not noted(notes, "paid"):
            time.sleep(0.01)
        if os.fork() == 0:
            repository.put(lesson("child's"))
            learner.submit(lesson("child's"))
            assert learner.flush(timeout=20)
            assert learner.stats().stored == 1
            os._exit(0)
        assert learner.flush(timeout=20)
        assert os.wait()[1] == 0
        assert noted(notes, "paid") == noted(notes, "written")
        assert sorted(noted(notes, "paid").values()) == [1, 1, 1], noted(notes, "paid")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "notes")],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stderr


def test_setting_back_needs_a_lesson() -> None:
    """There is nothing to go back to once a lesson is forgotten."""
    learned = lesson("one").changed(state=State.ACTIVE, lesson=None)
    with pytest.raises(ValueError, match="no lesson"):
        set_back(learned, "why")
