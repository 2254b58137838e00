"""How the usefulness benchmark runs one stream through a cascade, and what it looks at."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Final, Literal, TypeAlias, cast
from uuid import UUID

from langchain_core.messages import BaseMessage, HumanMessage

from benchmarks.usefulness_streams import Corpus, Pair
from langchain_intercascade import InterCascade
from langchain_intercascade.confidence.base import Evidence, Score
from langchain_intercascade.evaluation.replay import MIN_SIMILARITY, SURE
from langchain_intercascade.evaluation.stand_ins import sure_when_helped
from langchain_intercascade.label import lot
from langchain_intercascade.record import RECORD_KEY, DecisionRecord
from langchain_intercascade.repository.belief import effect
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.strategy import Advice, State, Strategy, Tally
from langchain_intercascade.testing.recorded import (
    RecordedChatModel,
    Recording,
    Tape,
    playback_of,
)
from langchain_intercascade.testing.scripted import ScriptedChatModel

FIFTHS: Final = 5
TENANT: Final = "default"
WEAK: Final = "recorded"

Gate: TypeAlias = Literal["sure when helped", "coin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a stream is run.

    Attributes:
        audit_rate: Share of the accepted answers about which the strong model is asked.
        holdout: Share of the queries that go without their strategies.
        admission: How strategies are admitted.
        gate: The stand-in for the confidence that nobody recorded.
    """

    audit_rate: float
    holdout: float
    admission: Literal["always", "replay"] = "always"
    gate: Gate = "sure when helped"

    def payload(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one query.

    Attributes:
        family: Its kind.
        shown: The strategies in the weak model's prompt, by id.
        held_out: Whether it was to go without those that were found.
        accepted: Whether the weak answer was accepted.
        right: Whether the answer that was returned was right.
    """

    family: str
    shown: tuple[str, ...]
    held_out: bool
    accepted: bool
    right: bool


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came of one stream.

    Attributes:
        seen: Its queries, in order.
        estimates: What the ledger says of each family after each fifth; 0 for no label.
        suspended: Ids of the strategies that were out of use after each fifth.
        made: All strategies at the end.
        calls: Model calls by role.
    """

    seen: Sequence[Seen]
    estimates: Sequence[Mapping[str, float]]
    suspended: Sequence[frozenset[str]]
    made: Sequence[Strategy]
    calls: Mapping[str, int]


def stream(corpus: Corpus, setting: Setting, seed: int, *, limit: int | None = None) -> Streamed:
    """Stream `corpus` in the order that `seed` fixes, of which the first `limit`."""
    chance = random.Random(seed)
    pairs = chance.sample(list(corpus.pairs), len(corpus.pairs))[:limit]
    calls: Counter[str] = Counter()
    seen: list[Seen] = []
    estimates: list[dict[str, float]] = []
    suspended: list[frozenset[str]] = []
    repository = EdgeRepository(embeddings=corpus.embeddings)
    with repository, _cascade(corpus, setting, repository) as cascade:
        for fifth in range(FIFTHS):
            part = pairs[_cut(pairs, fifth) : _cut(pairs, fifth + 1)]
            seen += [_asked(cascade, pair, chance, calls) for pair in part]
            made = _made(cascade)
            estimates.append(believed(made, corpus.families))
            suspended.append(_ids(made, State.SUSPENDED))
        calls.update({role: use["calls"] for role, use in cascade.spending().background.items()})
    return Streamed(seen, estimates, suspended, made, calls)


def believed(made: Sequence[Strategy], families: Mapping[str, object]) -> dict[str, float]:
    """Return the ledger's estimate by family: over its strategies, weighted by their labels."""
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for strategy in made:
        tally = strategy.ledger.get(WEAK, Tally())
        found[family_of(strategy)].append((effect(tally).mean, tally.labels))
    return {name: _weighted(found[name]) for name in families}


def family_of(strategy: Strategy) -> str:
    """Return the family that the advice of `strategy` names."""
    return strategy.advice.title if strategy.advice else ""


def by_fifth(seen: Sequence[Seen], told: Callable[[Seen], bool]) -> list[float]:
    """Return of each fifth of a stream the share of queries of which `told` is true."""
    parts = [seen[_cut(seen, fifth) : _cut(seen, fifth + 1)] for fifth in range(FIFTHS)]
    return [fmean(map(told, part)) if part else 0.0 for part in parts]


def _weighted(found: Sequence[tuple[float, int]]) -> float:
    labels = sum(count for _, count in found)
    return sum(mean * count for mean, count in found) / labels if labels else 0.0


def _cut(things: Sequence[object], fifth: int) -> int:
    return len(things) * fifth // FIFTHS


def _made(cascade: InterCascade) -> list[Strategy]:
    return [each for each in cascade.repository.scan(tenant=TENANT) if each.advice]


def _ids(made: Sequence[Strategy], state: State) -> frozenset[str]:
    return frozenset(each.id for each in made if each.state is state)


def _asked(cascade: InterCascade, pair: Pair, chance: random.Random, calls: Counter[str]) -> Seen:
    # Lots are drawn by the run's id, so that the same seed audits the same queries.
    run = UUID(int=chance.getrandbits(128), version=4)
    answer = cascade.invoke([HumanMessage(pair.question)], {"run_id": run})
    cascade.flush()
    record = cast("DecisionRecord", answer.response_metadata[RECORD_KEY])
    calls.update({role: use["calls"] for role, use in record["usage"].items()})
    return Seen(
        family=pair.family,
        shown=tuple(note["id"] for note in record["strategies"]),
        held_out=bool(record["held_out"]),
        accepted=record["route"] == "weak",
        right=playback_of(answer)["correct"],
    )


def _cascade(corpus: Corpus, setting: Setting, repository: EdgeRepository) -> InterCascade:
    golds = [Recording(p.question, p.gold, correct=True, family=p.family) for p in corpus.pairs]
    return InterCascade(
        weak=RecordedChatModel(
            recordings=[pair.recording() for pair in corpus.pairs], model_name=WEAK
        ),
        strong=RecordedChatModel(recordings=golds, model_name="assumed-perfect"),
        repository=repository,
        distiller=_distiller(golds),
        confidence=_GATES[setting.gate],
        threshold=SURE,
        agreement=_graded(corpus),
        min_similarity=MIN_SIMILARITY,
        learning="inline",
        admission=setting.admission,
        audit_rate=setting.audit_rate,
        holdout=setting.holdout,
    )


def _distiller(golds: Sequence[Recording]) -> ScriptedChatModel:
    """Return a stand-in that names the family of what it is shown, and shares no other word.

    What is said in the same words of two kinds of problem would be taken for rival advice.
    """
    families = {gold.prompt: gold.family or "" for gold in golds}
    tape = Tape(golds)

    def distilled(messages: list[BaseMessage]) -> str:
        text = messages[-1].text
        asked = text.partition("<problem>\n")[2].partition("\n</problem>")[0]
        # To look for it among thousands of questions takes longer than all else about a lesson.
        family = families[asked if asked in families else tape.prompt_in(text)]
        worked = "Reason as worked examples do."
        advice = Advice(title=family, when_to_use=family.replace("_", " "), steps=(worked,))
        return advice.model_dump_json()

    return ScriptedChatModel(respond=distilled, model_name="stand-in")


def _graded(corpus: Corpus) -> Callable[[str, str, str], bool]:
    """Return the agreement that grades a weak answer as the recording was graded."""
    right = {
        (pair.question, answer)
        for pair in corpus.pairs
        for answer, correct in (pair.plain, pair.helped, (pair.gold, True))
        if correct
    }

    def agreed(query: str, one: str, other: str) -> bool:
        del other
        return (query, one) in right

    return agreed


def _coin(evidence: Evidence) -> Score:
    """Stand in for a confidence that knows nothing: half the questions pass, helped or not."""
    return Score(lot(evidence.query, "gate"))


_GATES: Final[Mapping[Gate, Any]] = {"sure when helped": sure_when_helped, "coin": _coin}
