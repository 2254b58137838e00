"""What every confidence function promises, as checks that anybody may run on their own.

@pytest.mark.parametrize("check", check_confidence(lambda model: MyConfidence(model)), ids=str)
def test_my_confidence_keeps_the_contract(check):
    check.run()
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.runnables import RunnableConfig

from langchain_intercascade.confidence.base import ConfidenceFunction, Evidence, Score
from langchain_intercascade.testing.checks import Check, holds
from langchain_intercascade.testing.scripted import Reply, Scripted, ScriptedChatModel

Factory: TypeAlias = Callable[[ScriptedChatModel], ConfidenceFunction]

LONG: Final = 1_000_000
"""Characters of a prompt that is longer than any function may pay for."""

AFFORDABLE: Final = 100_000
"""Characters that a function may send to models, all calls together, however long the prompt."""

REPLIES: Final[tuple[Scripted, ...]] = (
    *("85", "True", "False", "yes", "no", "4", "The answer is 4.", "", " ", "NaN", "-1", "1e400"),
    *("True or False", "between 80 and 90", "9" * 5_000, "[" * 50_000, "{}", "null", "\ud800"),
    Reply("True", logprob=0.0),
    Reply("True", logprob=-math.inf),
    Reply("85", logprob=math.nan),
    Reply("4", finish_reason="length"),
    Reply("", tool_calls=[{"name": "add", "args": {"a": 1}}]),
    Reply("", tool_calls=[{"name": "add", "args": "{broken"}]),
    TimeoutError("no reply in time"),
    ConnectionError("reset"),
)
"""What models were seen to say, or to fail with, when they were asked for a confidence."""

_VALUES: Final[tuple[list[Any], ...]] = (
    *([], [0.0], [-0.0, -0.25], [-0.1] * 300, [-1e308, -1e308], [-9999.0], [1e-9]),
    *([math.nan], [math.inf], [-math.inf], [-0.1, -math.inf], [0.5], [10**400], [-(10**400)]),
    *(["-0.1"], [None], [True], [{}], [[]]),
)


def check_confidence(factory: Factory) -> list[Check]:
    """Return a check for every promise of `ConfidenceFunction`, in both colours.

    Args:
        factory: Makes the function; called once a check and model.  A function that
            asks a model is to ask the one it is given; one that asks none ignores it.
    """
    return [
        *(check for promise in _PROMISES for check in _in_both_colours(promise, factory)),
        Check("both_colours_agree", partial(_both_colours_agree, factory)),
        Check("names_itself", partial(_names_itself, factory)),
    ]


def strange_answers() -> Iterator[AIMessage]:
    """Yield weak answers as providers, or broken ones, return them; some were seen, some may be."""
    shaped = [_openai(values) for values in _VALUES]
    shaped += [*_other_shapes([-0.1, -0.2]), *_other_shapes([-0.1, math.nan, None])]
    for metadata in shaped:
        yield AIMessage("The answer is 4.", response_metadata=metadata)
    for content in (
        "",
        " \n",
        "4",
        "#### 4",
        "The answer is",
        "\ud800",
        "x" * 100_000,
        "[" * 50_000,
    ):
        entries = [{"token": content, "logprob": -0.1, "top_logprobs": [None, {"token": 1}]}]
        yield AIMessage(content, response_metadata={"logprobs": {"content": entries}})
    yield AIMessage([{"type": "text", "text": "4"}, {"type": "reasoning", "reasoning": "2 + 2"}])
    yield AIMessage("", tool_calls=[tool_call(name="add", args={"a": math.nan}, id=None)])
    broken = invalid_tool_call(name="add", args="{broken", id=None, error="not JSON")
    yield AIMessage("", invalid_tool_calls=[broken])
    yield AIMessage("4", usage_metadata=_usage(10**9), response_metadata={"finish_reason": "stop"})
    yield AIMessage("4", additional_kwargs={"refusal": "I cannot help with that."})


def evidence_of(answer: AIMessage, *, query: str = "What is 2 + 2?") -> Evidence:
    """Return `answer` as the weak answer to `query`."""
    return Evidence(query, [HumanMessage(query)], answer)


def expect_score(score: object) -> None:
    """Raise `AssertionError` unless `score` is a number in [0, 1] or unavailable with a reason."""
    holds(isinstance(score, Score), "what a confidence function returns is a Score")
    assert isinstance(score, Score)  # noqa: S101 - says the line above to the type checker
    if score.value is None:
        holds(score.reason.strip(), "a score that is unavailable says why")
    else:
        holds(0.0 <= score.value <= 1.0, f"the score {score.value} lies in [0, 1]")


# Running a promise.


@dataclass(frozen=True)
class _Bench:
    """Makes functions on models with a script, and invokes them in one colour."""

    factory: Factory
    asynchronous: bool

    def score(self, model: ScriptedChatModel, evidence: Evidence, **config: Any) -> Score:
        return self.scores(model, [evidence], **config)[0]

    def scores(
        self, model: ScriptedChatModel, several: Sequence[Evidence], **given: Any
    ) -> list[Score]:
        function, config = self.factory(model), cast("RunnableConfig", given)
        if not self.asynchronous:
            return [function.invoke(evidence, config) for evidence in several]

        async def main() -> list[Score]:
            return [await function.ainvoke(evidence, config) for evidence in several]

        # In a thread, so that the caller may have an event loop running.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, main()).result()


def _in_both_colours(promise: Callable[[_Bench], None], factory: Factory) -> Iterator[Check]:
    words = promise.__name__.removeprefix("_")
    yield Check(f"{words}-sync", lambda: promise(_Bench(factory, asynchronous=False)))
    yield Check(f"{words}-async", lambda: promise(_Bench(factory, asynchronous=True)))


def _always(reply: Scripted) -> ScriptedChatModel:
    return ScriptedChatModel(replies=[reply], repeat_last=True)


# Material.


def _usage(written: int) -> Any:
    return {"input_tokens": 1, "output_tokens": written, "total_tokens": 1 + written}


def _strange_evidence() -> list[Evidence]:
    return [evidence_of(answer) for answer in strange_answers()]


def _openai(values: list[Any]) -> dict[str, Any]:
    entries = [{"token": " 4", "logprob": value, "top_logprobs": values[:2]} for value in values]
    return {"logprobs": {"content": entries}}


def _other_shapes(values: list[Any]) -> Iterator[dict[str, Any]]:
    yield {"logprobs": _openai(values)["logprobs"]["content"]}
    yield {"logprobs": [{"logprob": value} for value in values]}
    yield {"logprobs": values}
    yield {"logprobs_result": {"chosen_candidates": [{"log_probability": v} for v in values]}}
    yield from ({"avg_logprobs": value} for value in values)


# The promises.


def _scores_any_answer(bench: _Bench) -> None:
    """A number in [0, 1] or unavailable with a reason; nothing is raised."""
    for score in bench.scores(_always("80"), _strange_evidence()):
        expect_score(score)


def _survives_any_reply(bench: _Bench) -> None:
    """Neither nonsense nor a failure of a model gets through."""
    for reply in REPLIES:
        expect_score(bench.score(_always(reply), evidence_of(AIMessage("4"))))


def _costs_the_same_however_long_the_prompt(bench: _Bench) -> None:
    """A prompt of a million characters is not paid for again."""
    long = "word " * (LONG // 5)
    model = _always("True")
    expect_score(bench.score(model, evidence_of(AIMessage("4"), query=long)))
    sent = sum(len(message.text) for prompt in model.calls for message in prompt)
    holds(sent <= AFFORDABLE, f"at most {AFFORDABLE} characters are sent, not {sent}")


def _tells_what_it_spent(bench: _Bench) -> None:
    """Every reply that a model gave is among the score's messages, once."""
    for reply in ("True", "80", "The answer is 4."):
        model = _always(reply)
        score = bench.score(model, evidence_of(AIMessage("4")))
        told, called = len(score.messages), model.call_count
        holds(told == called, f"{called} calls were made and {told} are told of")


