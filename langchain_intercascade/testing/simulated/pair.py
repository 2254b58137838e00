"""A simulated pair of chat models: they really read the prompt, and know only small arithmetic.

`SimulatedWeak` can do a third of the families of problems unaided.  For any other
it looks in its prompt for a strategy, as text, and does what the strategy says,
rightly or wrongly.  `SimulatedStrong` can do all families, errs now and then, and
writes strategies when it is asked to.  Together they let a cascade learn without
a key or a network.  What they show is how a cascade behaves, not how good any
real model is.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final, Self

from langchain_core.language_models import LangSmithParams
from langchain_core.messages import BaseMessage
from pydantic import Field, model_validator

from langchain_intercascade.testing._reply import Reply
from langchain_intercascade.testing._tokens import split_tokens
from langchain_intercascade.testing.scripted import ScriptedChatModel
from langchain_intercascade.testing.simulated.families import KNOWN
from langchain_intercascade.testing.simulated.problems import numbers_in, recognised
from langchain_intercascade.testing.simulated.reading import (
    Note,
    best_note,
    last_human_text,
    notes_and_question,
)
from langchain_intercascade.testing.simulated.steps import Worked, carried_out, with_a_slip
from langchain_intercascade.testing.simulated.writing import (
    guess,
    short_answer,
    strategy,
    worked_answer,
)

PRICES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"simulated-weak": (0.15, 0.60), "simulated-strong": (2.50, 10.00)}
)
"""Declared, simulated prices: dollars per million tokens read and written; a token is a word."""

_LESSON: Final = re.compile(r"<problem>\s*(.*?)\s*</problem>\s*<solution>", re.DOTALL)


class _Simulated(ScriptedChatModel):
    """A scripted model whose script is to read the prompt.

    What it was asked is remembered, as by any `ScriptedChatModel`.
    """

    seed: int = 0
    """Another seed gives other confidences and, in the strong model, other errors."""
    delay: float = Field(default=0.0, ge=0)
    """Seconds that each answer takes."""

    @model_validator(mode="after")
    def _one_script(self) -> Self:
        """Take the place of the check for a script: this model needs none."""
        return self

    def _from_script(self, number: int) -> Reply:
        """Return the reply to the call with this number, whose prompt has just been noted."""
        return replace(self._read(self._log.prompts[number]), delay=self.delay)

    @abstractmethod
    def _read(self, prompt: Sequence[BaseMessage]) -> Reply:
        """Say what a model would say to `prompt`."""

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        """Name the provider for traces."""
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "simulated"
        return params

    @property
    def _llm_type(self) -> str:
        return "simulated"


class SimulatedWeak(_Simulated):
    """A simulated cheap model.

    It reads the last human message.  A story of a family that it knows it solves
    by itself, and is sure.  For any other it takes the strategy whose "Use when"
    shares most words with the question, follows its steps, and is the surer the
    better those words match, be the strategy right or wrong.  Without a strategy
    that it can follow it adds the numbers up and is unsure.  Now and then it
    hesitates over what is right, or is sure of a guess: no threshold is perfect.

    Examples:
        >>> weak = SimulatedWeak()
        >>> weak.invoke("Ines has 12 pens and finds 5 more. How many pens does Ines have now?").text
        '12 + 5 = 17. The answer is 17.'
    """

    model_name: str = "simulated-weak"
    known: frozenset[str] = KNOWN
    """Names of the families that it can do unaided."""
    trusting: float = Field(default=0.0, ge=0, le=1)
    """Share of the questions that it could do unaided at which it follows a strategy all the same,
    if it was shown one for that very kind."""

    def _read(self, prompt: Sequence[BaseMessage]) -> Reply:
        text = last_human_text(prompt)
        notes, question = notes_and_question(text)
        chance = _Chance(f"{self.seed} {text}")
        found, followed = recognised(question, self.known), _followed(notes, question)
        told = found is not None and found[0].when in [note.when for note in notes]
        if found and not (told and followed and chance.of("trust") < self.trusting):
            family, story = found
            worked = carried_out(family.steps, numbers_in(story)) or []
            return _said(short_answer(worked), _confidence_of_knowing(chance), chance)
        if followed:
            worked, fit = followed
            return _said(short_answer(worked), _confidence_of_following(fit, chance), chance)
        return _said(guess(numbers_in(question)), _confidence_of_guessing(chance), chance)

    @property
    def _identifying_params(self) -> dict[str, Any]:
        own = {"known": sorted(self.known), "seed": self.seed, "trusting": self.trusting}
        return {"model_name": self.model_name, **own}


class SimulatedStrong(_Simulated):
    """A simulated expensive model.

    It solves every family, and refuses what it does not know.  For a share of
    the questions, fixed by the seed, it makes a slip; a strategy that it writes
    for such a question carries the same slip.  Asked to distil a solved problem,
    it answers with the JSON that it is asked for.

    Examples:
        >>> strong = SimulatedStrong(error_rate=0)
        >>> question = "Ines has 12 pens and finds 5 more. How many pens does Ines have now?"
        >>> strong.invoke(question).text.splitlines()[-1]
        'The answer is 17.'
    """

    model_name: str = "simulated-strong"
    error_rate: float = Field(default=0.02, ge=0, le=1)
    """Share of the questions that it gets wrong."""

    def _read(self, prompt: Sequence[BaseMessage]) -> Reply:
        text = last_human_text(prompt)
        lesson = _LESSON.search(text)
        found = recognised(lesson[1] if lesson else text)
        if found is None:
            return _REFUSAL
        family, story = found
        steps = with_a_slip(family.steps) if self._slips(story) else family.steps
        if lesson:
            return Reply(strategy(family, steps))
        return Reply(worked_answer(family, steps, numbers_in(story)))

    def _slips(self, story: str) -> bool:
        return _Chance(f"{self.seed} {story}").of("a slip") < self.error_rate

    @property
    def _identifying_params(self) -> dict[str, Any]:
        own = {"error_rate": self.error_rate, "seed": self.seed}
        return {"model_name": self.model_name, **own}


_REFUSAL: Final = Reply(
    "I am a simulated model and know only a few kinds of short stories with numbers in them, so I "
    "cannot answer this.",
    finish_reason="refusal",
)


@dataclass(frozen=True, slots=True)
class _Chance:
    """Chance that a text decides: the same text has the same luck on every machine."""

    text: str

    def of(self, what: str) -> float:
        """Return a number in [0, 1) for `what`; different things are independent."""
        digest = blake2b(f"{what}: {self.text}".encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


# The numbers below decide where the two bells of confidence lie and how far they
# overlap.  They are chosen, not measured on any model: right answers mostly above
# .9, guesses mostly below .8, answers by a strategy as high as the strategy fits.


def _confidence_of_knowing(chance: _Chance) -> float:
    if chance.of("hesitation") < 0.08:  # noqa: PLR2004 - see above
        return 0.70 + 0.20 * chance.of("confidence")
    return 0.91 + 0.08 * chance.of("confidence")


def _confidence_of_following(fit: float, chance: _Chance) -> float:
    doubt = 0.10 if chance.of("hesitation") < 0.04 else 0.0  # noqa: PLR2004 - see above
    return 0.58 + 0.36 * fit + 0.05 * chance.of("confidence") - doubt


def _confidence_of_guessing(chance: _Chance) -> float:
    if chance.of("conceit") < 0.05:  # noqa: PLR2004 - see above
        return 0.88 + 0.08 * chance.of("confidence")
    return 0.35 + 0.45 * chance.of("confidence")


def _followed(notes: Sequence[Note], question: str) -> tuple[list[Worked], float] | None:
    """Follow the best of `notes`; `None` if there is none, or its steps cannot be followed."""
    best = best_note(notes, question)
    if best is None:
        return None
    note, fit = best
    worked = carried_out(note.steps, numbers_in(question))
    return None if worked is None else (worked, fit)


def _said(text: str, confidence: float, chance: _Chance) -> Reply:
    """Say `text` with log-probabilities whose geometric mean is `confidence`."""
    tokens = split_tokens(text)
    weights = [0.2 + chance.of(f"token {at}") for at in range(len(tokens))]
    each = math.log(confidence) * len(tokens) / sum(weights)
    return Reply(text, logprobs=[each * weight for weight in weights])
