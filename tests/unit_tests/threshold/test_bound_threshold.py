"""A threshold from a file is served where it belongs, and only as long as that stays so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade import EdgeRepository, InterCascade
from langchain_intercascade._steps import Steps, run
from langchain_intercascade.errors import ConfigurationError, RepositoryError
from langchain_intercascade.record import RECORD_KEY
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.fingerprint import fingerprinting
from langchain_intercascade.strategy import State
from langchain_intercascade.testing import SimulatedStrong, SimulatedWeak
from langchain_intercascade.threshold.base import ALWAYS_DEFER, FixedThreshold
from langchain_intercascade.threshold.binding import PATIENCE, Binding, BoundThreshold
from langchain_intercascade.threshold.calibrate import calibrate_regimes, calibrate_threshold
from langchain_intercascade.threshold.file import load_thresholds, save_thresholds, threshold_of
from tests.unit_tests.repository.stock import ADVICE, fill, strategy

ANSWERS = ([0.9] * 60, [True] * 60)
BOTH = calibrate_regimes({"plain": ANSWERS, "augmented": ANSWERS}, target_risk=0.1)
HERE = Binding(weak_model="small", confidence="logprobs", prompts="2", encoder="hashing")
BOUND = HERE.model_copy(update={"repository": "v1"})
QUESTION = "Ines has 7 pens and finds 5 more. How many pens does Ines have now?"


class Strategies:
    """Tells which strategies are in use, as a repository would; and a clock."""

    def __init__(self, *states: str | Exception) -> None:
        self.states, self.looks, self.time = list(states), 0, 0.0

    def fingerprint(self) -> Steps[str]:
        """Return the state that is current, or fail."""
        state = self.states[min(self.looks, len(self.states) - 1)]
        self.looks += 1
        if isinstance(state, Exception):
            raise state
        return state
        yield

    def threshold(self, **options: Any) -> BoundThreshold:
        """A checked threshold that looks here."""
        given: dict[str, Any] = {"reports": BOTH, "bound_to": BOUND, **options}
        found = BoundThreshold(**given, clock=lambda: self.time)
        found.check(HERE, self.fingerprint)
        return found

    def cuts(self, threshold: BoundThreshold) -> tuple[Any, Any]:
        """What is served to the next query in each regime, a while later."""
        run(threshold.preparing())
        self.time += PATIENCE
        return threshold.cut("plain").value, threshold.cut("augmented").value


def test_before_it_is_checked_it_accepts_nothing() -> None:
    cut = BoundThreshold(BOTH, BOUND).cut("plain")

    assert (ALWAYS_DEFER, "not checked" in cut.origin) == (cut.value, True)


def test_beside_something_else_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'small' then, 'large' now") as refused:
        BoundThreshold(BOTH, BOUND, name="t.json").check(
            HERE.model_copy(update={"weak_model": "large"}), Strategies("v1").fingerprint
        )
    assert str(refused.value).startswith("t.json was calibrated with something else")


def test_without_anybody_to_tell_the_strategies_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="repository: 'v1' then, None now"):
        BoundThreshold(BOTH, BOUND).check(HERE)


def test_it_serves_while_the_strategies_stay() -> None:
    there = Strategies("v1")
    threshold = there.threshold()

    assert [(0.9, 0.9)] * 3 == [there.cuts(threshold) for _ in range(3)]
    assert 3 == there.looks


def test_it_does_not_look_at_every_query() -> None:
    there = Strategies("v1")
    threshold = there.threshold()
    for _ in range(5):
        run(threshold.preparing())

    assert 1 == there.looks


def test_another_strategy_ends_the_augmented_promise_for_good() -> None:
    """Going back to the old ones later is a coincidence, not a promise."""
    there = Strategies("v1", "v2", "v1")
    threshold = there.threshold()

    assert [(0.9, 0.9), (0.9, ALWAYS_DEFER), (0.9, ALWAYS_DEFER)] == [
        there.cuts(threshold) for _ in range(3)
    ]
    assert "calibrated with v1, and now there are v2" == threshold.cut("augmented").origin
    assert "Every augmented answer is deferred" in threshold.words()[-1]
    assert 2 == there.looks


def test_what_cannot_be_looked_at_is_not_trusted_meanwhile() -> None:
    there = Strategies(RepositoryError("away"), "v1")
    threshold = there.threshold()

    assert [(0.9, ALWAYS_DEFER), (0.9, 0.9)] == [there.cuts(threshold) for _ in range(2)]


def test_a_plain_promise_does_not_ask_for_strategies() -> None:
    there = Strategies(AssertionError("must not be asked"))
    plain = calibrate_threshold(*ANSWERS, target_risk=0.1)
    threshold = there.threshold(reports=plain, bound_to=HERE)

    assert (0.9, ALWAYS_DEFER) == there.cuts(threshold)
    assert 0 == there.looks


def test_what_was_not_there_binds_nothing() -> None:
    """A file made without a repository does not mind one."""
    alone = Binding(weak_model="small", confidence="logprobs", prompts="2")
    threshold = BoundThreshold(BOTH, alone)
    threshold.check(HERE)

    assert 0.9 == threshold.cut("plain").value


def test_other_thresholds_do_not_mind() -> None:
    assert FixedThreshold(0.5).check(HERE) is None  # type: ignore[func-returns-value]  # that is the point


@pytest.mark.parametrize(("given", "value"), [(0.5, 0.5), (ALWAYS_DEFER, ALWAYS_DEFER)])
def test_a_number_is_a_threshold(given: Any, value: Any) -> None:
    assert value == threshold_of(given).cut("plain").value


# In a cascade.

CASCADE = Binding(weak_model="simulated-weak", confidence="mean_token_probability", prompts="2")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A plain threshold of .9 for a simulated weak model."""
    save_thresholds(BOTH["plain"], tmp_path / "t.json", bound_to=CASCADE)
    return tmp_path / "t.json"


