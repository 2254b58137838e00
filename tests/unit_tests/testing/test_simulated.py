"""The simulated pair reads its prompts, and obeys the laws that its users rely on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from itertools import permutations
from time import perf_counter

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from langchain_intercascade import InterCascade
from langchain_intercascade._steps import run
from langchain_intercascade.confidence.base import Evidence
from langchain_intercascade.confidence.logprobs import LogprobConfidence
from langchain_intercascade.costs import Prices
from langchain_intercascade.nodes.distiller import asking
from langchain_intercascade.nodes.weak_generate import with_strategies
from langchain_intercascade.repository.admission import check_leaks
from langchain_intercascade.strategy import Advice, Lesson, Origin, State, Strategy, pending_lesson
from langchain_intercascade.testing import (
    PRICES,
    Problem,
    SimulatedStrong,
    SimulatedWeak,
    grade,
    problems,
)
from langchain_intercascade.testing.simulated.families import FAMILIES, KNOWN
from langchain_intercascade.testing.simulated.problems import numbers_in, recognised
from tests.conftest import Colour

UNKNOWN = sorted(set(FAMILIES) - KNOWN)
SEEDS = range(6)

# Families whose stories begin alike and end in another way.
LOOK_ALIKES = [
    *permutations(("boxes_given", "boxes_whole"), 2),
    *permutations(("same_direction", "opposite_direction"), 2),
    ("fence_gate", "fence"),
    *permutations(("cheaper", "dearer"), 2),
]


def one_of(family: str, seed: int) -> Problem:
    """Return a problem of `family`."""
    return problems(seed, 1, families=[family])[0]


def distilled(problem: Problem, strong: SimulatedStrong | None = None) -> Strategy:
    """Return the candidate that `strong`, by default one that never errs, makes of `problem`."""
    teacher = strong or SimulatedStrong(error_rate=0)
    lesson = Lesson(query=problem.text, answer=teacher.invoke(problem.text).text)
    origin = Origin(run_id="r", strong_model="simulated-strong", prompt_version=1)
    pending = pending_lesson(tenant="t", query=problem.text, lesson=lesson, origin=origin)
    return run(asking(teacher, pending, prices=Prices(PRICES))).strategy


def advice_of(family: str, seed: int = 1000) -> Advice:
    """Return what the strong model teaches from one problem of `family`."""
    advice = distilled(one_of(family, seed)).advice
    assert advice is not None
    return advice


def asked(
    problem: Problem, *shown: Advice, colour: Colour | None = None, seed: int = 0
) -> AIMessage:
    """Return the weak answer to `problem` with the strategies `shown` in its prompt."""
    weak = SimulatedWeak(logprobs=True, seed=seed)
    payloads = [advice.model_dump(mode="json") for advice in shown]
    prompt = with_strategies([HumanMessage(problem.text)], payloads)
    return colour.invoke(weak, prompt) if colour else weak.invoke(prompt)


def confidence(answer: AIMessage) -> float:
    """Return the mean token probability of `answer`."""
    score = LogprobConfidence().invoke(Evidence("", [], answer))
    assert score.value is not None, score.reason
    return score.value


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Return the share of pairs in which the right answer is the surer one; ties count half."""
    wins = sum((one > other) + (one == other) / 2 for one in right for other in wrong)
    return wins / (len(right) * len(wrong))


# The problems.


def test_a_third_of_the_families_is_easy() -> None:
    """There is enough to know, and enough to learn."""
    assert (24, 8) == (len(FAMILIES), len(KNOWN))


def test_the_stream_depends_on_the_seed_alone() -> None:
    """The same seed gives the same stream, and a longer stream begins like a shorter one."""
    assert problems(3, 20) == problems(3, 30)[:20]
    assert problems(3, 20) != problems(4, 20)


def test_families_come_back() -> None:
    """There would be nothing to gain from learning otherwise."""
    families = [problem.family for problem in problems(0, 240)]

    assert set(FAMILIES) == set(families)
    assert max(families.count(family) for family in FAMILIES) < 30


