"""What waits for the learner: each once, in the order it is due, within bounds."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from langchain_intercascade.learning.jobs import Jobs

CAPACITY = 3

adds = st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 5), st.booleans())
takes = st.integers(0, 6)


@given(st.lists(adds | takes))
def test_jobs_do_what_a_plain_list_would(commands: list[Any]) -> None:
    """Against a list that is sorted again each time."""
    jobs = Jobs(CAPACITY)
    model: list[tuple[float, int, str, bool]] = []
    for number, command in enumerate(commands):
        if isinstance(command, tuple):
            name, due, held = command
            taken = add_to(model, (float(due), number, name, held))

            assert taken == jobs.add(name, "t", due=float(due), held=held)
        else:
            first = min(model, default=None)
            wanted = first if first and first[0] <= command else None
            job = jobs.take(at=float(command))
            if wanted:
                model.remove(wanted)

            assert (job and (job.strategy_id, job.held)) == (wanted and wanted[2:])
        assert jobs.own == sum(not held for *_, held in model)
        assert jobs.next_due == min((due for due, *_ in model), default=None)


def add_to(model: list[tuple[float, int, str, bool]], new: tuple[float, int, str, bool]) -> bool:
    """Add as `Jobs` should; say whether it will be done."""
    known = next((each for each in model if each[2] == new[2]), None)
    if known and (new[3] or not known[3]):
        return True
    if sum(each[3] == new[3] for each in model) >= CAPACITY:
        return False
    if known:
        model.remove(known)
    model.append(new)
    return True


def test_tenants_are_told_apart() -> None:
    jobs = Jobs(CAPACITY)

    assert jobs.add("one", "acme", due=0.0)
    assert jobs.add("one", "globex", due=0.0)
    assert jobs.own == 2


def test_nothing_is_left_after_clearing() -> None:
    jobs = Jobs(CAPACITY)
    jobs.add("one", "t", due=0.0)
    jobs.add("two", "t", due=0.0, held=True)
    jobs.clear()

    assert (jobs.own, jobs.next_due, jobs.take(at=1.0)) == (0, None, None)
    assert all(jobs.add(name, "t", due=0.0, held=True) for name in "abc")
