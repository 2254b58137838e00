"""Self-consistency: the weak model is asked again, honestly, and its answers are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatResult
from pydantic import PrivateAttr

from langchain_intercascade import ConfidenceFunction, ConfigurationError, Evidence, Score
from langchain_intercascade.agreement import JudgeAgreement
from langchain_intercascade.confidence._asking import LONGEST
from langchain_intercascade.confidence.auto import AutoConfidence
from langchain_intercascade.confidence.self_consistency import SelfConsistency
from langchain_intercascade.state import Run
from langchain_intercascade.testing import Reply, ScriptedChatModel
from langchain_intercascade.testing.confidence_contract import evidence_of
from tests.arbitrary import SHAPES
from tests.cascades import cascade_of
from tests.conftest import Colour

RUN = Run(tenant="acme", k=2, min_similarity=0.3, learning="inline")
FOUR = evidence_of(AIMessage("2 + 2 = 4. The answer is 4."))


class Settable(ScriptedChatModel):
    """A scripted model with the settings of real ones; remembers how they were at each call."""

    temperature: float | None = None
    seed: int | None = None
    _settings: list[tuple[Any, ...]] = PrivateAttr(default_factory=list)

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        temperature = kwargs.get("temperature", self.temperature)
        self._settings.append((temperature, kwargs.get("seed", self.seed), self.disable_streaming))
        return super()._generate(messages, *args, **kwargs)


def samples(*replies: Reply | str | Exception, **fields: Any) -> ScriptedChatModel:
    return ScriptedChatModel(replies=replies, **fields)


def score(
    colour: Colour,
    replies: Sequence[Reply | str | Exception],
    evidence: Evidence = FOUR,
    **options: Any,
) -> Score:
    """The score by these samples."""
    function = SelfConsistency(samples(*replies), samples=len(replies), **options)
    return colour.invoke(function, evidence)


def test_it_is_the_share_of_samples_that_agree(colour: Colour) -> None:
    replies = ["The answer is 4.", "It is 5 - no: #### 4.0", "The answer is 5.", "4"]

    assert 0.75 == score(colour, replies).value


def test_two_that_say_nothing_alike_have_the_share_zero(colour: Colour) -> None:
    assert 0.0 == score(colour, ["The answer is 5.", "6"]).value


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (["4", "4", "5", "5"], 0.0),
        (["4", "4", "5", "6"], 0.25),
        (["4", "4", "4", "4"], 1.0),
        (["4", "5", "5", "5"], 0.0),
        (["4", "4", "", " "], 0.5),
    ],
)
def test_a_margin_is_over_the_largest_rival_group(
    colour: Colour, replies: list[str], expected: float
) -> None:
    """Samples that are no answer agree on nothing, so they are no rival."""
    assert expected == score(colour, replies, measure="margin").value


def test_what_is_no_answer_disagrees_and_what_failed_is_left_out(colour: Colour) -> None:
    refused, cut_off = Reply("4", finish_reason="refusal"), Reply("4", finish_reason="length")

    assert 0.5 == score(colour, ["4", "4", refused, cut_off]).value
    assert 0.5 == score(colour, ["4", "5", TimeoutError(), TimeoutError()]).value


def test_with_most_samples_lost_there_is_no_score(colour: Colour) -> None:
    found = score(colour, ["4", TimeoutError(), TimeoutError()])

    assert found.value is None
    assert "only 1 of 3" in found.reason
    assert 1 == len(found.messages)


def test_free_text_cannot_be_compared_without_a_judge(colour: Colour) -> None:
    essay = "It rains in spring because the air is warm and holds much water by then."
    other = "Spring rain has many causes, and warm air that holds water is one of them."
    evidence = evidence_of(AIMessage(essay))
    judge = ScriptedChatModel(replies=["yes"], repeat_last=True)

    assert score(colour, [other] * 2, evidence).value is None
    found = score(colour, [other] * 2, evidence, agreement=JudgeAgreement(judge))
    assert 1.0 == found.value
    assert 4 == len(found.messages)  # what the judge cost counts too


def test_what_cannot_be_told_of_some_disagrees(colour: Colour) -> None:
    evidence = evidence_of(AIMessage("4"))

    assert (
        0.5 == score(colour, ["4", "There is much to be said for and against it."], evidence).value
    )


def test_an_agreement_that_fails_cannot_tell(colour: Colour) -> None:
    def agreement(*texts: str) -> bool:
        if texts[-1] == "5":
            raise OSError
        return True

    assert 0.5 == score(colour, ["4", "5"], agreement=agreement).value


def test_tool_calls_are_compared_by_name_and_arguments(colour: Colour) -> None:
    def call(**args: int) -> Reply:
        return Reply("", tool_calls=[{"name": "add", "args": args}])

    weak_answer = AIMessage("", tool_calls=[{"name": "add", "args": {"b": 2, "a": 2}, "id": "x"}])

    replies = [call(a=2, b=2), call(a=2, b=3)]
    assert 0.5 == score(colour, replies, evidence_of(weak_answer)).value


def test_the_weak_model_is_asked_exactly_what_it_was_asked_before(colour: Colour) -> None:
    """With the strategies and the tools; and a sample teaches nothing."""
    model = samples("4")
    prompt = [HumanMessage("<strategies>"), HumanMessage("2 + 2?")]
    run = RUN.under(None)
    evidence = Evidence("2 + 2?", prompt[1:], AIMessage("4"), prompt=prompt, run=run)
    function = SelfConsistency(samples=1).bound_to(model)

    assert 1.0 == colour.invoke(function, evidence).value
    assert [prompt] == model.calls

    model = samples("4")
    tools = [{"type": "function", "function": {"name": "add", "parameters": {}}}]
    equipped = Run(tenant="a", k=0, min_similarity=0, learning="off", model_kwargs={"tools": tools})
    with_tools = Evidence("2 + 2?", prompt, AIMessage("4"), run=equipped)
    colour.invoke(SelfConsistency(samples=1).bound_to(model), with_tools)
    assert "add" == model.kwargs_seen[0]["tools"][0]["function"]["name"]


def test_samples_do_not_come_out_of_a_cache(colour: Colour) -> None:
    """They would all be one sample, and agree."""
    set_llm_cache(InMemoryCache())
    try:
        model = samples("4", "4", "5", "5", "5")
        weak_answer = model.invoke("What is 2 + 2?")
        function = SelfConsistency(samples=4).bound_to(model)
        assert 0.25 == colour.invoke(function, evidence_of(weak_answer)).value
    finally:
        set_llm_cache(None)


@pytest.mark.parametrize(
    ("own", "asked", "used"),
    [(0.0, None, 0.7), (None, None, None), (1.2, None, 1.2), (1.2, 0.4, 0.4)],
)
def test_samples_are_drawn_warm_and_without_a_seed(
    own: float | None, asked: float | None, used: float | None
) -> None:
    """At temperature 0 they would all be the same; the model itself is not changed."""
    model = Settable(replies=["4"], repeat_last=True, temperature=own, seed=7)

    SelfConsistency(model, samples=1, temperature=asked).invoke(FOUR)
    assert [(used, None, True)] == model._settings  # noqa: SLF001 - this test's own class
    assert (own, 7, False) == (model.temperature, model.seed, model.disable_streaming)


def test_a_cold_binding_and_fallbacks_are_warmed_too() -> None:
    cold = Settable(replies=[OSError()], repeat_last=True, temperature=0.0)
    second = Settable(replies=["4"], repeat_last=True, temperature=0.0)

    bound = cold.with_fallbacks([second.bind(temperature=0)])
    assert 1.0 == SelfConsistency(bound, samples=1).invoke(FOUR).value
    assert 0.7 == cold._settings[0][0] == second._settings[0][0]  # noqa: SLF001 - as above


def test_a_prompt_too_long_is_not_paid_for_again(colour: Colour) -> None:
    model = samples("4")
    long = evidence_of(AIMessage("4"), query="x" * 101)

    found = colour.invoke(SelfConsistency(model, longest_prompt=100), long)
    assert found.value is None
    assert "longer than 100" in found.reason
    assert 0 == model.call_count
    assert 1.0 == colour.invoke(SelfConsistency(model, samples=1, longest_prompt=None), long).value


class Refused(Exception):  # noqa: N818 - named as clients name it
    status_code = 401


def test_a_model_that_never_works_is_a_configuration_error(colour: Colour) -> None:
    """To defer around it would cost money for ever."""
    with pytest.raises(ConfigurationError, match="self_consistency"):
        score(colour, [Refused(), "4"])


def test_it_must_know_a_model(colour: Colour) -> None:
    with pytest.raises(ConfigurationError, match="bound_to"):
        colour.invoke(SelfConsistency(), FOUR)


def test_a_model_of_its_own_is_kept() -> None:
    own = samples("4")

    SelfConsistency(own, samples=1).bound_to(samples("5")).invoke(FOUR)
    assert 1 == own.call_count


@pytest.mark.parametrize(
    "options", [{"samples": 0}, {"measure": "entropy"}, {"temperature": 0.0}, {"agreement": 3}]
)
def test_impossible_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=str(next(iter(options.values())))):
        SelfConsistency(**options)


# "auto"


def auto(model: ScriptedChatModel) -> ConfidenceFunction:
    return AutoConfidence(otherwise=SelfConsistency(samples=2)).bound_to(model)


def test_auto_reads_logprobs_where_they_come(colour: Colour) -> None:
    model = samples("4", "5")
    answer = AIMessage("4", response_metadata=SHAPES[0]([0.0]))

    found = colour.invoke(auto(model), evidence_of(answer))
    assert (1.0, "mean_token_probability", 0) == (found.value, found.method, model.call_count)


def test_auto_asks_again_where_none_come(colour: Colour) -> None:
    model = samples("4", "5")

    found = colour.invoke(auto(model), evidence_of(AIMessage("4")))
    assert (0.5, "self_consistency", 2) == (found.value, found.method, model.call_count)


def test_auto_does_not_replace_nonsense(colour: Colour) -> None:
    """Logprobs that came say what kind of model this is; a bad one defers, unpaid."""
    model = samples("4", "4")
    answer = AIMessage("4", response_metadata=SHAPES[0]([float("-inf")]))

    found = colour.invoke(auto(model), evidence_of(answer))
    assert (None, "mean_token_probability", 0) == (found.value, found.method, model.call_count)


def test_auto_asks_the_weak_model_for_logprobs() -> None:
    assert AutoConfidence().needs_logprobs


class Seeded(Settable):
    """A model that must have a seed."""

    seed: int = -1


def test_a_seed_that_a_model_must_have_is_left_to_it() -> None:
    model = Seeded(replies=["4"])

    SelfConsistency(model, samples=1).invoke(FOUR)
    assert -1 == model._settings[0][1]  # noqa: SLF001 - as above


def test_samples_of_a_cascade_teach_nothing(colour: Colour) -> None:
    """A cascade may be the weak model of another; its lessons come from queries, not samples."""
    inner = cascade_of()
    sampled = Evidence("2 + 2?", [HumanMessage("2 + 2?")], AIMessage("4"), run=RUN)

    colour.invoke(SelfConsistency(samples=2).bound_to(inner), sampled)
    assert 0 == inner.repository.count(tenant="acme")
    colour.invoke(inner, "2 + 2?", tenant="acme")
    assert 1 == inner.repository.count(tenant="acme")


def test_a_judge_of_samples_does_not_read_a_long_query_whole() -> None:
    judge = ScriptedChatModel(replies=["yes"], repeat_last=True)
    function = SelfConsistency(
        samples("4"), samples=1, agreement=JudgeAgreement(judge), longest_prompt=None
    )

    assert 1.0 == function.invoke(evidence_of(AIMessage("4"), query="x" * 10**6)).value
    assert len(judge.calls[0][1].text) < 2 * LONGEST
