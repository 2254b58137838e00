"""Confidence from anything: wraps a plain callable as a confidence function."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from langchain_core.runnables import Runnable

from langchain_intercascade._steps import QUIET, Call, Steps, ask
from langchain_intercascade.confidence.auto import AutoConfidence
from langchain_intercascade.confidence.base import (
    ConfidenceFunction,
    Evidence,
    Score,
    score_of,
)
from langchain_intercascade.confidence.logprobs import LogprobConfidence
from langchain_intercascade.confidence.self_consistency import SelfConsistency
from langchain_intercascade.confidence.validity import ValidityConfidence
from langchain_intercascade.confidence.verbalized import VerbalizedConfidence
from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

_BY_NAME: Final[dict[str, Callable[[], ConfidenceFunction]]] = {
    "auto": AutoConfidence,
    "logprobs": LogprobConfidence,
    "self_consistency": SelfConsistency,
    "validity": ValidityConfidence,
    "verbalized": VerbalizedConfidence,
}

Scorer: TypeAlias = Callable[[Evidence], float | Score | Awaitable[float | Score] | None]


class CallableConfidence(ConfidenceFunction):
    """Uses a function or a `Runnable` of yours, sync or async, that returns a number or a `Score`.

    An async function needs the async colour; in the sync one its score is
    unavailable, so the query is deferred rather than an event loop hidden.
    What it spends on models is known if it returns a `Score` with their `messages`.
    """

    method = "callable"

    def __init__(self, scorer: Scorer | Runnable[Evidence, Any], *, method: str = "") -> None:
        """Score with `scorer`; `method` is its name in the record."""
        self._scorer = scorer
        self.method = method or getattr(scorer, "__name__", type(scorer).__name__)

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Ask the callable."""
        if isinstance(self._scorer, Runnable):
            return _as_score((yield from ask(self._scorer, evidence, tags=[QUIET])))
        return _as_score((yield Call(self._blocking(evidence), self._awaited(evidence))))

    def _blocking(self, evidence: Evidence) -> Callable[[RunnableConfig], Any]:
        def call(_: RunnableConfig) -> Any:
            reply = self._scorer(evidence)  # type: ignore[operator]  # not a Runnable here
            if inspect.iscoroutine(reply):
                reply.close()
                return Score(None, f"{self.method} is async and was called from sync code")
            return reply

        return call

    def _awaited(self, evidence: Evidence) -> Callable[[RunnableConfig], Awaitable[Any]]:
        async def call(_: RunnableConfig) -> Any:
            reply = self._scorer(evidence)  # type: ignore[operator]  # not a Runnable here
            return await reply if inspect.isawaitable(reply) else reply

        return call


def as_confidence(given: object) -> ConfidenceFunction:
    """Return `given` as a confidence function.

    Args:
        given: A confidence function; any function or `Runnable` from `Evidence` to
            a number; or a name: `"auto"`, `"logprobs"`, `"self_consistency"`,
            `"validity"` or `"verbalized"`.

    Raises:
        ConfigurationError: It is none of these.

    Examples:
        >>> as_confidence("logprobs").method
        'mean_token_probability'
        >>> def by_length(evidence):
        ...     return 1.0 if len(evidence.weak_answer.text) < 200 else 0.0
        >>> as_confidence(by_length).method
        'by_length'
    """
    if isinstance(given, ConfidenceFunction):
        return given
    if isinstance(given, str) and given in _BY_NAME:
        return _BY_NAME[given]()
    if isinstance(given, Runnable) or callable(given):
        return CallableConfidence(given)
    names = ", ".join(map(repr, _BY_NAME))
    msg = (
        f"confidence={given!r} is not a confidence function: give {names}, "
        "a ConfidenceFunction, or a callable from Evidence to a number in [0, 1]."
    )
    raise ConfigurationError(msg)


def _as_score(reply: object) -> Score:
    return reply if isinstance(reply, Score) else score_of(reply)
