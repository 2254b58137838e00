"""What the lab's weak model is trained on: problems with strategies that are right, or others.

Names are given a new rule each time, so that a rule can only be read in the prompt;
families known by heart always keep theirs.  Where no strategy bears the
family's name, the right thing to say is what one knows without: the rule known by
heart, or else any rule, so that the model learns to be unsure.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from string import Formatter

from langchain_intercascade.lab.families import Family, Name, split
from langchain_intercascade.lab.rules import Rule, draw_rule
from langchain_intercascade.lab.stories import (
    ASIDES,
    TOLD_IN_TRAINING,
    Digits,
    draw_digits,
    tell,
)
from langchain_intercascade.lab.tokens import (
    ASK,
    encoded,
    pieces,
    prompt_tokens,
    reply_tokens,
)
from langchain_intercascade.lab.words import GOODS, PEOPLE

NOTES = (0, 1, 2, 3, 4)
SHARES = (0.14, 0.28, 0.33, 0.18, 0.07)
"""How often a prompt holds so many strategies."""
HELPFUL = 0.66
"""Share of the prompts with strategies in which one bears the family's name."""
KNOWN_ALONE, KNOWN_HELPED = 0.5, 0.2
"""Share of known families where no strategy bears the name, and where one does."""
CONTRADICTED = 0.4
"""Share of a known family's strategies whose rule is not its own: what is told goes before what
was learned by heart."""
RIVALS = 0.05
"""Share of the helped prompts, with two strategies or more, in which two bear the name and differ:
either may be followed."""
ALIKE = 0.4
"""Share of other families' names that have a word in common with the family's."""
KNOWN_BESIDE = 0.15
"""Share of other families' strategies that are of families known by heart."""
EVENLY = 0.5
NONSENSE = 0.45
"""Share of the questions that are three things among any words, so that the model counts the digits
rather than knowing the stories; one that knew them failed at stories told in other words."""
GARBLED = 0.4
"""Share of the questions in which words are lost and others come in."""
PEOPLE_AMONG = 0.3
LOST, ADDED = 0.12, 0.08
"""Share of the words of such a question that are lost, and after which another comes in."""


@dataclass(frozen=True)
class Example:
    """A prompt and the reply to it, as numbers of tokens."""

    prompt: list[int]
    reply: list[int]


def draw_batch(drawn: random.Random, size: int, *, simple: bool) -> list[Example]:
    """Draw examples with equally many strategies each; `simple` ones always hold the right one."""
    count = drawn.choice((1, 1, 2, 2)) if simple else drawn.choices(NOTES, SHARES)[0]
    return [draw_example(drawn, count, simple=simple) for _ in range(size)]


def draw_example(drawn: random.Random, count: int, *, simple: bool) -> Example:
    """Draw one example with `count` strategies."""
    helped = count > 0 and (simple or drawn.random() < HELPFUL)
    known = not simple and drawn.random() < (KNOWN_HELPED if helped else KNOWN_ALONE)
    family = drawn.choice(split().known) if known else _fresh(drawn)
    notes = [other_note(drawn, family.name) for _ in range(count)]
    rule = family.memory or family.rule
    if helped:
        rule = _told_rule(drawn, family)
        _place(drawn, notes, family, rule)
    digits = draw_digits(drawn, unseen=False)
    first, second, code = rule.worked(digits)
    prompt = prompt_tokens(notes, _question(drawn, family, digits))
    if drawn.random() < GARBLED:
        prompt = _garbled(drawn, prompt, family.name)
    return Example(
        encoded(prompt), encoded(reply_tokens(family.title, str(rule), (first, second), code))
    )


def other_note(drawn: random.Random, name: Name) -> tuple[str, str]:
    """Draw the strategy of another family, whose name may have a word in common with `name`."""
    other = name
    while other == name:
        if drawn.random() < KNOWN_BESIDE:
            family = drawn.choice(split().known)
            if family.name != name:
                return family.title, str(family.rule)
        other = drawn.choice(split().training)
        if drawn.random() < ALIKE:
            other = _alike(drawn, name)
    return " ".join(other), str(draw_rule(drawn, held_out=False))


def _alike(drawn: random.Random, name: Name) -> Name:
    other = drawn.choice(split().training)
    return (name[0], other[1]) if drawn.random() < EVENLY else (other[0], name[1])


def _fresh(drawn: random.Random) -> Family:
    return Family(drawn.choice(split().training), draw_rule(drawn, held_out=False))


def _told_rule(drawn: random.Random, family: Family) -> Rule:
    if family.memory and drawn.random() < CONTRADICTED:
        return draw_rule(drawn, held_out=False)
    return family.rule


def _place(drawn: random.Random, notes: list[tuple[str, str]], family: Family, rule: Rule) -> None:
    """Put the family's own strategy somewhere among `notes`, now and then with a rival."""
    at = drawn.randrange(len(notes))
    notes[at] = (family.title, str(rule))
    if len(notes) > 1 and drawn.random() < RIVALS:
        rival = drawn.choice([i for i in range(len(notes)) if i != at])
        notes[rival] = (family.title, str(draw_rule(drawn, held_out=False)))


def _question(drawn: random.Random, family: Family, digits: Digits) -> str:
    if drawn.random() >= NONSENSE:
        return tell(drawn, family.title, digits, unseen=False)
    goods = drawn.sample(GOODS, len(digits))
    things = [f"{digit} {good}" for digit, good in zip(digits, goods, strict=True)]
    for _ in range(drawn.choice((1, 2))):
        things.insert(drawn.randrange(len(things) + 1), family.title)
    filled = [f"{_some_words(drawn)} {thing}" for thing in things]
    return " ".join([*filled, _some_words(drawn)])


def _some_words(drawn: random.Random) -> str:
    words = drawn.choices(_FILLERS, k=drawn.choice((0, 0, 1, 1, 2, 3, 4, 6)))
    if drawn.random() < PEOPLE_AMONG:
        words.insert(0, drawn.choice(PEOPLE))
    return " ".join(words)


def _garbled(drawn: random.Random, prompt: list[str], name: Name) -> list[str]:
    """Lose some words of the question in `prompt`, and add others; all but digits and names."""
    start = prompt.index(ASK) + 1
    kept = prompt[:start]
    for token in prompt[start:-1]:
        if token.isdigit() or token in name or drawn.random() >= LOST:
            kept.append(token)
        if token not in name and drawn.random() < ADDED:
            kept.append(drawn.choice(_FILLERS))
    return [*kept, prompt[-1]]


_FILLERS = tuple(
    dict.fromkeys(
        word
        for story in (*TOLD_IN_TRAINING, *ASIDES)
        for text, *_ in Formatter().parse(story)
        for word in pieces(text)
    )
)
"""Words and signs of the stories themselves."""
