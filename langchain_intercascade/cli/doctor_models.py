"""Do the models answer, with what the gate needs, and are their prices known?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, HumanMessage

from langchain_intercascade._steps import Fault, Steps, ask, attempt, run
from langchain_intercascade.cli.doctor_findings import Finding, ok, problem, warning
from langchain_intercascade.confidence.auto import AutoConfidence
from langchain_intercascade.confidence.base import Evidence
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.confidence.logprobs import LogprobConfidence
from langchain_intercascade.confidence.token_logprobs import read_logprobs
from langchain_intercascade.config.building import confidence_of, model_of, options_of
from langchain_intercascade.costs import BUNDLED, Prices, provider_of
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.models import name_of, prepared_weak

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.config.config import Config

QUERY: Final = "What is 2 plus 2? Reply with the number alone."
TOOL_QUERY: Final = "Add 2 and 3 with the tool."
TOOL: Final = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
    },
}
LONGEST: Final = 200
"""Characters of a provider's own words that are shown."""

_CURES: Final = {
    400: "The provider refuses the request: see what it says about the model's parameters.",
    401: "Check the key: the variable that holds it, and that it belongs to this provider.",
    403: "Check whether this key may use this model.",
    404: "Check the model's name, its provider and base_url.",
    429: "Too many requests, or no credit left: see the account at the provider.",
}
_UNREACHED: Final = "Check base_url, proxy and network, and [timeouts] if it is merely slow."


def roles_of(config: Config) -> Sequence[str]:
    """Return the roles for which there is a model of its own."""
    return ("weak", "strong", "distiller") if config.distiller else ("weak", "strong")


def look_at_models(config: Config, *, calls: bool, tools: bool) -> Iterator[Finding]:
    """Look at each model: can it be made, does it answer, with what the gate needs?

    Args:
        config: What names them.
        calls: Whether each may be asked one tiny question, which is paid for.
        tools: Whether those that answer are asked once more, to call a tool.
    """
    for role in roles_of(config):
        about = f"{role} model"
        try:
            model = model_of(config, role)
            scorer = _scorer(config) if role == "weak" else None
            yield from _look_at_one(about, model, scorer, calls=calls, tools=tools)
        except ConfigurationError as error:
            yield problem(about, str(error), "Mend the setting; the other checks go on.")


def look_at_prices(config: Config) -> Iterator[Finding]:
    """Say whether it is known what each model costs."""
    try:
        prices = Prices(options_of(config).get("prices"), table=BUNDLED)
        models = [model_of(config, role) for role in roles_of(config)]
    except ConfigurationError:  # said where the models were looked at
        return
    names = {name_of(model): provider_of(model) for model in models}
    unknown = [name for name, provider in names.items() if prices.of(name, provider) is None]
    if unknown:
        lines = ", ".join(f'"{name}" = [INPUT, OUTPUT]' for name in unknown)
        yield warning(
            "prices",
            f"What {' and '.join(unknown)} costs is not known, so savings are reported as unknown.",
            f"Add to [prices], in dollars per million tokens: {lines}.",
        )
    else:
        yield ok("prices", f"known for {', '.join(names)}")


def _scorer(config: Config) -> ConfidenceFunction:
    return confidence_of(config) if config.confidence else as_confidence("logprobs")


def _look_at_one(
    about: str,
    model: Runnable[Any, AIMessage],
    scorer: ConfidenceFunction | None,
    *,
    calls: bool,
    tools: bool,
) -> Iterator[Finding]:
    name = name_of(model)
    if scorer is not None:
        model = prepared_weak(model, scorer.needs_logprobs, scorer.top_logprobs)
    if not calls:
        yield ok(about, f"{name} is set up; it was not asked")
        return
    began = time.perf_counter()
    answer = run(attempt(_answering(model)))
    if isinstance(answer, Fault):
        yield _failed(about, name, answer.error)
        return
    yield _answered(about, name, answer, time.perf_counter() - began)
    if scorer is not None and scorer.needs_logprobs:
        yield _confidence(scorer, answer)
    if tools:
        yield _tools(about, name, run(attempt(_calling(model))))


def _answering(model: Runnable[Any, AIMessage]) -> Steps[AIMessage]:
    return ask(model, [HumanMessage(QUERY)])


def _calling(model: Runnable[Any, AIMessage]) -> Steps[AIMessage]:
    # Made inside the steps, because some models refuse here and some when they are asked.
    bound: Runnable[Any, AIMessage] = model.bind_tools([TOOL])  # type: ignore[attr-defined]  # a fault if absent
    return (yield from ask(bound, [HumanMessage(TOOL_QUERY)]))


def _failed(about: str, name: str, error: Exception) -> Finding:
    told = " ".join(str(error).split())[:LONGEST]
    status = getattr(error, "status_code", None)
    cure = _CURES.get(status, _UNREACHED) if isinstance(status, int) else _UNREACHED
    return problem(about, f"{name} does not answer: {type(error).__name__}: {told}", cure)


def _answered(about: str, name: str, answer: AIMessage, seconds: float) -> Finding:
    usage = answer.usage_metadata
    if not answer.text.strip():
        cure = "Look at its parameters: a low max_tokens leaves no room for an answer."
        return warning(about, f"{name} answered with nothing", cure)
    if usage is None:
        cure = "What it costs stays unknown; see whether the provider can report usage."
        return warning(about, f"{name} answered, but does not say how many tokens it used", cure)
    tokens = f"{usage['input_tokens']} tokens read, {usage['output_tokens']} written"
    return ok(about, f"{name} answered in {seconds:.1f} s ({tokens})")


def _confidence(scorer: ConfidenceFunction, answer: AIMessage) -> Finding:
    """Say whether the log-probabilities came that the confidence function needs."""
    about, cure = "confidence", _LOGPROB_CURE
    if isinstance(scorer, LogprobConfidence):
        score = scorer.invoke(Evidence(QUERY, [HumanMessage(QUERY)], answer))
        if score.value is None:
            return problem(about, f"no {scorer.method}: {score.reason}", cure)
        return ok(about, f"{scorer.method} works: {score.value:.3f} for the question just asked")
    if read_logprobs(answer) is not None:
        return ok(about, f"log-probabilities come, as {scorer.method} needs them")
    if isinstance(scorer, AutoConfidence):
        seen = "log-probabilities do not come, so the weak model is asked several times a query"
        return warning(
            about, seen, "That costs more; a weak model with log-probabilities does not."
        )
    return problem(about, f"log-probabilities do not come, and {scorer.method} needs them", cure)


_LOGPROB_CURE: Final = (
    "Every query would be deferred. Use a weak model and an interface that return "
    'log-probabilities, or say confidence = "self_consistency".'
)


def _tools(about: str, name: str, answer: AIMessage | Fault) -> Finding:
    cure = "Give it tools only if it can use them; without them it may still serve as it is."
    if isinstance(answer, Fault):
        return problem(about, f"{name} takes no tools: {type(answer.error).__name__}", cure)
    if not answer.tool_calls:
        return warning(about, f"{name} was given a tool and did not call it", cure)
    return ok(about, f"{name} calls tools")
