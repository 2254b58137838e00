"""All that a thief can try on another tenant's strategies, call by call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from langchain_intercascade import InterCascade
from langchain_intercascade._steps import run
from langchain_intercascade.errors import ConfigurationError, LessonRejectedError
from langchain_intercascade.learning.label_log import Entry, LabelLog
from langchain_intercascade.repository import custody
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.retrieval import FLOOR_NOTE
from langchain_intercascade.repository.tuning import Shape
from langchain_intercascade.strategy import State, Strategy
from langchain_intercascade.testing import ScriptedChatModel
from tests.cascades import cascade_of, is_distil_prompt
from tests.security.impostors import ADVICE, CANARY, QUERY, SOURCE, everything_of
from tests.unit_tests.repository.stock import ENGINES, strategy

ANY: Final = tuple(State)
NOT_HERE: Final = (ConfigurationError, LessonRejectedError)

Call = Callable[[StrategyRepository, str, Strategy, Path], Any]


def promoted(repository: StrategyRepository, thief: str, prey: Strategy, _: Path) -> Any:
    """Try to have the prey promoted to a pool of the thief's own choice."""
    try:
        return custody.promote(repository, prey.id, tenant=thief, to="pool", reviewer="thief")
    except NOT_HERE:
        return None


def exported(repository: StrategyRepository, thief: str, _: Strategy, folder: Path) -> str:
    """Export all there is, queries, lessons and all, and read the file."""
    file = folder / "stolen.jsonl"
    told = custody.export_strategies(repository, file, tenant=thief, lessons=True, force=True)
    return f"{told} {file.read_text('utf-8')}"


def exported_examples(repository: StrategyRepository, thief: str, _: Strategy, to: Path) -> str:
    """Export solved examples, and read the file."""
    file = to / "examples.jsonl"
    told = custody.export_examples(
        repository, file, tenant=thief, shape=Shape.FEW_SHOT, states=ANY, force=True
    )
    return f"{told} {file.read_text('utf-8')}"


def imported(repository: StrategyRepository, thief: str, prey: Strategy, folder: Path) -> Any:
    """Import, as the thief's, a strategy that has the id of the prey."""
    file = folder / "planted.jsonl"
    with ENGINES["qdrant"]() as elsewhere:
        elsewhere.put(strategy("planted", id=prey.id, tenant="elsewhere"))
        custody.export_strategies(elsewhere, file, tenant="elsewhere", force=True)
    return custody.import_strategies(repository, file, tenant=thief)


def forgotten(repository: StrategyRepository, thief: str, *_: Any) -> list[Any]:
    """Forget what the victim has learned, by source, by query and altogether."""
    wanted: tuple[dict[str, Any], ...] = ({"source": SOURCE}, {"query": QUERY}, {})
    receipts = [custody.forget(repository, tenant=thief, **each) for each in wanted]
    return [(each.ids, each.removed, each.keys_removed) for each in receipts]


# Every public call of a repository and of custody that is about one tenant, as the thief makes it.
REPOSITORY: Final[dict[str, Call]] = {
    "search": lambda r, who, _, __: r.search(
        QUERY, tenant=who, k=50, min_similarity=-1.0, states=ANY
    ),
    "get": lambda r, who, prey, _: r.get(prey.id, tenant=who),
    "scan": lambda r, who, prey, _: (
        r.scan(tenant=who, states=ANY),
        r.scan(tenant=who, states=ANY, after=prey.id),
    ),
    "count": lambda r, who, _, __: r.count(tenant=who, states=ANY),
    "update": lambda r, who, prey, _: r.update(
        prey.id, tenant=who, change=lambda found: found.changed(state=State.ARCHIVED)
    ),
    "remove": lambda r, who, prey, _: r.remove(prey.id, tenant=who),
    "put": lambda r, who, prey, _: r.put(strategy("planted", id=prey.id, tenant=who)),
    "swap": lambda r, who, prey, _: r.swap(
        strategy("planted", id=prey.id, tenant=who), version=prey.version
    ),
}
CUSTODY: Final[dict[str, Call]] = {
    "export_strategies": exported,
    "export_examples": exported_examples,
    "import_strategies": imported,
    "promote": promoted,
    "approve": lambda r, who, prey, _: custody.approve(r, prey.id, tenant=who, reviewer="thief"),
    "sweep": lambda r, who, _, __: custody.sweep(r, tenant=who, max_active=0, purge_days=0),
    "calibrate_floor": lambda r, who, _, __: custody.calibrate_floor(r, tenant=who),
    "forget": forgotten,
}
STEPS: Final[dict[str, Call]] = {
    "reading_note": lambda r, who, _, __: run(r.reading_note(FLOOR_NOTE, tenant=who)),
    "writing_note": lambda r, who, _, __: run(
        r.writing_note(FLOOR_NOTE, {"mine": 1}, tenant=who, after=None)
    ),
    "labels": lambda r, who, _, __: labels(r, who),
    "own label": lambda r, who, _, __: run(
        LabelLog(r, tenant=who, weak_model="weak").appending([Entry(run_id="mine")])
    ),
}


def labels(repository: StrategyRepository, tenant: str) -> list[Entry]:
    """All that a tenant's log says."""
    found: list[Entry] = []
    run(LabelLog(repository, tenant=tenant, weak_model="weak").reading(found.extend))
    return found


class Theft(NamedTuple):
    """What came of one call that a thief has made."""

    call: str
    seen: bool
    """Whether it told anything of the victim's."""
    changed: bool
    """Whether the victim's is not as it was."""


def thefts(
    repository: StrategyRepository, victim: str, thief: str, prey: Strategy, folder: Path
) -> Iterator[Theft]:
    """Make every call as the thief, one after the other, with `prey` of the victim's in mind."""
    before = everything_of(repository, victim)
    for name, call in {**REPOSITORY, **STEPS, **CUSTODY}.items():
        said = str(call(repository, thief, prey, folder))
        after = everything_of(repository, victim)
        yield Theft(name, CANARY in said, after != before)
        before = after


# Models that tell all they are shown.


def parrot() -> ScriptedChatModel:
    """A weak model that says all it was shown, and is unsure of it."""
    return ScriptedChatModel(respond=lambda prompt: "\n".join(each.text for each in prompt))


def indiscreet() -> ScriptedChatModel:
    """A strong model that answers with what it was shown, and teaches `ADVICE`."""
    taught = json.dumps(ADVICE.model_dump(mode="json"))

    def respond(prompt: list[Any]) -> str:
        return taught if is_distil_prompt(prompt) else "\n".join(each.text for each in prompt)

    return ScriptedChatModel(respond=respond)


def cascade_over(repository: StrategyRepository, **options: Any) -> InterCascade:
    given: dict[str, Any] = {"admission": lambda _: True, "threshold": 1.0, "min_similarity": -1.0}
    return cascade_of(parrot(), indiscreet(), repository=repository, **(given | options))
