"""Every arm answers the same questions its own way, and a run that was stopped goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langchain_intercascade import EdgeRepository, InterCascade
from langchain_intercascade.costs import Prices
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.arms import Grade, Question
from langchain_intercascade.evaluation.contest import ARMS
from langchain_intercascade.evaluation.journal import FILE, HOPELESS, Journal
from langchain_intercascade.evaluation.purse import Purse
from langchain_intercascade.evaluation.rivals import NEUTRAL
from langchain_intercascade.evaluation.running import arms_for, run_experiment
from langchain_intercascade.evaluation.streams import drawn_stream, question_of
from langchain_intercascade.testing import (
    PRICES,
    Reply,
    ScriptedChatModel,
    SimulatedStrong,
    SimulatedWeak,
    problems,
)
from tests.benches import FAMILIES, experiment, figures_of, questions, ran

ALL = tuple(ARMS)


class Counting(SimulatedWeak):
    """A weak model that fails from one call on, if it is told to."""

    fails_from: int | None = None
    error: Any = TimeoutError

    def _read(self, prompt: Any) -> Reply:
        if self.fails_from is not None and self.call_count > self.fails_from:
            return Reply(error=self.error())
        return super()._read(prompt)


def test_every_arm_answers_every_question_in_order() -> None:
    """Under every seed, all were asked the same, and side by side makes no difference."""
    given = experiment(4, seeds=(0, 1))
    found = ran(given, concurrency=3)

    assert ALL == tuple(found.arms)
    for seed in (0, 1):
        asked = [each.key for each in questions(seed, 4)]
        for cells in found.arms.values():
            assert asked == [each.key for each in cells[seed].outcomes]
    assert figures_of(given, found) == figures_of(given, ran(given))


def test_the_arms_differ_as_they_say() -> None:
    """Strategies teach, random ones do not; the oracle knows from the first question on."""
    given = experiment(16)
    arms = figures_of(given, ran(given))["arms"]

    weak = {name: arm["weak_accuracy"] for name, arm in arms.items()}
    assert weak["oracle"] == 1
    assert weak["weak_only"] == weak["cascade_plain"] == weak["few_shot"] < weak["cascade"] < 1
    assert weak["cascade_random"] < weak["cascade"]
    assert 0 == arms["weak_only"]["strong_call_share"] < arms["cascade"]["strong_call_share"]
    assert arms["cascade"]["strong_call_share"] < arms["cascade_plain"]["strong_call_share"]
    roles = {name: set(arm["usage"]) for name, arm in arms.items()}
    assert {"weak", "strong"} == roles["cascade_plain"] == roles["prompt_only"] == roles["few_shot"]
    assert {"weak", "strong", "distill"} <= roles["cascade"] & roles["oracle"]
    assert ({"weak"}, {"strong"}) == (roles["weak_only"], roles["strong_only"])


def test_what_the_roles_spent_is_what_the_arm_cost() -> None:
    """To the last digit but rounding, in every arm."""
    given = experiment(5)
    found = ran(given)

    for name, arm in figures_of(given, found)["arms"].items():
        spent = sum(use["cost"] for use in arm["usage"].values())
        assert spent == pytest.approx(arm["cost"], abs=1e-12), name


def test_what_is_asked_in_the_same_words_is_paid_for_once() -> None:
    """Whatever arms and seeds ask it; each arm's own costs count it all the same."""
    strong = SimulatedStrong(error_rate=0)
    given = experiment(5, seeds=(0, 1), models=[SimulatedWeak(), strong])
    found = ran(given, "strong_only", "cascade_plain", "few_shot", concurrency=3)

    prompts = [prompt[-1].text for prompt in strong.calls]
    assert 10 == len(prompts) == len(set(prompts))
    costs = {name: sum(each.cost or 0 for each in found.outcomes(name)) for name in found.arms}
    assert costs["strong_only"] < (found.spent or 0) < sum(costs.values())


