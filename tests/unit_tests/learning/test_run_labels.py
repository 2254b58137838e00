"""A run counts once, whoever speaks of it, in whatever order and however close together."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade._steps import Call, Steps, arun, run
from langchain_intercascade.label import Label
from langchain_intercascade.learning.books import Books
from langchain_intercascade.learning.run_labels import RunLabels, joined
from langchain_intercascade.strategy import Strategy


class Ledger(Books):
    """Books that only remember what counts, and take their time if told so."""

    def __init__(self) -> None:
        self.counts: list[Label] = []
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()

    def noting(self, label: Label, *, instead_of: Label | None = None) -> Steps[list[Strategy]]:
        self.asked.set()
        yield Call(lambda _: self.gate.wait(10), lambda _: asyncio.to_thread(self.gate.wait, 10))
        if instead_of is not None:
            self.counts.remove(instead_of)  # raises if it does not count
        self.counts.append(label)
        return []


def label(source: Any, correct: bool | None, run_id: str = "r", **fields: Any) -> Label:  # noqa: FBT001 - a verdict
    """What one of them says."""
    made = {"tenant": "t", "weak_model": "w", "regime": "augmented", **fields}
    return Label(run_id=run_id, source=source, correct=correct, **made)


AUDIT = label("audit", correct=False, without=True, probability=0.25, accepted=True)

labels = st.builds(
    label,
    st.sampled_from(["audit", "deferral", "feedback"]),
    st.sampled_from([True, False, None]),
    st.sampled_from(["one", "two"]),
    without=st.sampled_from([True, False, None]),
    probability=st.sampled_from([0.25, 1.0]),
)


@settings(max_examples=40)
@given(st.lists(labels, max_size=8))
def test_a_run_counts_once(told: list[Label]) -> None:
    """And as the caller has said last, if he has spoken at all."""
    ledger = Ledger()
    runs = RunLabels(ledger, remembered=10)
    for each in told:
        run(runs.noting(each))

    assert len(ledger.counts) == len({each.run_id for each in told})
    for each in ledger.counts:
        words = [t.correct for t in told if t.run_id == each.run_id and t.source == "feedback"]
        assert runs.word(each.run_id) is (words[-1] if words else None)
        assert not words or each.correct is words[-1]


@pytest.mark.parametrize("audit_first", [True, False])
@pytest.mark.parametrize(("word", "without"), [(False, True), (True, None)])
def test_the_caller_corrects_what_was_drawn(
    *, audit_first: bool, word: bool, without: bool | None
) -> None:
    """How likely it was drawn stays true; a refuted strong answer judges nothing any more."""
    feedback = label("feedback", correct=word, accepted=True)
    both = (AUDIT, feedback) if audit_first else (feedback, AUDIT)
    joint = joined(*both)

    assert (joint.correct, joint.without, joint.probability) == (word, without, 0.25)


def test_a_verdict_that_could_not_be_told_refutes_nothing() -> None:
    """The strong answer still says how it goes without."""
    audit = label("audit", correct=None, without=False)

    assert joined(audit, label("feedback", correct=True)).without is False


async def test_who_is_second_waits() -> None:
    """An audit is being written when the caller speaks; in both colours, and nobody blocks."""
    ledger = Ledger()
    ledger.gate.clear()
    runs = RunLabels(ledger, remembered=10)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(run, runs.noting(AUDIT))
        assert await asyncio.to_thread(ledger.asked.wait, 10)
        second = threads.submit(run, runs.noting(label("feedback", correct=True)))
        third = asyncio.create_task(arun(runs.noting(label("feedback", correct=True))))
        await asyncio.sleep(0.02)
        assert (second.done(), third.done(), ledger.counts) == (False, False, [])
        ledger.gate.set()
        await third
        first.result(10)
        second.result(10)

    assert [each.correct for each in ledger.counts] == [True]


def test_a_label_that_could_not_be_written_holds_nobody_up() -> None:
    """And does not count."""
    ledger = Ledger()
    runs = RunLabels(ledger, remembered=10)
    body = runs.noting(AUDIT)
    next(body)
    with pytest.raises(ConnectionError):
        body.throw(ConnectionError())
    run(runs.noting(AUDIT))

    assert ledger.counts == [AUDIT]


def test_only_the_last_runs_are_remembered() -> None:
    """Of an older one a later label counts beside the earlier."""
    ledger = Ledger()
    runs = RunLabels(ledger, remembered=2)
    for name in ("one", "two", "three", "one"):
        run(runs.noting(label("feedback", correct=True, run_id=name)))

    assert len(ledger.counts) == 4
    assert runs.word("two") is None
