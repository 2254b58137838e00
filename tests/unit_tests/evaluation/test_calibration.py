"""A weak model is tried as the cascade would try it, below a ceiling, and judged honestly."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade import EdgeRepository
from langchain_intercascade._steps import Steps, arun, either, run
from langchain_intercascade.agreement import AnswerAgreement
from langchain_intercascade.assembly import build_parts
from langchain_intercascade.costs import Prices
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.calibration import (
    CalibrationError,
    calibrated,
    deferred,
    try_all,
)
from langchain_intercascade.evaluation.progress import Finished, Progress
from langchain_intercascade.evaluation.questions import LabelledQuestion
from langchain_intercascade.evaluation.trial import Failed, Trial
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import Advice
from langchain_intercascade.testing import PRICES, Reply, ScriptedChatModel, SimulatedWeak
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from tests.conftest import Colour
from tests.unit_tests.repository.stock import fill, strategy

SURE = math.log(0.9)
TWO = LabelledQuestion(line=1, question="1+1?", answer="2")
UNKNOWN = LabelledQuestion(line=1, question="1+1?")


@pytest.fixture
def repository() -> Iterator[StrategyRepository]:
    """An empty one."""
    with EdgeRepository() as empty:
        yield empty


def trial(
    repository: StrategyRepository,
    weak: Any,
    *,
    strong: Any = None,
    k: int = 0,
    **options: Any,
) -> Trial:
    """A trial of `weak`."""
    prices = Prices({"weak": (1, 1), "strong": (1, 1), **PRICES})
    parts = build_parts(
        weak,
        strong or weak,
        repository=repository,
        threshold=ALWAYS_DEFER,
        learning="off",
        prices=prices,
        k=k,
        **options,
    )
    return Trial(parts, agreement=AnswerAgreement(), prices=prices, strong=strong)


def said(*replies: Any, name: str = "weak") -> ScriptedChatModel:
    """A model with a script."""
    return ScriptedChatModel(replies=list(replies), model_name=name)


def tried(colour: Colour, one: Trial, row: LabelledQuestion = TWO) -> Any:
    """What comes of one question, in one colour."""
    return colour.run(lambda: run(one.trying(row)), lambda: arun(one.trying(row)))


@pytest.mark.parametrize(("text", "correct"), [("The answer is 2.", True), ("3", False)])
def test_a_weak_answer_is_scored_and_judged(
    colour: Colour,
    repository: StrategyRepository,
    text: str,
    correct: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    found = tried(colour, trial(repository, said(Reply(text, logprob=SURE))))

    assert (correct, "plain") == (found.correct, found.regime)
    assert found.confidence == pytest.approx(0.9)
    assert "mean_token_probability" == found.method
    assert ["weak"] == list(found.usage)


def test_what_cannot_be_judged_is_not_guessed(
    colour: Colour, repository: StrategyRepository
) -> None:
    text = "Rome has many bridges, and some of them are quite old indeed."
    found = tried(colour, trial(repository, said(Reply(text, logprob=SURE))))

    assert (None, "it cannot be told whether it is right") == (found.correct, found.why)


def test_without_a_known_answer_the_strong_one_counts(
    colour: Colour, repository: StrategyRepository
) -> None:
    weak = said(Reply("2", logprob=SURE))
    strong = said("It is 1+1. The answer is 2.", name="strong")
    found = tried(colour, trial(repository, weak, strong=strong), UNKNOWN)

    assert found.correct is True
    assert {"weak", "strong"} == set(found.usage)
    assert found.cost == sum(use["cost"] for use in found.usage.values())


def test_a_known_answer_saves_the_strong_call(
    colour: Colour, repository: StrategyRepository
) -> None:
    strong = said(RuntimeError("must not be asked"), name="strong")
    one = trial(repository, said(Reply("2", logprob=SURE)), strong=strong)

    assert tried(colour, one).correct is True


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(""), id="empty"),
        pytest.param(Reply("2", finish_reason="length"), id="cut off"),
        pytest.param(Reply("2", logprob=None), id="no log-probabilities"),
    ],
)
def test_an_answer_that_is_never_accepted_costs_no_strong_call(
    colour: Colour, repository: StrategyRepository, reply: Reply
) -> None:
    """It counts as a query that is deferred, whatever the answer was worth."""
    strong = said(RuntimeError("must not be asked"), name="strong")
    found = tried(colour, trial(repository, said(reply), strong=strong), UNKNOWN)

    assert (None, None) == (found.confidence, found.correct)
    assert found.why


def test_a_strong_answer_that_cannot_stand_says_nothing(
    colour: Colour, repository: StrategyRepository
) -> None:
    strong = said(Reply("2", finish_reason="length"), name="strong")
    weak = said(Reply("2", logprob=SURE))

    assert tried(colour, trial(repository, weak, strong=strong), UNKNOWN).correct is None


@pytest.mark.parametrize("who", ["weak", "strong"])
def test_an_outage_is_no_answer(colour: Colour, repository: StrategyRepository, who: str) -> None:
    models = {"weak": said(Reply("2", logprob=SURE)), "strong": said("2", name="strong")}
    models[who] = said(TimeoutError("slow"), name=who)
    found = tried(colour, trial(repository, models["weak"], strong=models["strong"]), UNKNOWN)

    assert isinstance(found, Failed)
    assert who in found.why
    assert "TimeoutError" in found.why


def test_nobody_to_ask_is_a_mistake(colour: Colour, repository: StrategyRepository) -> None:
    one = trial(repository, said(Reply("2", logprob=SURE)))

    with pytest.raises(ConfigurationError, match="Line 1 has no answer"):
        tried(colour, one, UNKNOWN)


def test_where_strategies_fit_the_answer_is_augmented(
    colour: Colour, repository: StrategyRepository
) -> None:
    """As in the cascade, so each regime's promise is about the queries that it will meet."""
    advice = Advice(title="Sums", when_to_use="Two apples.", steps=("Add both.",))
    fill(repository, strategy("How many apples are 1 and 1?", tenant="default", advice=advice))
    weak = ScriptedChatModel(
        respond=lambda messages: Reply(
            "2" if "Add both." in messages[-1].text else "3", logprob=-0.1
        )
    )
    one = trial(repository, weak, k=2)
    near = LabelledQuestion(line=1, question="How many apples are 4 and 5?", answer="2")
    far = LabelledQuestion(line=2, question="Which river crosses Rome?", answer="2")

    assert ("augmented", True) == _regime(tried(colour, one, near))
    assert ("plain", False) == _regime(tried(colour, one, far))


