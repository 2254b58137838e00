"""The strong model: an exact solver that errs now and then, and writes strategies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

from langchain_core.messages import BaseMessage
from pydantic import Field

from langchain_intercascade.lab.families import Family
from langchain_intercascade.lab.model import Closing, LabModel, Token, words_in
from langchain_intercascade.lab.reading import (
    last_human_text,
    name_and_digits,
    problem_of_a_lesson,
)
from langchain_intercascade.lab.rules import Rule
from langchain_intercascade.lab.stories import Digits
from langchain_intercascade.lab.stream import family_named

PRICES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"lab-weak": (0.15, 0.60), "lab-strong": (2.50, 10.00)}
)
"""Declared prices, of no real model: dollars per million tokens read and written."""

_SLIPS: Final = {"add": "reduce", "reduce": "add", "multiply": "add"}

_PIECE: Final = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")

_ANSWER: Final = """\
Every desk here has a rule of its own, so the numbers cannot simply be thrown together. The \
numbers of the story are {digits}, in this order, and of each sum only the last digit is kept, as \
on a dial.
First we find {first}.
Then we find {second}.
Each number was used in the place that the rule gives it, and both results have one digit, so they \
can be written side by side.
The answer is {code}."""

_REFUSAL: Final = (
    "I am a small model for one kind of problem: a named desk and three digits. This is none."
)


class LabStrong(LabModel):
    """A model that knows every family's rule.

    For a share of the questions, decided by question and seed, it makes a slip in
    the second step; a strategy that it writes for such a question carries the same slip.
    Asked to distil a solved problem, or to guide the weak model, it answers with the
    JSON that it is asked for.  What is no such problem it refuses.

    Examples:
        >>> strong = LabStrong(error_rate=0)
        >>> question = "At the jade inn Ada has 4 cups, 0 hats and 9 maps. Which code is it?"
        >>> strong.invoke(question).text.splitlines()[-1]
        'The answer is 43.'
    """

    model_name: str = "lab-strong"
    error_rate: float = Field(default=0.05, ge=0, le=1)
    """Share of the questions that it gets wrong."""
    seed: int = 0
    """Another seed gives other errors."""
    world: int = 0
    """Which rules the unseen families have, as in `problems`."""

    def _tokens(
        self,
        prompt: Sequence[BaseMessage],
        kwargs: dict[str, Any],  # noqa: ARG002 - contract
    ) -> Iterator[Token | Closing]:
        text = last_human_text(prompt)
        lesson = problem_of_a_lesson(text)
        question = text if lesson is None else lesson
        reply = self._reply(question, to_teach=lesson is not None)
        said = _PIECE.findall(reply or _REFUSAL)
        yield from map(Token, said)
        yield Closing("stop" if reply else "refusal", words_in(prompt), len(said))

    def _reply(self, question: str, *, to_teach: bool) -> str | None:
        """Return the answer to `question`, or the strategy for its kind; `None`: it is none."""
        found = name_and_digits(question)
        if found is None:
            return None
        name, digits = found
        family = family_named(name, self.world)
        rule = with_a_slip(family.rule) if self._slips(question) else family.rule
        return json.dumps(advice(family, rule)) if to_teach else _answer(rule, digits)

    def _slips(self, question: str) -> bool:
        digest = blake2b(
            f"{self.seed} {question}".encode("utf-8", "replace"), digest_size=8
        ).digest()
        return int.from_bytes(digest, "big") / 2**64 < self.error_rate

    @property
    def _identifying_params(self) -> dict[str, Any]:
        own = {"error_rate": self.error_rate, "seed": self.seed, "world": self.world}
        return {"model_name": self.model_name, **own}


def with_a_slip(rule: Rule) -> Rule:
    """Return `rule` with a typical mistake: the second step does another sum.

    Examples:
        >>> from langchain_intercascade.lab.rules import Step
        >>> print(with_a_slip(Rule(Step("add", "first", "third"), Step("reduce", "that", "two"))))
        add first to third ; add that to two
    """
    return replace(rule, two=replace(rule.two, operation=_SLIPS[rule.two.operation]))


def _answer(rule: Rule, digits: Digits) -> str:
    first, second, code = rule.worked(digits)
    numbers = ", ".join(map(str, digits))
    return _ANSWER.format(digits=numbers, first=first, second=second, code=code)


def advice(family: Family, rule: Rule) -> dict[str, Any]:
    """Return the strategy that teaches `rule` for a family, by the names a distiller is asked for.

    Examples:
        >>> jade_inn = family_named(("jade", "inn"))
        >>> advice(jade_inn, jade_inn.rule)["title"]
        'Jade inn'
    """
    title = family.title.capitalize()
    # Nothing but the name tells families apart, so nothing else is said of how to recognise one.
    told = {"title": title, "when_to_use": f"{title} codes.", "when_not_to_use": ""}
    return {**told, "steps": list(rule.sentences()), "pitfalls": [], "checks": []}