@pytest.mark.parametrize("families", [[], ["no_such_family"]])
def test_a_stream_of_nothing_is_refused(families: list[str]) -> None:
    """A mistyped family is an error, not an endless search."""
    with pytest.raises(ValueError, match="famil"):
        problems(0, 1, families=families)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_story_tells_its_numbers_in_order(family: str) -> None:
    """The steps count on it: "the second number" is the second one in every wording."""
    count = len(FAMILIES[family].numbers)
    for story in FAMILIES[family].stories:
        assert [str(at) for at in range(count)] == re.findall(r"\d+", story)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_story_belongs_to_one_family(family: str) -> None:
    """However alike two stories are, a reader can tell which one it is, among other text too."""
    for seed in SEEDS:
        problem = one_of(family, seed)
        told = {name for name in FAMILIES if FAMILIES[name].told_in(problem.text)}
        found = recognised(f"Please solve this. {problem.text} Thank you!")

        assert {family} == told
        assert found == (FAMILIES[family], problem.text)


@pytest.mark.parametrize("family", FAMILIES)
def test_there_are_several_wordings(family: str) -> None:
    """Retrieval has something to do."""
    words = {re.sub(r"\d+", "0", one_of(family, seed).text) for seed in range(12)}

    assert 3 <= len(FAMILIES[family].stories)
    assert 3 <= len(words)


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("The answer is 42.", True),
        ("the answer is: 42", True),
        ("The answer is 41. No: the answer is 42.0", True),
        ("The answer is 42. No: the answer is 41.", False),
        ("42", False),
        ("The answer is 1,042.", False),
        ("", False),
    ],
)
def test_the_last_stated_answer_is_graded(said: str, right: bool) -> None:  # noqa: FBT001 - an expected value
    """A number counts when the text says that it is the answer."""
    assert right is grade(said, Problem("?", "42", "more"))


# The weak model.


@pytest.mark.parametrize("family", sorted(KNOWN))
def test_the_weak_model_knows_its_families(family: str, colour: Colour) -> None:
    """It is right without help, and sure, or at least not lost."""
    for seed in SEEDS:
        problem = one_of(family, seed)
        answer = asked(problem, colour=colour)

        assert grade(answer.text, problem)
        assert confidence(answer) >= 0.7


@pytest.mark.parametrize("family", UNKNOWN)
def test_the_weak_model_needs_and_can_use_a_strategy(family: str, colour: Colour) -> None:
    """Wrong alone, right with what was distilled from another problem of the family."""
    advice = advice_of(family)
    for seed in SEEDS:
        problem = one_of(family, seed)
        alone, taught = asked(problem, colour=colour), asked(problem, advice, colour=colour)

        assert (False, True) == (grade(alone.text, problem), grade(taught.text, problem))
        assert confidence(taught) >= 0.84


@pytest.mark.parametrize("family", UNKNOWN)
def test_a_strategy_of_another_family_misleads(family: str) -> None:
    """No foreign strategy leads to the answer, not even by luck."""
    others = [advice_of(other) for other in FAMILIES if other != family]
    for seed in SEEDS:
        problem = one_of(family, seed)

        assert not any(grade(asked(problem, other).text, problem) for other in others)


@pytest.mark.parametrize(("family", "other"), LOOK_ALIKES)
def test_the_strategy_of_a_look_alike_makes_a_wrong_answer_sure(family: str, other: str) -> None:
    """The known danger: a near miss of retrieval raises the confidence, not the accuracy."""
    problem = one_of(family, 3)
    misled = asked(problem, advice_of(other))

    assert not grade(misled.text, problem)
    assert confidence(misled) > 0.8


@pytest.mark.parametrize("family", UNKNOWN)
def test_of_two_strategies_the_fitting_one_is_followed(family: str) -> None:
    """Wherever it stands, and whatever stands beside it."""
    right, problem = advice_of(family), one_of(family, 2)
    for other in map(advice_of, set(FAMILIES) - {family}):
        assert grade(asked(problem, right, other).text, problem)
        assert grade(asked(problem, other, right).text, problem)