def test_what_is_only_scored_costs_no_strong_call(
    colour: Colour, repository: StrategyRepository
) -> None:
    """For a question that a later level is calibrated on, it matters what this one accepts."""
    strong = said(RuntimeError("must not be asked"), name="strong")
    one = trial(repository, said(Reply("2", logprob=SURE)), strong=strong)
    found = colour.run(
        lambda: run(one.trying(UNKNOWN, judged=False)),
        lambda: arun(one.trying(UNKNOWN, judged=False)),
    )

    assert isinstance(found, Finished)
    assert (None, "only scored") == (found.correct, found.why)
    assert found.confidence == pytest.approx(0.9)


def test_the_system_message_is_part_of_the_question(
    colour: Colour, repository: StrategyRepository
) -> None:
    weak = ScriptedChatModel(respond=lambda messages: Reply(messages[0].text, logprob=-0.1))
    row = LabelledQuestion(line=1, question="?", answer="42", system="42")

    assert tried(colour, trial(repository, weak), row).correct is True


# Many questions.


def rows(n: int) -> list[LabelledQuestion]:
    """So many questions."""
    return [LabelledQuestion(line=i, question=f"{i}?", answer="1") for i in range(n)]


def steps(
    made: Callable[[LabelledQuestion], Finished | Failed],
) -> Callable[[LabelledQuestion], Steps[Finished | Failed]]:
    """Steps that come to what `made` makes of a question."""

    def trying(row: LabelledQuestion) -> Steps[Finished | Failed]:
        async def awaited() -> Finished | Failed:
            return made(row)

        return (yield from either(lambda: made(row), awaited))

    return trying


def finished(row: LabelledQuestion, cost: float | None = 1.0) -> Finished:
    """What came of a question."""
    return Finished(key=row.key, regime="plain", confidence=0.9, correct=True, usage={}, cost=cost)


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    """Nothing done yet."""
    return Progress(tmp_path / "p.jsonl", {})


