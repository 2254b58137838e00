"""The cells that training looks at: held-out names, wording and digits."""

from __future__ import annotations

import random

from langchain_intercascade.lab.families import Family, split
from langchain_intercascade.lab.rules import draw_rule
from langchain_intercascade.lab.stories import draw_digits, tell
from langchain_intercascade.lab.tokens import encoded, prompt_tokens, reply_tokens
from training.lab_examples import Example, other_note

CELLS = (
    *("new right", "new right+1", "new right+2", "rule right", "new none", "new other"),
    *("known none", "known other", "known right", "known told"),
)
"""Which families (a new name, a new name with a held-out rule, known by heart), and what the prompt
holds; "told" is a strategy that contradicts what is known by heart."""


def draw_cell(drawn: random.Random, cell: str, count: int) -> list[Example]:
    """Draw the examples of a cell."""
    return [_example(drawn, *cell.split()) for _ in range(count)]


def _example(drawn: random.Random, who: str, held: str) -> Example:
    family = _family(drawn, who)
    told = draw_rule(drawn, held_out=False) if held == "told" else family.rule
    extra = int(held.partition("+")[2] or 0)
    others = [other_note(drawn, family.name) for _ in range(1 if held == "other" else extra)]
    own = [(family.title, str(told))] if held not in {"none", "other"} else []
    notes = drawn.sample([*own, *others], len(own) + len(others))
    rule = told if own else family.memory or family.rule
    digits = draw_digits(drawn, unseen=True)
    first, second, code = rule.worked(digits)
    prompt = prompt_tokens(notes, tell(drawn, family.title, digits, unseen=True))
    return Example(
        encoded(prompt), encoded(reply_tokens(family.title, str(rule), (first, second), code))
    )


def _family(drawn: random.Random, who: str) -> Family:
    if who == "known":
        return drawn.choice(split().known)
    return Family(drawn.choice(split().unseen), draw_rule(drawn, held_out=who == "rule"))
