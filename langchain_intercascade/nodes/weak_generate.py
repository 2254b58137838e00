"""Strategies + query -> the weak answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, BaseMessage

from langchain_intercascade import prompts
from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt
from langchain_intercascade.costs import Prices, charged
from langchain_intercascade.equipment import equipping, misfit
from langchain_intercascade.errors import ConfigurationError, NoSlotError
from langchain_intercascade.learning.lesson import is_outage
from langchain_intercascade.record import with_fault
from langchain_intercascade.reply import configuration_fault, flaw, invalid_request, text_only
from langchain_intercascade.resilience.breaker import Breaker
from langchain_intercascade.resilience.retry_after import retry_after
from langchain_intercascade.state import Attempt
from langchain_intercascade.strategy import Kind, Shown

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_intercascade.state import Body, CascadeState, Run, Update

_PAUSED: Final = "there is none, because the weak model kept failing and is left alone for a while"


def weak_generate(
    weak: Runnable[Any, AIMessage], *, prices: Prices, breaker: Breaker | None = None
) -> Body:
    """Let the weak model try, with the retrieved strategies in its prompt.

    A weak model that fails, refuses or is cut off leaves an attempt without an
    answer, which the gate defers.  One that can never work as configured is a
    `ConfigurationError`: deferring around it would cost money for ever.  One that
    is down is left alone for a while, unless the caller asks for it by `force`.

    Args:
        weak: The weak model.
        prices: What its tokens cost.
        breaker: Decides when to leave a failing model alone.
    """
    fuse = breaker or Breaker(of="weak model")
    equipped = equipping(weak)

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        if run.force == "strong":
            return {}
        if run.force != "weak" and not fuse.allows():
            return {"attempt": Attempt(message=None, reason="weak_paused", detail=_PAUSED)}
        prompt = with_strategies(state["messages"], state.get("shown") or [])
        model, kwargs = equipped(run)
        began = perf_counter()
        answer = yield from attempt(
            ask(model, prompt, kwargs=kwargs, run_name="weak", tags=[QUIET])
        )
        if isinstance(answer, Fault):
            _raise_if_never_works(answer.error, state["messages"])
            _tell(fuse, answer.error)
            failed = Attempt(message=None, reason="weak_failed", detail=str(answer))
            record = with_fault(state["record"], "weak_generate", answer)
            return {"attempt": failed, "record": record}
        fuse.succeeded()
        spent = 1000 * (perf_counter() - began)
        record = charged(state["record"], "weak", answer, prices=prices, latency_ms=spent)
        return {"attempt": _judged(answer, run), "record": record}

    return body


def _tell(fuse: Breaker, error: Exception) -> None:
    """Tell the breaker of a fault: whoever finds fault with this very query is up."""
    if not is_outage(error):
        fuse.succeeded()
    elif not isinstance(error, NoSlotError):  # our own limit says nothing about the model
        fuse.failed(error, rest=retry_after(error))


def with_strategies(
    messages: Sequence[BaseMessage], shown: Sequence[dict[str, Any]]
) -> list[BaseMessage]:
    """Return `messages` with the strategies `shown` before the last human message's own text.

    They stand in the human turn as delimited data, so they have no more say
    than the user; the messages given are not changed.
    """
    prompt = list(messages)
    at = next((i for i in reversed(range(len(prompt))) if prompt[i].type == "human"), None)
    if shown and at is not None:
        prompt[at] = _prefixed(prompt[at], strategies_block(shown))
    return prompt


def strategies_block(shown: Sequence[dict[str, Any]]) -> str:
    """Return the strategies as one delimited block of text."""
    return _block(tuple(map(json.dumps, shown)))


@lru_cache(maxsize=256)  # the same few strategies are shown again and again
def _block(shown: tuple[str, ...]) -> str:
    numbered = enumerate(map(Shown.model_validate_json, shown), start=1)
    text = prompts.inert("\n".join(_written(number, advice) for number, advice in numbered))
    marker = blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
    return prompts.STRATEGIES.format(marker=marker, strategies=text)


def _written(number: int, advice: Shown) -> str:
    steps = (
        prompts.STEP.format(number=i, step=step) for i, step in enumerate(advice.steps, start=1)
    )
    template = prompts.PITFALL if advice.kind is Kind.PITFALL else prompts.STRATEGY
    text = template.format(
        number=number,
        title=advice.title,
        when_to_use=advice.when_to_use,
        when_not_to_use=advice.when_not_to_use or prompts.NOTHING,
        steps="\n".join(steps),
        pitfalls="; ".join(advice.pitfalls) or prompts.NOTHING,
        checks="; ".join(advice.checks) or prompts.NOTHING,
    )
    return text + (prompts.EXAMPLE.format(**dict(advice.example)) if advice.example else "")


def _prefixed(message: BaseMessage, block: str) -> BaseMessage:
    content = message.content
    if isinstance(content, str):
        return message.model_copy(update={"content": block + content})
    return message.model_copy(update={"content": [{"type": "text", "text": block}, *content]})


def _judged(answer: AIMessage, run: Run) -> Attempt:
    found = flaw(answer)
    if found is None:
        problem = misfit(answer, run.model_kwargs)
        return Attempt(message=answer, reason="weak_invalid" if problem else None, detail=problem)
    kind, detail = found
    return Attempt(
        message=answer,
        reason="weak_refused" if kind == "refused" else "weak_incomplete",
        detail=detail,
    )


def _raise_if_never_works(error: Exception, messages: Sequence[BaseMessage]) -> None:
    if not configuration_fault(error):
        return
    # A weak model that cannot see pictures is no reason to fail: the strong one may.
    if invalid_request(error) and not text_only(messages):
        return
    msg = (
        f"The weak model refuses every request like this one ({type(error).__name__}). Check its "
        "key, its name and its parameters. If it does not know `logprobs`, give the cascade "
        "another confidence function."
    )
    raise ConfigurationError(msg) from error