def test_steps_that_cannot_be_followed_are_left_alone() -> None:
    """A strategy in words that it does not understand leaves the weak model guessing."""
    problem = one_of("fence", 0)
    vague = advice_of("fence").model_copy(update={"steps": ("Think about the sides.",)})
    answer = asked(problem, vague)

    assert not grade(answer.text, problem)
    assert answer.text.startswith("Perhaps ")


def test_only_the_last_human_message_is_the_question() -> None:
    """Instructions and earlier turns do not confuse it."""
    problem = one_of("groups", 0)
    history = [
        SystemMessage("You have 2 minutes."),
        HumanMessage(one_of("more", 1).text),
        AIMessage("The answer is 3."),
        HumanMessage(problem.text),
    ]

    assert grade(SimulatedWeak().invoke(history).text, problem)


def test_what_the_weak_model_knows_can_be_chosen() -> None:
    """A model between weak and strong is a weak one that knows more; copies may differ."""
    problem = one_of("fence", 0)
    weak = SimulatedWeak()
    wiser = weak.model_copy(update={"known": weak.known | {"fence"}})

    assert not grade(weak.invoke(problem.text).text, problem)
    assert grade(wiser.invoke(problem.text).text, problem)


def test_a_text_without_numbers_gets_no_number() -> None:
    """It says so instead, unsure."""
    answer = asked(Problem("Who wrote Faust?", "0", "none"))

    assert [] == numbers_in(answer.text)


def test_confidence_depends_on_the_text_and_the_seed_alone() -> None:
    """The same prompt has the same log-probabilities every time; ties are rare."""
    stream = problems(1, 60)
    once, again = ([confidence(asked(problem)) for problem in stream] for _ in range(2))
    other_seed = [confidence(asked(problem, seed=1)) for problem in stream]

    assert once == again
    assert once != other_seed
    assert len(set(once)) == len({problem.text for problem in stream})


def test_confidence_separates_right_from_wrong_but_not_perfectly() -> None:
    """Alone, AUROC is about .98: a threshold is worth having, and none is perfect."""
    graded = [
        (grade(answer.text, problem), confidence(answer))
        for problem in problems(5, 600)
        for answer in [asked(problem)]
    ]
    separation = auroc([c for ok, c in graded if ok], [c for ok, c in graded if not ok])

    assert 0.95 < separation < 0.995


# The strong model.


@pytest.mark.parametrize("family", FAMILIES)
def test_the_strong_model_solves_every_family(family: str, colour: Colour) -> None:
    """With an error rate of zero it is always right."""
    strong = SimulatedStrong(error_rate=0)
    for seed in SEEDS:
        problem = one_of(family, seed)

        assert grade(colour.invoke(strong, problem.text).text, problem)


@pytest.mark.parametrize("rate", [SimulatedStrong().error_rate, 0.2])
def test_the_strong_model_errs_at_the_declared_rate(rate: float) -> None:
    """Within four standard errors over 1,000 questions."""
    strong = SimulatedStrong(error_rate=rate)
    stream = problems(8, 1000)
    errors = sum(not grade(strong.invoke(problem.text).text, problem) for problem in stream)

    assert abs(errors / 1000 - rate) < 4 * math.sqrt(rate * (1 - rate) / 1000)


def test_the_errors_of_the_strong_model_stay_where_they_are() -> None:
    """Asking again does not help; another seed errs elsewhere."""

    def wrong(seed: int) -> set[str]:
        strong = SimulatedStrong(error_rate=0.1, seed=seed)
        stream = problems(2, 200)
        return {p.text for p in stream if not grade(strong.invoke(p.text).text, p)}

    assert wrong(0) == wrong(0)
    assert wrong(0) != wrong(1)


@pytest.mark.parametrize("family", UNKNOWN)
def test_a_wrong_answer_leaves_a_wrong_strategy(family: str) -> None:
    """What the strong model got wrong it also teaches wrongly."""
    advice = distilled(one_of(family, 1000), SimulatedStrong(error_rate=1)).advice
    assert advice is not None
    for seed in SEEDS:
        problem = one_of(family, seed)

        assert not grade(asked(problem, advice).text, problem)


