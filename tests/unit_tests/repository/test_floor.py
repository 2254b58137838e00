"""The floor comes from what the repository itself looks like, and says so."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from qdrant_client import QdrantClient

from langchain_intercascade._steps import arun, run
from langchain_intercascade.errors import ConfigurationError, RepositoryCorruptError
from langchain_intercascade.repository.background import background, calibrating_floor
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.embeddings import PROBE
from langchain_intercascade.repository.floor import (
    FEWEST,
    Floor,
    Lead,
    alike,
    floor_above,
    is_stale,
    leading,
    quantile,
)
from langchain_intercascade.repository.qdrant import QdrantRepository
from langchain_intercascade.strategy import Advice, State
from langchain_intercascade.testing.simulated.families import FAMILIES
from tests.conftest import Colour
from tests.hits import strategy

# A busy machine is not a failure.
patient = settings(deadline=None)
cosines = st.floats(-1, 1)
KINDS = 12


class Placed(Embeddings):
    """An encoder on a circle: "12 degrees" lies twelve degrees from "0 degrees"."""

    def embed_query(self, text: str) -> list[float]:
        angle = math.radians(180.0 if text == PROBE else float(text.split(maxsplit=1)[0]))
        return [math.cos(angle), math.sin(angle)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class Spokes(Embeddings):
    """An encoder with a direction for each kind: "3 60" points 60 degrees up from direction 3."""

    def embed_query(self, text: str) -> list[float]:
        kind, angle = (KINDS, 0.0) if text == PROBE else map(float, text.split())
        spoke = [0.0] * (KINDS + 1)
        spoke[int(kind)] = math.cos(math.radians(angle))
        return [math.sin(math.radians(angle)), *spoke]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


@pytest.fixture(params=["edge", "qdrant"])
def repository(request: pytest.FixtureRequest) -> Iterator[StrategyRepository]:
    """Two engines, since they page in their own ways."""
    engine: StrategyRepository
    if request.param == "edge":
        engine = EdgeRepository(embeddings=Placed())
    else:
        engine = QdrantRepository(client=QdrantClient(":memory:"), embeddings=Placed())
    with engine:
        yield engine


def fill(repository: StrategyRepository, angles: list[float], **fields: Any) -> None:
    for at, angle in enumerate(angles):
        repository.put(strategy(f"s{at}", keys=(f"{angle} degrees",), **fields))


def calibrate(colour: Colour, repository: StrategyRepository, **settings: Any) -> Floor | None:
    return colour.run(
        lambda: run(calibrating_floor(repository, tenant="acme", **settings)),
        lambda: arun(calibrating_floor(repository, tenant="acme", **settings)),
    )


def close(number: float) -> Any:
    """Return what equals `number` up to the 32-bit numbers of an engine."""
    return pytest.approx(number, abs=1e-5)


def degrees(angle: float) -> float:
    return math.cos(math.radians(angle))


def test_the_floor_is_the_percentile_of_the_nearest_others(
    colour: Colour, repository: StrategyRepository
) -> None:
    """On a circle with equal steps every nearest other is one step away, and leads by nothing."""
    fill(repository, [30.0 * at for at in range(KINDS)])
    floor = calibrate(colour, repository)

    assert floor is not None
    assert (close(degrees(30)), close(degrees(30))) == (floor.similarity, floor.least)
    assert close(0.0) == floor.margin
    assert (0.9, KINDS, KINDS) == (floor.percentile, floor.sample_size, floor.repository_size)
    assert repository.encoder.label == floor.encoder
    assert floor.made_at


def test_its_own_kind_is_no_background(colour: Colour) -> None:
    """A second strategy in the same words is no mistake to find, however near it is."""
    with EdgeRepository(embeddings=Spokes()) as repository:
        for at in range(KINDS):
            repository.put(strategy(f"s{at}", keys=(f"{at} 30",)))
            twin = strategy(f"s{at}").advice
            repository.put(strategy(f"t{at}", keys=(f"{at} 60",), advice=twin))
        floor = calibrate(colour, repository)

    assert floor is not None
    # Twins lie 30 degrees apart; nearest of another kind are two that point 60 degrees up.
    assert close(math.sin(math.radians(60)) ** 2) == floor.similarity


def test_what_the_encoder_cannot_tell_apart_is_no_background(
    colour: Colour, repository: StrategyRepository
) -> None:
    """Nobody noticed that these pairs teach the same; their keys are one query to the encoder."""
    fill(repository, [30.0 * at + shift for at in range(KINDS) for shift in (0, 1)])
    floor = calibrate(colour, repository)

    assert floor is not None
    assert close(degrees(29)) == floor.similarity


def test_a_crowd_of_its_own_kind_does_not_hide_the_others(
    colour: Colour, repository: StrategyRepository
) -> None:
    fill(repository, [30.0 * at for at in range(KINDS)])
    crowd = strategy("s0").advice
    for at in range(20):
        repository.put(strategy(f"c{at}", keys=(f"{at / 20} degrees",), advice=crowd))
    floor = calibrate(colour, repository)

    assert floor is not None
    assert KINDS + 20 == floor.sample_size


def test_only_strategies_in_use_count(colour: Colour, repository: StrategyRepository) -> None:
    fill(repository, [30.0 * at for at in range(KINDS)])
    repository.put(strategy("x", keys=("20 degrees",), state=State.SUSPENDED))
    repository.put(strategy("y", keys=("20 degrees",), tenant="other"))
    floor = calibrate(colour, repository)

    assert floor is not None
    assert (KINDS, KINDS) == (floor.repository_size, floor.sample_size)
    assert close(degrees(30)) == floor.similarity


def test_a_sample_is_measured_against_the_whole_repository(
    colour: Colour, repository: StrategyRepository
) -> None:
    fill(repository, [20.0 * at for at in range(18)])
    floors = [calibrate(colour, repository, sample=FEWEST, seed=seed) for seed in range(8)]

    assert [(FEWEST, 18, close(degrees(20)))] * 8 == [
        (floor.sample_size, floor.repository_size, floor.similarity) for floor in floors if floor
    ]


def test_the_same_seed_gives_the_same_floor(colour: Colour, repository: StrategyRepository) -> None:
    fill(repository, [float(at * (at + 19)) / 2 for at in range(18)])
    seeds = (0, 0, 1, 2, 3)
    floors = [
        calibrate(colour, repository, sample=FEWEST, seed=seed, percentile=0.5) for seed in seeds
    ]
    one, again, *others = [round(floor.similarity, 5) for floor in floors if floor]

    assert one == again
    assert {one} != set(others)


@pytest.mark.parametrize("kinds", [0, 1, FEWEST - 1])
def test_too_few_are_too_few_to_tell(
    colour: Colour, repository: StrategyRepository, kinds: int
) -> None:
    fill(repository, [30.0 * at for at in range(kinds)])

    assert calibrate(colour, repository) is None


def test_many_of_few_kinds_are_too_few_to_tell(
    colour: Colour, repository: StrategyRepository
) -> None:
    for at in range(KINDS):
        advice = strategy(f"kind{at % 3}").advice
        repository.put(strategy(f"s{at}", keys=(f"{30.0 * at} degrees",), advice=advice))

    assert calibrate(colour, repository) is None


@pytest.mark.parametrize(
    "wrong", [{"percentile": 1.1}, {"percentile": math.nan}, {"sample": FEWEST - 1}]
)
def test_settings_that_cannot_work_are_refused(
    colour: Colour, repository: StrategyRepository, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        calibrate(colour, repository, **wrong)


def test_margin_and_least_have_a_percentile_of_their_own() -> None:
    floor = floor_above([Lead(at / 100, at / 1000) for at in range(101)], percentile=0.95)

    assert floor is not None
    assert pytest.approx((0.95, 0.75, 0.075)) == (floor.similarity, floor.least, floor.margin)


@patient
@given(
    st.lists(st.tuples(cosines, st.floats(0, 2)), min_size=FEWEST, max_size=60),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_higher_percentile_is_a_higher_floor(
    pairs: list[tuple[float, float]], one: float, other: float
) -> None:
    found = [Lead(*pair) for pair in pairs]
    low, high = (floor_above(found, percentile=each) for each in sorted((one, other)))

    assert low is not None
    assert high is not None
    assert low.similarity <= high.similarity
    assert low.least <= low.similarity


@patient
@given(st.lists(st.tuples(cosines, st.floats(0, 2)), min_size=FEWEST, max_size=60))
def test_at_most_the_stated_share_of_the_background_passes_alone(
    pairs: list[tuple[float, float]],
) -> None:
    floor = floor_above([Lead(*pair) for pair in pairs])

    assert floor is not None
    above = sum(similarity > floor.similarity for similarity, _ in pairs)
    assert above <= 0.1 * len(pairs) + 1


@patient
@given(cosines, st.floats(0, 1), st.floats(0, 1), cosines, st.floats(0, 0.5))
def test_nearer_or_further_ahead_never_hurts(
    similarity: float, margin: float, least_share: float, more: float, ahead: float
) -> None:
    floor = Floor(similarity=0.6, least=0.6 * least_share, margin=0.1)
    nearer = floor.passes(max(similarity, more), margin)
    further = floor.passes(similarity, margin + ahead)

    assert nearer >= floor.passes(similarity, margin)
    assert further >= floor.passes(similarity, margin)


@patient
@given(cosines, cosines, st.floats(0, 2))
def test_a_fixed_floor_is_just_a_number(number: float, similarity: float, margin: float) -> None:
    assert (similarity >= number) == Floor.fixed(number).passes(similarity, margin)


@pytest.mark.parametrize("wrong", [1.5, -2, math.nan, math.inf, "high"])
def test_a_fixed_floor_must_be_a_cosine(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="from -1 to 1"):
        Floor.fixed(wrong)


def test_nan_never_passes() -> None:
    assert not Floor.fixed(-1).passes(math.nan, math.nan)


@patient
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.data())
def test_the_background_leaves_out_a_keys_own_group(groups: list[str], data: st.DataObject) -> None:
    row = st.lists(st.floats(-1, 0.94), min_size=len(groups), max_size=len(groups))
    near = data.draw(st.lists(row, min_size=len(groups), max_size=len(groups)))
    expected = [
        max(others)
        for own, line in zip(groups, near, strict=True)
        if (others := [x for group, x in zip(groups, line, strict=True) if group != own])
    ]
    found = background(near, groups)

    assert expected == [lead.similarity for lead in found]
    assert all(lead.margin >= 0 for lead in found)


def test_a_lead_is_over_the_next_that_is_different() -> None:
    found = [("sum", 0.9), ("sum", 0.8), ("date", 0.5), ("name", 0.4)]

    margins = [leading(each, lambda one, other: one == other).margin for each in (found, found[:2])]

    assert [pytest.approx(0.4), pytest.approx(0.1)] == margins


@patient
@given(st.lists(st.floats(-1, 1), min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_a_quantile_lies_within_and_rises(values: list[float], one: float, other: float) -> None:
    low, high = (quantile(values, share) for share in sorted((one, other)))

    assert min(values) <= low <= high + 1e-12
    assert high <= max(values)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({}, False, id="different words and keys"),
        pytest.param({"keys": ("A  KEY",)}, True, id="a common key"),
        pytest.param({"advice": strategy("a").advice}, True, id="the same advice"),
        pytest.param({"advice": None}, False, id="no advice"),
    ],
)
def test_strategies_of_one_kind_are_alike(changes: dict[str, Any], same: bool) -> None:  # noqa: FBT001 - a table
    one, other = strategy("a"), strategy("b", **changes)

    assert same == alike(one, other) == alike(other, one)


def test_short_advice_worded_alike_is_not_taken_for_one_kind() -> None:
    taught = [
        strategy(
            name,
            advice=Advice(title=family.title, when_to_use=family.when, steps=family.steps),
        )
        for name, family in FAMILIES.items()
    ]
    pairs = list(combinations(taught, 2))

    assert sum(alike(*pair) for pair in pairs) <= len(pairs) / 20


def test_a_floor_is_stale_when_the_repository_has_doubled_or_the_encoder_is_another() -> None:
    floor = Floor(
        similarity=0.6, least=0.4, margin=0.1, repository_size=50, encoder="one", made_at="then"
    )

    assert not is_stale(floor, 99, encoder="one")
    assert is_stale(floor, 100, encoder="one")
    assert is_stale(floor, 50, encoder="two")
    assert not is_stale(Floor.fixed(0.3), 10**6, encoder="two")


def test_a_floor_comes_back_from_json() -> None:
    floor = Floor(similarity=0.6, least=0.4, margin=0.1, percentile=0.9, made_at="then")

    assert floor == Floor.from_payload(json.loads(json.dumps(floor.payload())))


@pytest.mark.parametrize("wrong", [None, {}, {"similarity": 2, "least": 0, "margin": 0}, "floor"])
def test_an_unreadable_floor_is_refused(wrong: object) -> None:
    with pytest.raises(
        RepositoryCorruptError, match="Calibrate it again with `intercascade strategies floor`"
    ):
        Floor.from_payload(wrong)