def _stays_out_of_sight(bench: _Bench) -> None:
    """What models are asked about an answer is shown to no user while it goes on."""
    screen = _Screen()
    bench.score(_always("True"), evidence_of(AIMessage("4")), callbacks=[screen])
    holds(not screen.shown, "no stream shows a model call of a confidence function")


def _leaves_the_evidence_alone(bench: _Bench) -> None:
    """The weak answer may be served after it was scored."""
    several = _strange_evidence()
    bench.scores(_always("True"), several)
    holds(repr(several) == repr(_strange_evidence()), "the evidence is not changed")


def _both_colours_agree(factory: Factory) -> None:
    one, other = (
        _Bench(factory, asynchronous=each).scores(_always("80"), _strange_evidence())
        for each in (False, True)
    )
    holds(one == other, f"{one} and {other} are equal")


def _names_itself(factory: Factory) -> None:
    model = _always("True")
    function = factory(model)
    holds(function.method.strip(), "the method has a name, for the record")
    bound = function.bound_to(model)
    holds(bound.method == function.method, "the name is the same for every weak model")
    holds(bound.needs_logprobs == function.needs_logprobs, "so is what it needs")


class _Screen(BaseCallbackHandler):
    """Shows runs to a user while they go on, as event streams do."""

    def __init__(self) -> None:
        self.shown = 0

    def tap_output_iter(self, run_id: object, output: Any) -> Any:
        del run_id
        return output

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        del args, kwargs
        self.shown += 1


_PROMISES: Final = (
    _scores_any_answer,
    _survives_any_reply,
    _costs_the_same_however_long_the_prompt,
    _tells_what_it_spent,
    _stays_out_of_sight,
    _leaves_the_evidence_alone,
)
