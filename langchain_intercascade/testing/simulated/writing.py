"""How simulated models put things into words: answers short and long, guesses, strategies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from langchain_intercascade.testing.simulated.family import Family
from langchain_intercascade.testing.simulated.steps import Worked, carried_out, written

_WORKED: Final = """\
Let us go through this slowly and in order.
The story gives us these numbers, one after the other: {numbers}.
The thing to see first is this: {idea}. So the numbers cannot simply be thrown together; each of \
them has its own place in the sum.
{sums}
Looking back at the story, every number was used in the role it plays there, nothing was counted \
twice, and the size of the outcome is plausible.
The answer is {answer}."""


def short_answer(worked: Sequence[Worked]) -> str:
    """Return the answer in one line: the sums, and what comes out.

    Examples:
        >>> from fractions import Fraction
        >>> short_answer([Worked("6 * 7 = 42", Fraction(42))])
        '6 * 7 = 42. The answer is 42.'
    """
    sums = ", then ".join(each.sum for each in worked)
    return f"{sums}. The answer is {written(worked[-1].result)}."


def guess(numbers: Sequence[int]) -> str:
    """Return what a model says that has no idea: it adds up whatever numbers there are.

    Examples:
        >>> guess([6, 7])
        'Perhaps 6 + 7. The answer is 13.'
    """
    if not numbers:
        return "I do not see any numbers, so I cannot say."
    return f"Perhaps {' + '.join(map(str, numbers))}. The answer is {sum(numbers)}."


def worked_answer(family: Family, steps: Sequence[str], numbers: Sequence[int]) -> str:
    """Return the answer at length, as a model writes it that shows its work."""
    worked = carried_out(steps, numbers) or []
    return _WORKED.format(
        numbers=", ".join(map(str, numbers)),
        idea=family.idea,
        sums="\n".join(f"{at}. We compute {each.sum}." for at, each in enumerate(worked, start=1)),
        answer=written(worked[-1].result),
    )


def strategy(family: Family, steps: Sequence[str]) -> str:
    """Return the strategy for `family` as the JSON that a distiller is asked for."""
    return json.dumps(
        {
            "title": family.title,
            "when_to_use": family.when,
            "when_not_to_use": family.unless,
            "steps": list(steps),
            "pitfalls": ["Do not reuse numbers of another story."],
        }
    )
