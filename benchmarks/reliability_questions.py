"""What the soak asks: sums of a clerk of each tenant, whose name must stay with that tenant."""

from __future__ import annotations

import json
import random
import re
from typing import Final, NamedTuple

TENANTS: Final = 16
FRESH: Final = 0.3
"""Share of the questions that were never asked before; the others are of a fixed stock."""

FRESH_UNTIL: Final = 3000
"""From this number on all are of the stock, so that memory is not held by what is newly learned."""

STOCK: Final = 160
"""Few enough that by the time memory is judged most were learned, and written to so often that
what is stored of them (stamps, history, merged queries: each has a bound) grows no more."""

UNSURE: Final = 4
"""Of ten rooms: the weak model is never sure of these.  So by half time the package remembers as
many labels as it ever does, which takes 2,000 deferrals and audits."""

NAME: Final = re.compile(r"quokka\d\dx")
"""A clerk's name.  It stands in everything about a tenant, and in nothing about another."""

_QUESTION: Final = re.compile(r"Clerk (quokka\d\dx) asks about room (\d+): there are (\d+) (\w+)")
_THINGS: Final = (
    *("pears", "bolts", "chairs", "letters", "candles", "tickets", "bricks", "shells", "coins"),
    *("ropes", "masks", "drums", "lamps", "plates", "spoons", "books", "maps", "keys", "tiles"),
)


class Question(NamedTuple):
    """One question."""

    tenant: int
    room: int
    """No two questions of a tenant are about one room."""

    @property
    def owner(self) -> str:
        """The tenant, as the cascade is told."""
        return f"tenant-{self.tenant}"

    @property
    def name(self) -> str:
        """The clerk, whom nobody but the tenant may see."""
        return f"quokka{self.tenant:02d}x"

    @property
    def thing(self) -> str:
        """What is counted."""
        return _THINGS[self.room % len(_THINGS)]

    @property
    def text(self) -> str:
        """What is asked."""
        found, brought = 3 + self.room % 50, 2 + self.room % 7
        return (
            f"Clerk {self.name} asks about room {self.room}: there are {found} {self.thing}, and "
            f"somebody brings {brought} more. How many {self.thing} are there?"
        )

    @property
    def answer(self) -> str:
        """What every model answers."""
        total = 5 + self.room % 50 + self.room % 7
        return f"{self.name} will find {total} {self.thing} in room {self.room}."

    @property
    def sure(self) -> bool:
        """Whether the weak model is sure of its answer."""
        return self.room % 10 >= UNSURE

    @property
    def advice(self) -> str:
        """What the strong model teaches; the name is in it, so that it is seen who reads it."""
        return json.dumps(
            {
                "title": f"Adding {self.thing} as {self.name} does",
                "when_to_use": f"Some {self.thing} are joined by others.",
                "when_not_to_use": "",
                "steps": [f"Count the {self.thing} at first.", "Add those that come."],
                "pitfalls": [],
            }
        )


def question(number: int, seed: int) -> Question:
    """Return the question with this number: one of the stock, or one that was never asked."""
    dice = random.Random(f"{seed}:{number}")
    fresh = dice.random() < FRESH and number < FRESH_UNTIL
    place = STOCK + number if fresh else dice.randrange(STOCK)
    return Question(tenant=place % TENANTS, room=100 + place)


def asked_in(prompt: str) -> Question | None:
    """Return the question that a prompt holds, if it holds one."""
    if (found := _QUESTION.search(prompt)) is None:
        return None
    return Question(tenant=int(found[1][6:8]), room=int(found[2]))