@pytest.mark.parametrize("concurrency", [1, 3, 20])
def test_every_question_is_tried_once(progress: Progress, concurrency: int) -> None:
    asked: list[int] = []

    def once(row: LabelledQuestion) -> Finished:
        asked.append(row.line)
        return finished(row)

    ticks: list[int] = []
    one = try_all(
        rows(12), steps(once), progress, concurrency=concurrency, tick=lambda: ticks.append(1)
    )
    two = try_all(rows(14), steps(once), progress, concurrency=concurrency)

    assert ("done", 12.0, ()) == (one.ending, one.spent, one.failed)
    assert 2.0 == two.spent
    assert list(range(14)) == sorted(asked)
    assert 12 == len(ticks)


def test_no_more_are_under_way_than_allowed(progress: Progress) -> None:
    """Each waits until three are under way together, which a fourth would break."""
    together = threading.Barrier(3, timeout=10)

    def waiting(row: LabelledQuestion) -> Finished:
        together.wait()
        return finished(row)

    assert 9.0 == try_all(rows(9), steps(waiting), progress, concurrency=3).spent


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("ceiling", [0.0, 1.0, 5.5, 100.0])
def test_the_ceiling_is_kept_and_the_rest_can_follow(
    progress: Progress, concurrency: int, ceiling: float
) -> None:
    trying = steps(finished)
    first = try_all(rows(10), trying, progress, concurrency=concurrency, max_cost=ceiling)
    second = try_all(rows(10), trying, progress, concurrency=concurrency)

    assert first.spent is not None
    assert first.spent <= ceiling
    assert min(10, int(ceiling)) == first.spent
    assert ("done" if ceiling > 10 else "ceiling") == first.ending
    assert (10, "done") == (len(progress.finished), second.ending)


def test_a_ceiling_needs_prices(progress: Progress) -> None:
    """What was asked is kept all the same: it is paid for."""
    trying = steps(lambda row: finished(row, None))
    with pytest.raises(ConfigurationError, match="no known price"):
        try_all(rows(10), trying, progress, max_cost=1.0)

    assert 1 == len(progress.finished)
    assert try_all(rows(3), trying, progress).spent is None


def test_failures_are_reported_and_tried_again(progress: Progress) -> None:
    broken = {"3?", "5?"}

    def shaky(row: LabelledQuestion) -> Finished | Failed:
        return Failed(row.key, "outage") if row.question in broken else finished(row)

    first = try_all(rows(8), steps(shaky), progress, concurrency=2)
    broken.clear()
    second = try_all(rows(8), steps(shaky), progress, concurrency=2)

    assert ["outage"] * 2 == [each.why for each in first.failed]
    assert ((), 2.0, 8) == (second.failed, second.spent, len(progress.finished))


def test_what_only_fails_is_given_up(progress: Progress) -> None:
    asked: list[int] = []

    def broken(row: LabelledQuestion) -> Failed:
        asked.append(row.line)
        return Failed(row.key, "outage")

    with pytest.raises(
        CalibrationError, match=r"first 5 questions all failed \(outage\).*is up and"
    ):
        try_all(rows(50), steps(broken), progress, concurrency=1)
    assert 5 == len(asked)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ConfigurationError("a wrong key")])
def test_what_is_under_way_at_an_end_is_kept(progress: Progress, error: Any) -> None:
    """Two are under way when the third ends everything; they are paid for."""
    held, ended = threading.Event(), threading.Event()

    def late(row: LabelledQuestion) -> Finished:
        if row.line < 2:
            held.wait(10)
        return finished(row)

    def tick() -> None:
        ended.set()
        held.set()
        raise error

    if isinstance(error, ConfigurationError):
        with pytest.raises(ConfigurationError):
            try_all(rows(30), steps(late), progress, concurrency=3, tick=tick)
    else:
        found = try_all(rows(30), steps(late), progress, concurrency=3, tick=tick)
        assert ("interrupted", 3.0) == (found.ending, found.spent)
    assert ended.is_set()
    assert 3 == len(progress.finished)


# What it comes to.


