"""Every confidence function of the package keeps the contract that the package publishes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langchain_intercascade import ConfidenceFunction, Evidence, Score
from langchain_intercascade._steps import Steps, ask
from langchain_intercascade.agreement import FirstToTell, JudgeAgreement, as_agreement
from langchain_intercascade.confidence.auto import AutoConfidence
from langchain_intercascade.confidence.base import score_of
from langchain_intercascade.confidence.composition import all_of, any_of, cheap_first, weighted
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.confidence.judge import JudgeConfidence, probability_of_true
from langchain_intercascade.confidence.logprobs import LogprobConfidence
from langchain_intercascade.confidence.recalibration import Recalibration, recalibrated
from langchain_intercascade.confidence.self_consistency import SelfConsistency
from langchain_intercascade.confidence.validity import ValidityConfidence
from langchain_intercascade.confidence.verbalized import VerbalizedConfidence, stated
from langchain_intercascade.testing import ScriptedChatModel, check_confidence
from langchain_intercascade.testing.confidence_contract import evidence_of, expect_score
from tests.arbitrary import answers

Factory = Callable[[ScriptedChatModel], ConfidenceFunction]

SCHEMA = {"title": "Sum", "type": "object", "properties": {"sum": {"type": "number"}}}
HALVED = Recalibration((0.0, 1.0), (0.0, 0.5))

FREE: dict[str, Factory] = {
    "mean": lambda _: LogprobConfidence(),
    "minimum": lambda _: LogprobConfidence("minimum"),
    "quantile": lambda _: LogprobConfidence("quantile", q=0.25),
    "margin": lambda _: LogprobConfidence("margin"),
    "answer": lambda _: LogprobConfidence(span="answer"),
    "answer margin": lambda _: LogprobConfidence("margin", span="answer"),
    "validity": lambda _: ValidityConfidence(SCHEMA),
    "validity of the call": lambda _: ValidityConfidence(),
    "callable": lambda _: as_confidence(lambda evidence: len(evidence.weak_answer.text) / 1000),
    "runnable": lambda _: as_confidence(RunnableLambda(lambda _: 0.5)),
}
ASKING: dict[str, Factory] = {
    "auto": lambda model: AutoConfidence().bound_to(model),
    "samples": lambda model: SelfConsistency().bound_to(model),
    "samples, judged": lambda model: SelfConsistency(
        model,
        measure="margin",
        agreement=FirstToTell(as_agreement(None), JudgeAgreement(model)),
    ),
    "stated": lambda model: VerbalizedConfidence().bound_to(model),
    "judge": JudgeConfidence,
    "all": lambda model: all_of("logprobs", JudgeConfidence(model)),
    "any": lambda model: any_of("verbalized", "self_consistency").bound_to(model),
    "weighted": lambda model: weighted(("verbalized", 2), ("auto", 1)).bound_to(model),
    "cheap first": lambda model: cheap_first("logprobs", "auto").bound_to(model),
    "recalibrated": lambda model: recalibrated("verbalized", HALVED).bound_to(model),
}
EVERY = FREE | ASKING

# The others differ too little from these to be worth the time; the next test has all.
ALIKE = {"minimum", "quantile", "margin", "validity of the call", "weighted"}

CHECKS = [
    pytest.param(check, id=f"{name}-{check.name}")
    for name, factory in EVERY.items()
    if name not in ALIKE
    for check in check_confidence(factory)
]


@pytest.mark.parametrize("check", CHECKS)
def test_the_contract_is_kept(check: Any) -> None:
    check.run()


@given(answers(), st.sampled_from(sorted(EVERY)), st.text(max_size=30))
def test_any_message_gets_a_score_or_a_reason(answer: AIMessage, name: str, said: str) -> None:
    """For any metadata, and whatever the model that is asked replies."""
    model = ScriptedChatModel(replies=[said], repeat_last=True)

    expect_score(EVERY[name](model).invoke(evidence_of(answer)))


@given(st.text(alphabet="0123456789.%/- outf", max_size=12) | st.text())
def test_a_stated_number_is_in_the_unit_interval_or_none(text: str) -> None:
    found = stated(text)

    assert found is None or 0.0 <= found <= 1.0


@given(answers(), st.sampled_from(["True", " false", "true.", "neither"]))
def test_any_judgement_is_a_score_or_a_reason(reply: AIMessage, said: str) -> None:
    expect_score(probability_of_true(reply.model_copy(update={"content": said})))


class Misbehaving(ConfidenceFunction):
    """Breaks one promise at a time."""

    def __init__(self, model: ScriptedChatModel, fault: str) -> None:
        self.method = "" if fault == "names_itself" else "misbehaving"
        self._model, self._fault = model, fault

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        answer = evidence.weak_answer
        if self._fault == "scores_any_answer" and not answer.text:
            raise ValueError
        if self._fault == "leaves_the_evidence_alone":
            answer.response_metadata.clear()
        asked: Any = "?"
        if self._fault == "costs_the_same_however_long_the_prompt":
            asked = evidence.asked
        if self._fault == "tells_what_it_spent":
            self._model.invoke(asked)
        reply = yield from ask(self._model, asked, tags=self._tags())
        if self._fault == "survives_any_reply":
            return Score(float(reply.text) / 100)
        return score_of(0.5)

    def _tags(self) -> list[str]:
        return [] if self._fault == "stays_out_of_sight" else ["nostream"]

    async def ainvoke(self, input: Evidence, config: Any = None, **_: Any) -> Score:
        if self._fault == "both_colours_agree":
            return Score(0.75)
        return await super().ainvoke(input, config)


FAULTS = sorted({check.name.partition("-")[0] for check in check_confidence(JudgeConfidence)})


@pytest.mark.parametrize("fault", FAULTS)
def test_a_function_that_breaks_a_promise_is_found_out(fault: str) -> None:
    """The suite can fail, promise by promise, in both colours."""
    checks = [
        check
        for check in check_confidence(lambda model: Misbehaving(model, fault))
        if check.name.startswith(fault)
    ]

    assert checks
    for check in checks:
        with pytest.raises((AssertionError, ValueError)):
            check.run()