def test_past_answers_stand_as_earlier_turns() -> None:
    """The question that was asked before comes with what the strong model said to it."""
    weak = SimulatedWeak()
    given = experiment(8, models=[weak, SimulatedStrong(error_rate=0)])
    ran(given, "few_shot")

    helped = [prompt for prompt in weak.calls if len(prompt) > 1]
    assert helped
    for prompt in helped:
        *turns, question = prompt
        assert "human" == question.type
        assert ["human", "ai"] * (len(turns) // 2) == [each.type for each in turns]
        assert all("answer is" in each.text for each in turns if each.type == "ai")
        assert question.text not in [each.text for each in turns]


def test_the_neutral_prompt_says_nothing_of_any_problem() -> None:
    """One and the same note with every question, from the first on."""
    weak = SimulatedWeak()
    given = experiment(5, models=[weak, SimulatedStrong()])
    found = ran(given, "prompt_only")

    prompts = [each.text for prompt in weak.calls for each in prompt]
    assert 5 == len(prompts) == sum(NEUTRAL.title in prompt for prompt in prompts)
    assert {"augmented"} == {each.regime for each in found.outcomes("prompt_only")}


def lessons_of(strong: SimulatedStrong) -> list[str]:
    """Return the problems that the strong model was asked to write a strategy about."""
    asked = (prompt[-1].text for prompt in strong.calls)
    return [text for text in asked if "<problem>" in text]


def test_the_oracle_is_taught_by_another_question() -> None:
    """Never by the one at hand, if there is another of its family; each family once."""
    strong = SimulatedStrong(error_rate=0)
    given = experiment(16, models=[SimulatedWeak(), strong])
    found = ran(given, "oracle", "weak_only")

    first = {each.family: each.messages[-1].text for each in reversed(questions(0, 16))}
    lessons = lessons_of(strong)
    assert len(first) == len(lessons)
    assert not [text for text in first.values() for lesson in lessons if text in lesson]
    billed = [each for each in found.outcomes("oracle") if "distill" in each.usage]
    assert set(first) == {each.family for each in billed}
    assert len(first) == len(billed)


def test_the_oracle_keeps_no_strategy_of_a_wrong_answer() -> None:
    """It tries a few questions, and then does without."""
    strong = SimulatedStrong(error_rate=1)
    given = experiment(16, models=[SimulatedWeak(), strong])
    arms = figures_of(given, ran(given, "weak_only", "oracle"))["arms"]

    assert arms["weak_only"]["weak_accuracy"] == arms["oracle"]["weak_accuracy"]
    families = {each.family for each in questions(0, 16)}
    assert len(families) < len(lessons_of(strong)) <= 3 * len(families)


def test_a_file_without_families_has_no_oracle() -> None:
    """It is left out of all arms, and refused if it is asked for."""

    def unknown(seed: int, n: int) -> Any:
        return [
            question_of(each.messages[-1].text, each.answer or "") for each in questions(seed, n)
        ]

    given = experiment(stream=drawn_stream("no families", unknown, 3))

    assert "oracle" not in arms_for(given)
    with pytest.raises(
        ConfigurationError, match=r"takes the family of every question.*leave the arm out"
    ):
        arms_for(given, ["oracle"])
    with pytest.raises(ConfigurationError, match=r"no arm 'all'.*weak_only"):
        arms_for(given, ["all"])


def test_three_models_are_three_levels() -> None:
    """Each is billed under its own role, and the last one counts as the strong one."""
    middle = SimulatedWeak(known=frozenset({"fence"}), model_name="simulated-middle", seed=5)
    given = experiment(
        12,
        models=[SimulatedWeak(), middle, SimulatedStrong(error_rate=0)],
        thresholds=[0.9, 0.8],
        prices=Prices({**PRICES, "simulated-middle": (0.6, 2.4)}),
    )
    report = figures_of(given, ran(given, "cascade_plain", "cascade", "strong_only"))

    assert {"weak", "middle", "strong"} == set(report["arms"]["cascade_plain"]["usage"])
    assert [0.9, 0.8] == report["threshold"]
    for arm in report["arms"].values():
        strong = arm["usage"]["strong"]["calls"] / arm["n"]
        assert arm["strong_call_share"] == pytest.approx(strong)
        spent = sum(use["cost"] for use in arm["usage"].values())
        assert spent == pytest.approx(arm["cost"])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"models": [SimulatedWeak()]}, "two models or more, cheapest first, not 1"),
        ({"seeds": ()}, "a seed or more"),
        ({"thresholds": [0.5, 0.6]}, "2 models and 2 thresholds"),
        ({"thresholds": [0.5], "target_risk": 0.1}, "a target risk of 0.1: give one or the other"),
        ({"target_risk": 0}, "target_risk=0 cannot be promised"),
        ({"grader": "judge:somebody"}, "nobody said how to make a judge"),
    ],
)
def test_what_cannot_be_run_is_refused(changes: dict[str, Any], complaint: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(ConfigurationError, match=complaint):
        ran(experiment(**changes), "weak_only")


def test_a_cascade_is_no_model_of_an_experiment() -> None:
    """Its own gate would stand between a lesson and the strongest model."""
    with (
        InterCascade(weak=SimulatedWeak(), strong=SimulatedStrong()) as inner,
        pytest.raises(ConfigurationError, match="name the models in it"),
    ):
        experiment(models=[SimulatedWeak(), inner])


def test_settings_are_the_same_in_another_process() -> None:
    """No address of an object is in them, and what is a setting is."""
    given = {"verifier": lambda *_: True, "admission": "replay", "confidence": lambda _: 0.5}
    confidence = given.pop("confidence")
    settings = experiment(options=given, confidence=confidence).settings()

    assert " at 0x" not in str(settings)
    assert {"verifier": "function", "admission": "'replay'"} == settings["options"]


def test_a_cascade_that_learns_nothing_finds_its_own_threshold() -> None:
    """By its first hundred deferrals, at no cost but audits, whatever stands in its prompt."""
    given = experiment(stream=drawn_stream("known", _known, 104), target_risk=0.3)
    found = ran(given, "cascade_plain", "prompt_only")
    arms = figures_of(given, found)["arms"]

    for name, arm in arms.items():
        outcomes = found.outcomes(name)
        assert {True} == {each.strong_called for each in outcomes[:100]}, name
        assert {True} == {each.accepted for each in outcomes[100:]}, name
        assert {"weak", "strong"} <= set(arm["usage"]) <= {"weak", "strong", "audit"}, name
        assert {0} == {each.known or 0 for each in outcomes}, name


def _known(seed: int, n: int) -> list[Question]:
    """Return problems of one family that the weak model knows."""
    drawn = problems(seed, n, families=FAMILIES[:1])
    return [question_of(each.text, each.answer, family=each.family) for each in drawn]


def test_a_run_with_a_target_risk_is_another_one(tmp_path: Path) -> None:
    """Replies of both must not be mixed; one that was begun without goes on without."""
    ran(experiment(3), "cascade_plain", folder=tmp_path)

    assert "target_risk" not in experiment(3).settings()
    with pytest.raises(ConfigurationError, match=r"target_risk"):
        ran(experiment(3, target_risk=0.1), "cascade_plain", folder=tmp_path)


def test_a_warm_start_uses_a_copy(tmp_path: Path) -> None:
    """What is in the repository helps from the first question on; nothing is written there."""
    given = experiment(8, warm=tmp_path / "warm")
    first = questions(0, 8)[0]
    lesson = next(each for each in questions(7, 20) if each.family == first.family)
    with (
        EdgeRepository(tmp_path / "warm") as repository,
        InterCascade(
            weak=SimulatedWeak(),
            strong=SimulatedStrong(error_rate=0),
            repository=repository,
            learning="inline",
        ) as cascade,
    ):
        cascade.invoke(list(lesson.messages), force="strong")

    warm, cold = ran(given, "cascade"), ran(experiment(1), "cascade")

    assert "augmented" == warm.outcomes("cascade")[0].regime
    assert "plain" == cold.outcomes("cascade")[0].regime
    assert (warm.outcomes("cascade")[-1].known or 0) > 1
    with EdgeRepository(tmp_path / "warm") as repository:
        assert 1 == repository.count(tenant="default")


@pytest.mark.parametrize("kept", [0.03, 0.5, 0.999])
def test_wherever_it_was_stopped_it_ends_the_same(tmp_path: Path, kept: float) -> None:
    """No call that is in the journal is made again, and the figures are the same."""
    arms = ("strong_only", "cascade", "cascade_random", "few_shot", "oracle")
    weak, strong = SimulatedWeak(), SimulatedStrong()
    given = experiment(5, models=[weak, strong])
    whole = figures_of(given, ran(given, *arms, folder=tmp_path))
    calls = weak.call_count + strong.call_count
    journal = tmp_path / FILE
    data = journal.read_bytes()
    head = data.index(b"\n") + 1
    journal.write_bytes(data[: head + int(kept * (len(data) - head))])
    replies = journal.read_bytes().count(b"\n") - 1

    again = figures_of(given, ran(given, *arms, folder=tmp_path))

    assert whole == again
    assert 2 * calls - replies == weak.call_count + strong.call_count
    assert data.count(b"\n") == journal.read_bytes().count(b"\n")


def test_a_finished_run_calls_nobody(tmp_path: Path) -> None:
    """Also under a ceiling that it is beyond; a seed more asks only for that seed."""
    first = experiment(4)
    ran(first, "cascade", folder=tmp_path)
    weak = SimulatedWeak()
    again = experiment(4, models=[weak, SimulatedStrong(error_rate=0)])
    found = ran(again, "cascade", folder=tmp_path, ceiling=1e-9)
    assert (0, ()) == (weak.call_count, tuple(found.missing))

    more = experiment(4, models=[weak, SimulatedStrong(error_rate=0)], seeds=(0, 1))
    ran(more, "cascade", folder=tmp_path)
    assert 4 <= weak.call_count < 8


def test_other_settings_are_not_gone_on_with(tmp_path: Path) -> None:
    """Replies of both must not be mixed; the message names what differs."""
    ran(experiment(3), "weak_only", folder=tmp_path)

    with pytest.raises(ConfigurationError, match=r"k: 2 then, 1 now.*--run"):
        ran(experiment(3, k=1), "weak_only", folder=tmp_path)


def test_a_ceiling_is_kept_and_can_be_raised(tmp_path: Path) -> None:
    """It stops before a call too many, says what is missing, and goes on where it was."""
    given = experiment(10)
    free = ran(given, "strong_only", "cascade_plain", "cascade")
    assert free.spent is not None
    ceiling = free.spent / 2
    short = ran(given, "strong_only", "cascade_plain", "cascade", folder=tmp_path, ceiling=ceiling)

    assert 0 < (short.spent or 0) <= ceiling
    assert "the cost ceiling was reached" == short.why
    assert ("cascade", 0) in short.missing
    said = figures_of(given, short)["incomplete"]
    assert "the cost ceiling was reached" in said
    assert "cascade under seed 0" in said
    rest = ran(given, "strong_only", "cascade_plain", "cascade", folder=tmp_path, ceiling=1.0)
    assert figures_of(given, free) == figures_of(given, rest)


@pytest.mark.parametrize("after", [2, 9])
def test_an_interruption_is_not_an_error(tmp_path: Path, after: int) -> None:
    """What was finished is reported, and the rest follows when it is run again."""
    given = experiment(5)
    ticks = iter(range(100))

    def tick() -> None:
        if next(ticks) == after:
            raise KeyboardInterrupt

    journal = Journal(tmp_path, given.settings(), purse=Purse(given.prices))
    stopped = run_experiment(given, journal, ["weak_only", "cascade"], tick=tick)

    assert "it was interrupted" == stopped.why
    assert ("cascade", 0) in stopped.missing
    assert (after > 5) == bool(stopped.arms["weak_only"])
    rest = ran(given, "weak_only", "cascade", folder=tmp_path)
    assert figures_of(given, ran(given, "weak_only", "cascade")) == figures_of(given, rest)


def test_samples_are_told_apart_and_come_again(tmp_path: Path) -> None:
    """A confidence that asks again and again gets other answers, and after a stop the same."""
    lot = iter(range(10_000))
    weak = ScriptedChatModel(respond=lambda _: f"The answer is {next(lot) % 3}.")
    given = experiment(
        4, models=[weak, SimulatedStrong()], confidence="self_consistency", thresholds=[0.6]
    )
    whole = ran(given, "cascade_plain", folder=tmp_path)
    calls = weak.call_count

    again = ran(given, "cascade_plain", folder=tmp_path)

    assert calls == weak.call_count > 4 * 3
    scores = [each.confidence for each in whole.outcomes("cascade_plain")]
    assert scores == [each.confidence for each in again.outcomes("cascade_plain")]
    assert any(score is not None and score < 1 for score in scores)


def test_a_ceiling_needs_prices() -> None:
    """An unknown price is not 0."""
    given = experiment(3, prices=Prices())

    with pytest.raises(ConfigurationError, match="simulated-weak has no known price"):
        ran(given, "weak_only", ceiling=1.0)


@pytest.mark.parametrize("arm", ["weak_only", "cascade_plain"])
def test_a_model_out_of_order_ends_the_run_and_is_asked_again(tmp_path: Path, arm: str) -> None:
    """Its failures are not written down, so that the run is whole in the end."""
    broken = Counting(fails_from=3)
    stopped = ran(experiment(12, models=[broken, SimulatedStrong()]), arm, folder=tmp_path)
    assert f"The last {HOPELESS} calls of the weak model failed (TimeoutError)" in stopped.why
    assert {} == stopped.arms[arm]

    mended = experiment(12, models=[SimulatedWeak(), SimulatedStrong()])
    rest = ran(mended, arm, folder=tmp_path)

    # What it cost is more: the strong model stood in for the failures.
    spent = {"spent": rest.spent}
    assert {**figures_of(mended, ran(mended, arm)), **spent} == figures_of(mended, rest)


def test_a_failure_now_and_then_counts_as_a_wrong_answer(tmp_path: Path) -> None:
    """It is remembered as it was, so that going on gives the same."""

    class Shaky(SimulatedStrong):
        def _read(self, prompt: Any) -> Reply:
            failed = self.call_count == 2
            return Reply(error=TimeoutError()) if failed else super()._read(prompt)

    given = experiment(6, models=[SimulatedWeak(), Shaky(error_rate=0)])
    found = ran(given, "strong_only", folder=tmp_path)
    again = ran(given, "strong_only", folder=tmp_path)

    assert Counter({"": 5, "TimeoutError": 1}) == Counter(
        each.failed for each in found.outcomes("strong_only")
    )
    report = figures_of(given, found)
    assert 1 == report["arms"]["strong_only"]["failed"]
    assert any("failed at" in sentence for sentence in report["assumed"])
    assert report == figures_of(given, again)


def test_a_model_that_can_never_work_is_an_error() -> None:
    """A wrong key is not deferred around, and names the model."""

    class DeniedError(Exception):
        status_code = 401

    broken = Counting(fails_from=0, error=DeniedError)

    with pytest.raises(ConfigurationError, match="simulated-weak refuses every request"):
        ran(experiment(3, models=[broken, SimulatedStrong()]), "cascade_plain")


def test_a_callable_grades() -> None:
    """It is given the question and the answer."""

    def lenient(question: Question, answer: AIMessage) -> Grade:
        assert question.answer
        return Grade(correct=bool(answer.text))

    given = experiment(4, grader=lenient)
    report = figures_of(given, ran(given, "weak_only"))

    assert ("lenient", 1.0) == (
        report["data"]["grader"],
        report["arms"]["weak_only"]["weak_accuracy"],
    )


def test_a_judge_is_asked_once_for_each_answer(tmp_path: Path) -> None:
    """What was judged in one arm is known in the others, and is paid for in the run's costs."""
    judge = ScriptedChatModel(replies=[Reply("yes", cost=0.5)], repeat_last=True)
    given = experiment(4, grader="judge:somebody", judge=lambda _: judge)
    found = ran(given, "weak_only", "cascade_plain", folder=tmp_path)

    said = {(each.key, each.route) for each in found.outcomes("cascade_plain")} | {
        (each.key, "weak") for each in found.outcomes("weak_only")
    }
    assert len(said) == judge.call_count
    assert (found.spent or 0) > 0.5 * judge.call_count
    assert 1.0 == figures_of(given, found)["arms"]["cascade_plain"]["system_accuracy"]


KILLED = """
import os, random, signal, sys
from pathlib import Path
from langchain_intercascade.evaluation.logbook import Logbook
from langchain_intercascade.testing import SimulatedStrong, SimulatedWeak
from tests.benches import experiment, ran

folder, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
write = Logbook.add

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def run_until(left, torn):
    def counted(called):
        nonlocal left
        left -= 1
        if left < 0 and not torn:
            die()
        return called()

    class Weak(SimulatedWeak):
        def _read(self, prompt):
            return counted(lambda: super(Weak, self)._read(prompt))

    class Strong(SimulatedStrong):
        def _read(self, prompt):
            return counted(lambda: super(Strong, self)._read(prompt))

    def add(book, line):
        if left < 0 and torn:
            with book.path.open("a", encoding="utf-8") as file:
                file.write('{"model": "we')
            die()
        write(book, line)

    Logbook.add = add
    ran(experiment(8, models=[Weak(), Strong()]), "cascade", "cascade_plain", folder=folder)

for time in range(6):
    if (child := os.fork()) == 0:
        run_until(chance.randrange(5), torn=time % 2 == 1)
        os._exit(0)
    print(-os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no such way to start a process")
def test_a_run_that_was_killed_again_and_again_goes_on(tmp_path: Path) -> None:
    """SIGKILL at six points, in a call or in the midst of a line: what was written down stays."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", KILLED, str(tmp_path), "7"]
    killed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    assert [str(signal.SIGKILL.value)] * 6 == killed.stdout.split()
    *lines, torn = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    assert not torn.endswith(b"\n")
    models = SimulatedWeak(), SimulatedStrong()
    given = experiment(8, models=models)

    found = ran(given, "cascade", "cascade_plain", folder=tmp_path)

    anew = SimulatedWeak(), SimulatedStrong()
    again = experiment(8, models=anew)
    assert figures_of(again, ran(again, "cascade", "cascade_plain")) == figures_of(given, found)
    replies = len(lines) - 1
    assert replies > 0
    calls = [sum(model.call_count for model in each) for each in (anew, models)]
    assert replies + calls[1] == calls[0]
