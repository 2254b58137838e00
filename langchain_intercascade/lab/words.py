"""The words of the lab's little world: names of desks, people, goods.

The order of a list decides the number of a token, so the trained weights hold for
these lists only; a digest of the vocabulary is written into them.
"""

from __future__ import annotations

from typing import Final


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


COLOURS: Final = _listed("""
    amber ancient azure brass bright bronze calm cedar coral crimson crystal dusty eager early
    emerald faded fallen gentle golden granite grey hidden hollow humble indigo iron ivory jade
    lively lonely lunar marble mellow misty noble northern olive opal pale pearl plain quiet rapid
    rusty scarlet secret silent silver simple solar southern steady stone stormy sunny velvet
    violet western wild winter
""")
"""First words of a name."""

PLACES: Final = _listed("""
    abbey arch bakery barn basin bay beacon bridge brook castle cellar chapel cliff corner cottage
    court creek dock factory farm ferry field forge garden gate glen grove harbour hill inn island
    kiln lake library lodge manor market meadow mill mine orchard palace park pier pond port quarry
    quay ridge river school shore square stable station temple tower valley village wharf
""")
"""Second words of a name."""

PEOPLE: Final = _listed("""
    ada ben carla dario elena femi greta hugo ines jonas kira leo mira nadia omar petra quinn rosa
    samir tara ugo vera wanda yusuf
""")

GOODS: Final = _listed("""
    apples bags barrels baskets bells books bottles bowls boxes bricks candles carpets chairs clocks
    coats coins cups drums flags hats jars keys lamps letters maps nails parcels pens pots ropes
    sacks spoons stamps stools tiles tools vases wheels
""")

ORDINALS: Final = ("first", "second", "third")
NUMERALS: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
)
"""The digits in words: a strategy holds no figures."""
