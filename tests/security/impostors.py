"""What the security tests share: tenants that look like others, and a victim worth robbing."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Final

from hypothesis import assume
from hypothesis import strategies as st

from langchain_intercascade._steps import run
from langchain_intercascade.errors import TenantError
from langchain_intercascade.learning.label_log import Entry, LabelLog
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.floor import Floor
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.repository.retrieval import FLOOR_NOTE
from langchain_intercascade.strategy import (
    Advice,
    Example,
    Lesson,
    State,
    Strategy,
    Tally,
    checked_tenant,
    strategy_id,
)
from tests.unit_tests.repository.stock import confirmed, strategy

CANARY: Final = "zanzibar"
"""Stands in every text of the victim's; whoever says it has seen what is the victim's."""

QUERY: Final = f"How many pears has {CANARY}?"
SOURCE: Final = f"user {CANARY}"
ADVICE: Final = Advice(title=f"Sums {CANARY}", when_to_use=f"{CANARY} adds.", steps=("Add.",))

_HOMOGLYPHS: Final = str.maketrans("aceopxyi", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456")

# From a tenant's name to one that somebody might take for it, or that might be taken apart wrongly.
DISGUISES: Final[tuple[Callable[[str], str], ...]] = (
    str.swapcase,
    str.casefold,
    lambda name: f"{name} ",
    lambda name: f" {name}",
    lambda name: f"{name}.",
    lambda name: f"{name}/../{name}",
    lambda name: f"../{name}",
    lambda name: f"{name}%00",
    lambda name: f"{name}\n",
    lambda name: f"{name}\u200b",
    lambda name: f"\ufeff{name}",
    lambda name: f"{len(name)}:{name}",
    lambda name: f"{name}{strategy_id(tenant=name, query=QUERY, strong_model='m')}",
    lambda name: point_id(name, strategy_id(tenant=name, query=QUERY, strong_model="m")),
    lambda name: f"note:{FLOOR_NOTE}{name}",
    json.dumps,
    lambda name: json.dumps([name, "*"]),
    lambda name: f"{name}' OR '1'='1",
    lambda name: name.translate(_HOMOGLYPHS),
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: unicodedata.normalize("NFKC", name),
    lambda name: name[:-1],
    lambda name: f"{name}{name}",
    lambda _: "*",
    lambda _: "null",
    lambda _: "default",
)

NAMES: Final = st.one_of(
    st.sampled_from(["acme", "Caf\u00e9 Opaxyi", "1", "\ufb01nance", "a" * 300, "default", "ŝ:2"]),
    st.text(min_size=1, max_size=12),
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a victim, and a thief who is called nearly the same."""
    victim = draw(NAMES)
    assume(is_tenant(victim))
    thief = draw(st.sampled_from(DISGUISES))(victim)
    assume(thief != victim and is_tenant(thief))
    return (victim, thief) if draw(st.booleans()) else (thief, victim)


def is_tenant(name: str) -> bool:
    """Whether the package takes `name` for a tenant."""
    try:
        return checked_tenant(name) == name
    except TenantError:
        return False


def belongings(tenant: str) -> list[Strategy]:
    """One strategy in use, with all that could be told of it, one on probation, one pending."""
    lesson = Lesson(query=QUERY, answer=CANARY, weak_answer=CANARY)
    used = confirmed(
        strategy(
            QUERY,
            tenant=tenant,
            source=SOURCE,
            advice=ADVICE,
            example=Example(query=QUERY, answer=CANARY),
            ledger={"weak": Tally(right_with=8, labels=8, uses=9, saved=1.5)},
        ),
        (f"Another of {CANARY}?", f"second {CANARY}"),
    )
    tried = strategy(f"{QUERY} And now?", tenant=tenant, advice=ADVICE, state=State.CANDIDATE)
    waiting = strategy(
        f"{QUERY} Why?", tenant=tenant, state=State.PENDING, advice=None, lesson=lesson
    )
    return [used, tried.model_copy(update={"lesson": lesson}), waiting]


def moved_in(repository: StrategyRepository, tenant: str) -> list[Strategy]:
    """Give `tenant` strategies, a floor and a log of labels, and return the strategies."""
    mine = belongings(tenant)
    for each in mine:
        repository.put(each)
    floor = Floor.fixed(0.9).payload()
    run(repository.writing_note(FLOOR_NOTE, floor, tenant=tenant, after=None))
    log = LabelLog(repository, tenant=tenant, weak_model="weak")
    run(log.appending([Entry(run_id=f"run of {CANARY}", weak=CANARY, correct=False)]))
    return mine


def everything_of(repository: StrategyRepository, tenant: str) -> str:
    """All that is stored of a tenant, to the last character."""
    points = run(repository.dumping())
    own = [point for point in points if point.payload.get("tenant") == tenant]
    return json.dumps([[each.id, each.payload] for each in sorted(own, key=lambda each: each.id)])


def evicted(repository: StrategyRepository) -> None:
    """Empty a repository."""
    if found := run(repository.dumping()):
        run(repository.deleting([point.id for point in found]))
