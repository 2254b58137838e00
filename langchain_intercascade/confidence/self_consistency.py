"""Confidence from repetition: does the weak model say the same when it is asked again?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt, together
from langchain_intercascade.agreement import Agreement, as_agreement
from langchain_intercascade.confidence._asking import (
    Settings,
    changed,
    checked,
    clipped,
    said,
)
from langchain_intercascade.confidence.base import (
    ConfidenceFunction,
    Evidence,
    Score,
    score_of,
    unavailable,
)
from langchain_intercascade.equipment import equipping
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.reply import flaw

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

Measure: TypeAlias = Literal["share", "margin"]

LONGEST_PROMPT: Final = 20_000
"""Characters of a prompt that is still sampled again; about five thousand tokens."""

WARM: Final = 0.7
"""Temperature in place of 0, where every sample would be the same (as in arXiv 2203.11171)."""


class SelfConsistency(ConfidenceFunction):
    """Self-consistency: the share of fresh samples that agree with the weak answer.

    The weak model is asked the same again, `samples` times at once, without a cache
    and at a temperature above 0 (arXiv 2203.11171; the share as a gate for cascades:
    arXiv 2310.03094).  Consensus is no proof: models are of one mind in what they
    misunderstand too.

    A sample that was refused, cut off or empty disagrees, and so does one of which it
    cannot be told.  One that failed on its way is left out.  The score is unavailable if
    more than half of them failed, if of none it can be told (as with free text and no
    judge), and if the prompt is longer than `longest_prompt`: this gate pays for the
    prompt again with every sample.

    Args:
        model: Who is asked; by default the cascade's weak model.
        samples: How many samples are drawn.
        agreement: Tells whether two answers say the same: an `Agreement`, or a function of
            query and two answers; by default by what the answers conclude with.
        measure: `"share"`, or `"margin"`: the share less that of the largest group of
            samples that agree on something else, at least 0.  A margin sorts the samples
            that disagree into groups, which a judge is paid for.
        temperature: What to sample at, above 0; by default the model's own, or 0.7 if
            that is 0.
        longest_prompt: Characters of the longest prompt that is sampled; `None` for any.

    Raises:
        ConfigurationError: A number or the measure is out of range.
    """

    method = "self_consistency"

    def __init__(
        self,
        model: Runnable[Any, AIMessage] | None = None,
        *,
        samples: int = 4,
        agreement: Agreement | Callable[[str, str, str], Any] | None = None,
        measure: Measure = "share",
        temperature: float | None = None,
        longest_prompt: int | None = LONGEST_PROMPT,
    ) -> None:
        """Take the settings."""
        if samples < 1:
            msg = f"samples={samples!r} must be a whole number of at least 1."
            raise ConfigurationError(msg)
        if temperature is not None and not temperature > 0:
            msg = f"temperature={temperature!r} must be above 0: at 0 all samples are the same."
            raise ConfigurationError(msg)
        if measure not in ("share", "margin"):
            msg = f"measure={measure!r} must be 'share' or 'margin'."
            raise ConfigurationError(msg)
        self._samples, self._measure, self._temperature = samples, measure, temperature
        self._agreement = as_agreement(agreement)
        self._longest = longest_prompt
        self._model = None if model is None else self._sampler(model)

    def bound_to(self, weak: Runnable[Any, AIMessage]) -> Self:
        """Sample from `weak`, unless another model was given."""
        if self._model is not None:
            return self
        twin = copy(self)
        twin._model = twin._sampler(weak)  # noqa: SLF001 - a copy of this very object
        return twin

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Draw samples and compare them with the weak answer."""
        if self._longest is not None and _length(evidence) > self._longest:
            return unavailable(f"the prompt is longer than {self._longest} characters")
        samples = yield from self._drawn(evidence)
        if 2 * len(samples) < self._samples:
            return unavailable(f"only {len(samples)} of {self._samples} samples came")
        answers = ["" if flaw(sample) else said(sample) for sample in samples]
        verdicts = yield from self._compared(evidence, said(evidence.weak_answer), answers)
        if all(verdict is None for verdict in verdicts):
            return unavailable("it cannot be told whether the samples agree (free text?)")
        share = verdicts.count(True) / len(samples)
        if self._measure == "share":
            return score_of(share)
        others = [answer for answer, same in zip(answers, verdicts, strict=True) if same is False]
        rival = yield from self._largest_group(evidence, others)
        return score_of(max(0.0, share - rival / len(samples)))

    def _drawn(self, evidence: Evidence) -> Steps[list[AIMessage]]:
        if self._model is None:
            msg = (
                "SelfConsistency does not know the weak model: give it to a cascade, call "
                "`bound_to(weak)`, or give it `model=`."
            )
            raise ConfigurationError(msg)
        model, kwargs = self._model, dict[str, Any]()
        if evidence.run is not None:  # samples teach nothing, should the model be a cascade
            model, kwargs = equipping(model)(replace(evidence.run, learning="off"))
        asked = [
            attempt(ask(model, evidence.asked, kwargs=kwargs, run_name="sample", tags=[QUIET]))
            for _ in range(self._samples)
        ]
        replies = yield from together(asked)
        several = [checked(reply, self.method) for reply in replies]
        return [reply for reply in several if not isinstance(reply, Fault)]

    def _compared(
        self, evidence: Evidence, answer: str, others: Sequence[str]
    ) -> Steps[list[bool | None]]:
        """Say of each of `others` whether it agrees with `answer`."""
        judged = [attempt(self._judging(evidence, answer, other)) for other in others]
        verdicts = yield from together(judged)
        return [None if isinstance(verdict, Fault) else verdict for verdict in verdicts]

    def _judging(self, evidence: Evidence, one: str, other: str) -> Steps[bool | None]:
        if not other:  # a sample that is no answer
            return False
        return (yield from self._agreement.judging(clipped(evidence.query), one, other))

    def _largest_group(self, evidence: Evidence, answers: Sequence[str]) -> Steps[int]:
        """Return how many of `answers` agree with each other; those that are none are no group."""
        groups: list[list[str]] = []
        for answer in filter(None, answers):
            same = yield from self._compared(evidence, answer, [group[0] for group in groups])
            if True in same:
                groups[same.index(True)].append(answer)
            else:
                groups.append([answer])
        return max(map(len, groups), default=0)

    def _sampler(self, model: Runnable[Any, AIMessage]) -> Runnable[Any, AIMessage]:
        """Return a copy of `model` whose answers may differ from call to call."""

        def changes(settings: Settings) -> Settings:
            own = settings.get("temperature")
            cool = own is not None and own <= 0
            warm = self._temperature or (WARM if cool else own)
            # From a cache, or with a fixed seed, the same sample would come every time.
            return {"cache": False, "seed": None, "temperature": warm}

        return changed(model, changes)


def _length(evidence: Evidence) -> int:
    return sum(len(str(message.content)) for message in evidence.asked)
