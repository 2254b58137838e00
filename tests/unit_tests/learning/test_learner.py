"""The background learner loses nothing, repeats nothing, and says what it did."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from langchain_intercascade import EdgeRepository, State, Strategy
from langchain_intercascade._steps import Call, Steps
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.learning.lesson import MAX_ATTEMPTS, set_back
from langchain_intercascade.strategy import Advice, Lesson, Origin, pending_lesson

ROOT = Path(__file__).parents[3]
ADVICE = Advice(title="Sums", when_to_use="Adding.", steps=("Add.",))


@pytest.fixture
def repository() -> Iterator[EdgeRepository]:
    """A temporary repository."""
    with EdgeRepository() as made:
        yield made


def lesson(query: str, tenant: str = "acme") -> Strategy:
    """A pending lesson about `query`."""
    return pending_lesson(
        tenant=tenant,
        query=query,
        lesson=Lesson(query=query, answer="five"),
        origin=Origin(run_id="r", strong_model="s", prompt_version=1),
    )


class Teacher:
    """Learns lessons by writing them as active; fails, refuses or waits as told."""

    def __init__(self, repository: EdgeRepository) -> None:
        self.repository = repository
        self.seen: list[str] = []
        self.errors: list[Exception] = []
        self.refusals = 0
        self.gate = threading.Event()
        self.gate.set()

    def learn(self, pending: Strategy) -> Steps[Strategy]:
        yield Call(lambda _: self.gate.wait(10), lambda _: _never())
        self.seen.append(pending.id)
        if self.errors:
            raise self.errors.pop()
        outcome = pending.changed(state=State.ACTIVE, advice=ADVICE, lesson=None, cost=0.5)
        if self.refusals:
            self.refusals -= 1
            outcome = set_back(pending, "refused")
        yield from self.repository.putting(outcome)
        return outcome


async def _never() -> None:
    msg = "the worker is synchronous"
    raise AssertionError(msg)


def learner_of(teacher: Teacher, **options: float) -> Learner:
    """A learner that tries again at once."""
    return Learner(teacher.learn, teacher.repository, **({"backoff": 0.0} | options))  # type: ignore[arg-type]  # capacity is a whole number


def submitted(learner: Learner, repository: EdgeRepository, *queries: str) -> list[bool]:
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
    assert repository.count(tenant="acme", states=[State.ACTIVE]) == 3
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


def test_a_refused_lesson_is_parked_after_a_few_tries(repository: EdgeRepository) -> None:
    """With the reason; it is not tried for ever, and stays readable."""
    teacher = Teacher(repository)
    teacher.refusals = 99
    learner = learner_of(teacher)
    submitted(learner, repository, "one")

    assert learner.flush(timeout=10)
    (parked,) = repository.scan(tenant="acme")
    assert len(teacher.seen) == MAX_ATTEMPTS
    assert parked.state is State.PENDING
    assert parked.lesson is not None
    assert parked.lesson.parked
    assert parked.reason == "refused"
    assert learner.stats().parked == 1
    assert learner.recover("acme") == 0
    learner.close()


def test_a_full_queue_leaves_lessons_in_the_repository(repository: EdgeRepository) -> None:
    """They are counted, and found again later."""
    teacher = Teacher(repository)
    teacher.gate.clear()
    learner = learner_of(teacher, capacity=2)
    taken = submitted(learner, repository, "one", "two", "three", "four", "five")
    teacher.gate.set()
    assert learner.flush(timeout=10)

    assert taken.count(False) == learner.stats().not_queued > 0
    left = repository.count(tenant="acme", states=[State.PENDING])
    assert learner.recover("acme") == left
    assert learner.flush(timeout=10)
    assert repository.count(tenant="acme", states=[State.ACTIVE]) == 5
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
    assert repository.count(tenant="acme", states=[State.ACTIVE]) == 3
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
    assert repository.count(tenant="acme") == 3
    assert learner.submit(lesson("four")) is False


def test_a_process_that_just_ends_loses_no_lesson(tmp_path: Path) -> None:
    """No flush, no close: what was not learned is pending, and nothing is printed."""
    script = textwrap.dedent(
        """
        import sys
        from langchain_intercascade import EdgeRepository, InterCascade
        from tests.cascades import QUERY, strong_model, weak_model
        repository = EdgeRepository(sys.argv[1])
        cascade = InterCascade(weak=weak_model(), strong=strong_model(), repository=repository)
        for i in range(5):
            cascade.invoke(f"{QUERY} {i * 'x'}")
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
    assert len(kept) == 5
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


def test_setting_back_needs_a_lesson() -> None:
    """There is nothing to go back to once a lesson is forgotten."""
    learned = lesson("one").changed(state=State.ACTIVE, lesson=None)
    with pytest.raises(ValueError, match="no lesson"):
        set_back(learned, "why")