@pytest.mark.parametrize("rate", [0, 1])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_distilled_gives_nothing_away(family: str, rate: int) -> None:
    """Right or wrong, it is general: the leak guard lets it in, and it holds no figures."""
    for seed in SEEDS:
        candidate = distilled(one_of(family, seed), SimulatedStrong(error_rate=rate))
        check_leaks(candidate)

        assert candidate.state is State.CANDIDATE
        assert candidate.advice
        assert [] == numbers_in(candidate.advice.text())


def test_what_it_does_not_know_the_strong_model_refuses() -> None:
    """So nothing is learned from it."""
    with InterCascade(
        weak=SimulatedWeak(), strong=SimulatedStrong(), learning="inline", prices=PRICES
    ) as cascade:
        answer = cascade.invoke("Who wrote Faust?")
        record = answer.response_metadata["inter_cascade"]

        assert "simulated model" in answer.text
        assert "unresolved" == record["lesson"]["state"]


# Both.


@pytest.mark.parametrize("model", [SimulatedWeak(logprobs=True), SimulatedStrong(logprobs=True)])
def test_an_answer_says_what_it_cost_and_who_gave_it(
    model: SimulatedWeak | SimulatedStrong,
) -> None:
    """Words are tokens, the name says "simulated", and its price is declared."""
    problem = one_of("groups", 0)
    answer = model.invoke(problem.text)
    usage = answer.usage_metadata

    assert usage
    assert (len(problem.text.split()), len(answer.text.split())) == (
        usage["input_tokens"],
        usage["output_tokens"],
    )
    assert answer.response_metadata["model_name"].startswith("simulated-")
    assert (Prices(PRICES).cost(answer) or 0) > 0


@pytest.mark.parametrize("model", [SimulatedWeak(), SimulatedStrong()])
def test_answers_stream_word_by_word(
    model: SimulatedWeak | SimulatedStrong, colour: Colour
) -> None:
    """The pieces add up to the answer that comes in one."""
    text = one_of("groups", 0).text
    pieces = colour.stream(model, text)

    assert len(pieces) > 5
    assert model.invoke(text).text == "".join(piece.text for piece in pieces)


@pytest.mark.parametrize("model", [SimulatedWeak, SimulatedStrong])
def test_an_answer_takes_the_delay(
    model: type[SimulatedWeak | SimulatedStrong], colour: Colour
) -> None:
    """For those who want to watch, or to measure under load."""
    began = perf_counter()
    colour.invoke(model(delay=0.02), one_of("groups", 0).text)

    assert perf_counter() - began >= 0.02


def test_the_distil_prompt_is_read_as_text() -> None:
    """Whoever asks, with the problem and its solution in tags, gets the strategy as JSON."""
    problem = one_of("average", 0)
    prompt = f"<problem>\n{problem.text}\n</problem>\n<solution>\nAs seen.\n</solution>"
    advice = Advice(**json.loads(SimulatedStrong(error_rate=0).invoke(prompt).text))

    assert FAMILIES["average"].steps == advice.steps


def test_a_cascade_of_the_two_learns(colour: Colour) -> None:
    """The strong model is asked less and less, and the cascade is far better than the weak one."""
    stream = problems(0, 150)
    with InterCascade(
        weak=SimulatedWeak(), strong=SimulatedStrong(), learning="inline", prices=PRICES
    ) as cascade:
        answers = [colour.invoke(cascade, problem.text) for problem in stream]
    routes = [answer.response_metadata["inter_cascade"]["route"] for answer in answers]
    right = [grade(answer.text, p) for answer, p in zip(answers, stream, strict=True)]
    alone = [grade(SimulatedWeak().invoke(p.text).text, p) for p in stream]

    assert routes[:30].count("strong") > 2 * routes[-30:].count("strong")
    assert sum(right) > 2 * sum(alone)