def sample(
    n: int, confidence: float | None, *, correct: bool | None, **more: Any
) -> list[Finished]:
    """So many alike."""
    return [
        Finished(
            key=f"{confidence} {correct} {more} {i}",
            confidence=confidence,
            correct=correct,
            **{"regime": "plain", "usage": {}, "cost": 0.0, "method": "m", **more},
        )
        for i in range(n)
    ]


def test_the_lowest_safe_threshold_is_found() -> None:
    found = calibrated(
        [*sample(60, 0.9, correct=True), *sample(40, 0.2, correct=False)], target_risk=0.1
    )

    assert 0.9 == found.reports["plain"].threshold
    assert ["plain"] == list(found.reports)


def test_an_answer_without_score_counts_as_deferred_and_an_unjudged_one_not_at_all() -> None:
    finished = [
        *sample(60, 0.9, correct=True),
        *sample(20, None, correct=None, method=""),
        *sample(20, 0.95, correct=None),
    ]
    found = calibrated(finished, target_risk=0.1, on_abstain="skip")

    assert 0.75 == found.reports["plain"].coverage
    assert (80, 20) == (found.judged["plain"], found.unjudged["plain"])
    assert ("m",) == found.methods
    assert "20 more answers could not be judged and were left out" in " ".join(
        found.reports["plain"].words()
    )


def test_what_nobody_can_judge_counts_as_wrong_unless_told_otherwise() -> None:
    """Nobody knows how many of them are right; so the promise is kept whatever they are."""
    finished = [*sample(300, 0.9, correct=True), *sample(20, 0.9, correct=None)]
    cautious, lenient = (
        calibrated(finished, target_risk=0.1, on_abstain=policy) for policy in ("wrong", "skip")
    )

    assert (20, 0) == (cautious.reports["plain"].errors, lenient.reports["plain"].errors)
    assert (0.9, 0.9) == tuple(each.reports["plain"].threshold for each in (cautious, lenient))
    assert (0, 20) == tuple(each.reports["plain"].unjudged for each in (cautious, lenient))


def test_a_gate_defers_what_its_thresholds_do_not_reach() -> None:
    """Also what has no score, and what is in a regime that was not calibrated."""
    reports = calibrated(sample(60, 0.9, correct=True), target_risk=0.1).reports
    rows = [
        *sample(1, 0.9, correct=None),
        *sample(1, 0.8, correct=True),
        *sample(1, None, correct=None),
        *sample(1, 0.95, correct=True, regime="augmented"),
    ]

    assert {row.key for row in rows[1:]} == deferred(rows, reports)


def test_each_regime_has_its_own_threshold_and_its_part_of_delta() -> None:
    finished = [
        *sample(60, 0.9, correct=True),
        *sample(60, 0.5, correct=True, regime="augmented"),
    ]
    found = calibrated(finished, target_risk=0.1)

    assert {"plain": 0.9, "augmented": 0.5} == {
        regime: report.threshold for regime, report in found.reports.items()
    }
    assert {2} == {report.promises for report in found.reports.values()}
    both = calibrated(finished, target_risk=0.1, levels=3)
    assert {6} == {report.promises for report in both.reports.values()}


@pytest.mark.parametrize("finished", [(), sample(3, 0.9, correct=None)])
def test_where_nothing_could_be_judged_nothing_is_promised(finished: Sequence[Finished]) -> None:
    with pytest.raises(ConfigurationError, match="could be judged"):
        calibrated(finished, target_risk=0.1)


def test_a_simulated_model_goes_all_the_way(
    repository: StrategyRepository, progress: Progress
) -> None:
    """Retrieve, answer, score, judge, calibrate, without a fake in between."""
    questions = [
        LabelledQuestion(
            line=i,
            question=f"Ines has {i} pens and finds 5 more. How many pens does Ines have now?",
            answer=str(i + 5),
        )
        for i in range(2, 62)
    ]
    outcome = try_all(questions, trial(repository, SimulatedWeak()).trying, progress)
    found = calibrated(list(progress.finished.values()), target_risk=0.1)

    assert outcome.spent is not None
    assert outcome.spent > 0
    assert 1.0 == found.reports["plain"].coverage


def _regime(found: Finished) -> tuple[str, bool | None]:
    return found.regime, found.correct