@pytest.mark.parametrize("given", [str, Path, load_thresholds])
def test_a_cascade_takes_the_file(file: Path, given: Any) -> None:
    with InterCascade(
        weak=SimulatedWeak(), strong=SimulatedStrong(), threshold=given(file)
    ) as cascade:
        record = cascade.invoke(QUESTION).response_metadata[RECORD_KEY]

    assert ("weak", 0.9) == (record["route"], record["threshold"])
    assert record["threshold_origin"].startswith("calibrated: risk <= 0.1")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"confidence": "verbalized"}, id="another confidence function"),
        pytest.param({"weak": SimulatedWeak(model_name="other")}, id="another weak model"),
    ],
)
def test_a_cascade_that_it_is_not_for_is_refused(file: Path, options: dict[str, Any]) -> None:
    models: dict[str, Any] = {"weak": SimulatedWeak(), "strong": SimulatedStrong()}
    with pytest.raises(ConfigurationError, match=r"t\.json was calibrated with something else"):
        InterCascade(**{**models, "threshold": str(file), **options})


# Fingerprints.


@pytest.fixture
def repository() -> Iterator[StrategyRepository]:
    """One strategy in use."""
    with EdgeRepository() as filled:
        yield fill(filled, strategy())


def seen(repository: StrategyRepository, *tenants: str, k: int = 2) -> str:
    """The fingerprint."""
    return run(fingerprinting(repository, tenants=tenants or ("acme",), k=k))


def test_counting_does_not_change_a_fingerprint(repository: StrategyRepository) -> None:
    before = seen(repository)
    fill(repository, strategy(cost=0.5), strategy("waiting", state=State.CANDIDATE))

    assert before == seen(repository)
    assert before.startswith("1 strategies")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(strategy("Another?"), id="one more"),
        pytest.param(strategy(state=State.SUSPENDED), id="one less"),
        pytest.param(
            strategy(advice=ADVICE.model_copy(update={"title": "Totals"})), id="other words"
        ),
        pytest.param(strategy(keys=("Other?",)), id="found by another query"),
    ],
)
def test_what_may_be_shown_changes_it(repository: StrategyRepository, change: Any) -> None:
    before = seen(repository)
    fill(repository, change)

    assert before != seen(repository)


def test_tenants_and_their_number_matter(repository: StrategyRepository) -> None:
    fill(repository, strategy(tenant="pool"))

    assert 4 == len(
        {
            seen(repository),
            seen(repository, "pool"),
            seen(repository, "acme", "pool"),
            seen(repository, k=1),
        }
    )
