"""A threshold that learns from deferrals and audits keeps its promise while it does so."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.label import Label, lot
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.certification import CHECKS, SHARES, SIZES
from langchain_intercascade.threshold.self_calibrating import SelfCalibrating

AUDIT_RATE = 0.1
TARGET = 0.2
SAFE_FROM = 1 - math.sqrt(3 * TARGET)
"""With a chance of (1 - s)^2 to be wrong, the risk at t is (1 - t)^2 / 3."""

Risk = Callable[[float], float]
Label_ = Callable[..., Label]


def honest(score: float) -> float:
    """Return the risk of an answer whose score says, cautiously, how often it is right."""
    return (1.0 - score) ** 2


@pytest.fixture
def label() -> Label_:
    """Make labels with run ids of their own; a plain, right deferral unless told otherwise."""
    runs = count()

    def made(**options: Any) -> Label:
        told = {"confidence": 0.9, "correct": True, "regime": "plain", **options}
        return Label(run_id=str(next(runs)), tenant="t", weak_model="w", **told)

    return made


def streamed(
    threshold: SelfCalibrating,
    n: int,
    rng: np.random.Generator,
    *,
    risk: Risk = honest,
    regime: Regime = "plain",
) -> Iterator[float | None]:
    """Play `n` queries with uniform scores against `threshold`; yield the cut served at each."""
    for score, luck, run in rng.random((n, 3)).tolist():
        cut = threshold.cut(regime).value
        accepted = cut != ALWAYS_DEFER and score >= cut
        run_id = f"run {run}"
        if not accepted or lot(run_id, "audit") < AUDIT_RATE:
            threshold.observe(
                Label(
                    run_id=run_id,
                    tenant="t",
                    weak_model="w",
                    regime=regime,
                    confidence=score,
                    accepted=accepted,
                    correct=luck >= risk(score),
                    source="audit" if accepted else "deferral",
                    probability=AUDIT_RATE if accepted else 1.0,
                )
            )
        yield None if cut == ALWAYS_DEFER else cut


def play(threshold: SelfCalibrating, n: int, seed: int, **options: Any) -> list[float | None]:
    """Return the cuts served at `n` queries."""
    return list(streamed(threshold, n, np.random.default_rng(seed), **options))


def plain(**options: Any) -> SelfCalibrating:
    """Return a threshold for the plain regime alone."""
    return SelfCalibrating(TARGET, **{"audit_rate": AUDIT_RATE, "regimes": ("plain",), **options})


def test_the_looks_spend_delta_and_no_more() -> None:
    assert len(SIZES) == len(SHARES)
    assert math.fsum(SHARES) == pytest.approx(1.0)
    assert math.fsum(check.share for check in CHECKS) == pytest.approx(1.0)
    certification = SelfCalibrating(TARGET, delta=0.1).certification("plain")
    spent = [certification.delta_of(size, check) for size in SIZES for check in CHECKS]
    assert math.fsum(spent) == pytest.approx(0.1 / 2)  # there are two regimes


def test_a_look_certifies_with_its_own_part_of_delta(label: Label_) -> None:
    threshold = plain()
    for _ in range(100):
        threshold.observe(label())

    report = threshold.certification("plain").certified
    assert report is not None
    assert report.delta in {0.1 * SHARES[0] * check.share for check in CHECKS}


def test_an_unsafe_cut_is_as_rare_as_promised_and_coverage_is_near_the_best() -> None:
    """Over whole runs, at every query, with no labels but those that a cascade sees."""
    runs, unsafe, coverage = 40, 0, []
    for seed in range(runs):
        cuts = play(plain(), 1500, seed)
        unsafe += any(cut is not None and cut < SAFE_FROM for cut in cuts)
        coverage.append(0.0 if cuts[-1] is None else 1 - cuts[-1])

    assert unsafe / runs <= 0.1 + 2 * math.sqrt(0.1 * 0.9 / runs)
    assert np.mean(coverage) >= 0.8 * (1 - SAFE_FROM)


def test_if_nothing_is_safe_nothing_is_served() -> None:
    """Every answer is wrong a little more often than promised, at any score."""
    runs = 40
    served = [
        any(cut is not None for cut in play(plain(), 500, seed, risk=lambda _: 0.201))
        for seed in range(runs)
    ]

    assert np.mean(served) <= 0.1 + 2 * math.sqrt(0.1 * 0.9 / runs)


def test_what_was_wrong_before_it_learned_does_not_hold_it_back() -> None:
    """A quarter of all labels is wrong, and of the newer half nearly none."""
    threshold = plain()
    play(threshold, 200, 1, risk=lambda _: 0.5)
    early = threshold.standing("plain")

    cuts = play(threshold, 250, 2, risk=lambda _: 0.02)

    assert ("cold", "serving") == (early, threshold.standing("plain"))
    assert cuts[-1] is not None
    assert cuts[-1] < 0.3


def test_while_it_learns_a_cut_is_as_rarely_unsafe_as_promised() -> None:
    """Scores say nothing, and the risk of all answers falls, until at last it is safe."""
    runs, unsafe, served = 30, 0, 0
    falling = (0.4, 0.3, 0.24, 0.21, 0.08)
    for seed in range(runs):
        threshold = plain()
        for stage, risk in enumerate(falling):
            cuts = play(threshold, 200, 100 * seed + stage, risk=lambda _, now=risk: now)
            unsafe += risk > TARGET and any(cut is not None for cut in cuts)
        later = play(threshold, 800, 100 * seed + 99, risk=lambda _: 0.08)
        served += later[-1] is not None

    assert unsafe / runs <= 0.1 + 2 * math.sqrt(0.1 * 0.9 / runs)
    assert served / runs > 0.9


def test_a_surest_few_that_err_now_and_then_do_not_end_the_walk() -> None:
    """Confidence says nothing, and one in twenty is wrong at any."""
    served = [play(plain(), 850, seed, risk=lambda _: 0.05)[-1] for seed in range(20)]

    assert all(cut is not None and cut < 0.3 for cut in served)


def test_once_it_serves_the_sample_stays_like_the_traffic() -> None:
    """Half of the traffic is accepted and seldom labelled, and yet makes half of the sample."""
    threshold = plain()
    play(threshold, 12_000, 3)
    sample = threshold.state()["regimes"]["plain"]["certification"]["scores"]
    later = np.array(sample[SIZES[3] :])

    assert threshold.cut("plain").value != ALWAYS_DEFER
    assert len(later) > 700
    assert 0.5 == pytest.approx(later.mean(), abs=4 * 0.29 / math.sqrt(len(later)))


def test_a_cut_only_descends_while_the_promise_lasts() -> None:
    cuts = [cut for cut in play(plain(patience=100), 12_000, 5) if cut is not None]

    assert cuts == sorted(cuts, reverse=True)
    assert len(set(cuts)) > 1


def test_when_the_world_turns_worse_the_cut_is_withdrawn_and_stays_so() -> None:
    """Audits show it; what was certified before does not come back by itself."""
    threshold = plain()
    play(threshold, 1500, 1)
    before = threshold.standing("plain")

    cuts = play(threshold, 3000, 2, risk=lambda _: 0.6)

    assert ("serving", "withdrawn") == (before, threshold.standing("plain"))
    assert "withdrawn" == threshold.standings()["plain"]
    assert cuts[-1] is None
    assert "withdrawn: after" in threshold.cut("plain").origin
    learnt = threshold.state()
    assert {None} == set(play(threshold, 1000, 3))
    assert learnt == threshold.state()


def test_without_audits_of_worse_answers_nobody_would_know() -> None:
    """Deferred answers alone say nothing about the accepted ones.

    Between two looks they change nothing that is served.  At a look the cut may descend, for
    the look has a delta of its own and tests all labels anew; it never rises.
    """
    threshold = plain()
    play(threshold, 1500, 1)
    cut, watched = threshold.cut("plain").value, threshold.monitor("plain").state()
    assert cut != ALWAYS_DEFER
    room = SIZES[2] - threshold.certification("plain").size
    assert 0 < room < 100

    for each in _deferrals(8 * room, 0, below=cut):
        threshold.observe(each)

    assert 0 < SIZES[2] - threshold.certification("plain").size < room
    assert ("serving", cut) == (threshold.standing("plain"), threshold.cut("plain").value)

    for each in _deferrals(8 * room, 1, below=cut):
        threshold.observe(each)

    after = threshold.cut("plain").value
    assert SIZES[2] < threshold.certification("plain").size
    assert watched == threshold.monitor("plain").state()
    assert "serving" == threshold.standing("plain")
    assert after != ALWAYS_DEFER
    assert after <= cut


def _deferrals(n: int, seed: int, below: float) -> Iterator[Label]:
    """Yield wrong deferred answers."""
    for number, score in enumerate(np.random.default_rng(seed).random(n)):
        yield Label(
            run_id=f"{seed}/{number}",
            tenant="t",
            weak_model="w",
            regime="plain",
            confidence=float(score) * below,
            correct=False,
        )


def test_recertification_starts_cold_and_says_why() -> None:
    threshold = plain()
    play(threshold, 1500, 1)

    threshold.recertify("the weak model changed", "plain")

    assert "cold" == threshold.standing("plain")
    assert "cold start since the weak model changed: 0 labels" in threshold.cut("plain").origin
    assert play(threshold, 1500, 2)[-1] is not None


def test_recertification_reaches_every_regime_unless_told() -> None:
    threshold = SelfCalibrating(TARGET, audit_rate=AUDIT_RATE)
    play(threshold, 1200, 1)
    play(threshold, 1200, 2, regime="augmented")
    threshold.recertify("drift", "augmented")
    one = (threshold.standing("plain"), threshold.standing("augmented"))

    threshold.recertify("another prompt")

    assert ("serving", "cold") == one
    assert ("cold", "cold") == (threshold.standing("plain"), threshold.standing("augmented"))


def test_regimes_learn_apart(label: Label_) -> None:
    """What is known about plain answers is no evidence about augmented ones."""
    threshold = SelfCalibrating(TARGET)
    for _ in range(100):
        threshold.observe(label())

    assert 0.9 == threshold.cut("plain").value
    assert "100 labels" in threshold.cut("plain").origin
    assert ALWAYS_DEFER == threshold.cut("augmented").value
    assert "0 labels, the next look is at 100" in threshold.cut("augmented").origin


def test_a_regime_that_was_not_expected_defers(label: Label_) -> None:
    threshold = plain()
    threshold.observe(label(regime="augmented"))

    assert ALWAYS_DEFER == threshold.cut("augmented").value
    assert "not among the regimes" in threshold.cut("augmented").origin
    assert "cold" == threshold.standing("augmented")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"source": "feedback"}, id="feedback"),
        pytest.param({"confidence": None}, id="no score"),
        pytest.param({"accepted": True, "source": "audit"}, id="accepted while cold"),
        pytest.param({"accepted": True}, id="served, and yet a deferral"),
    ],
)
def test_what_nothing_sound_follows_from_is_passed_over(
    label: Label_, options: dict[str, Any]
) -> None:
    """Who gives feedback is not drawn by lot; what was forced says nothing about the gate."""
    threshold = plain()
    for _ in range(300):
        threshold.observe(label(**options))

    assert 0 == threshold.certification("plain").labels
    assert "cold" == threshold.standing("plain")


def test_forced_answers_do_not_count_once_it_serves(label: Label_) -> None:
    """Below the threshold but accepted, or above it but deferred: somebody wanted it so."""
    threshold = plain()
    for _ in range(100):
        threshold.observe(label())
    before = threshold.state()

    for _ in range(50):
        threshold.observe(label(correct=False))
        threshold.observe(label(confidence=0.1, correct=False, accepted=True, source="audit"))

    assert before == threshold.state()


def test_wrong_audits_withdraw_the_cut(label: Label_) -> None:
    threshold = plain()
    for _ in range(100):
        threshold.observe(label())
    wrong = {"correct": False, "accepted": True, "source": "audit", "probability": AUDIT_RATE}

    audits = 0
    while threshold.standing("plain") == "serving":
        threshold.observe(label(**wrong))
        audits += 1

    assert 1 < audits < 10
    assert audits == threshold.monitor("plain").alarmed_at


def test_patience_serves_a_cut_that_could_still_be_better() -> None:
    """The impatient begin earlier and accept less at first."""
    first: dict[int, int] = {}
    for patience in (100, 800):
        cuts = play(plain(patience=patience, ready=1.0), 1500, 4)
        first[patience] = next(i for i, cut in enumerate(cuts) if cut is not None)

    assert first[100] < first[800] == 800


def test_a_saved_threshold_goes_on_as_if_nothing_had_happened() -> None:
    one = plain()
    play(one, 700, 1)
    other = plain()
    other.restore(json.loads(json.dumps(one.state())))

    assert play(one, 1500, 2) == play(other, 1500, 2)
    assert one.state() == other.state()
    assert one.words() == other.words()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"target_risk": 0.1}, r"target_risk was 0\.2 and is now 0\.1"),
        ({"delta": 0.05}, r"delta was 0\.1 and is now 0\.05"),
        ({"audit_rate": 0.5}, r"audit_rate was 0\.1 and is now 0\.5"),
        ({"on_abstain": "skip"}, "on_abstain was 'wrong' and is now 'skip'"),
        ({"regimes": ("augmented",)}, "the regimes were plain"),
    ],
)
def test_another_promise_is_not_restored(options: dict[str, Any], complaint: str) -> None:
    settings = {"target_risk": TARGET, "audit_rate": AUDIT_RATE, "regimes": ("plain",)}
    other = SelfCalibrating(**{**settings, **options})

    with pytest.raises(ConfigurationError, match=complaint):
        other.restore(plain().state())


@pytest.mark.parametrize("broken", [None, {}, {"version": 2}, {"regimes": {"plain": {}}}])
def test_what_is_no_saved_threshold_is_refused(broken: Any) -> None:
    threshold = plain()
    play(threshold, 50, 1)
    before = threshold.state()
    saved = {**before, **broken} if broken else broken

    with pytest.raises(ConfigurationError, match="no saved threshold"):
        threshold.restore(saved)

    assert before == threshold.state()


@pytest.mark.parametrize("part", ["certification", "monitor"])
def test_a_damaged_part_is_refused_whole(part: str) -> None:
    threshold = plain()
    saved = threshold.state()
    saved["regimes"]["plain"][part] = {"version": 9}

    with pytest.raises(ConfigurationError, match=f"no saved {part}"):
        threshold.restore(saved)


def test_audits_rarer_than_agreed_are_refused(label: Label_) -> None:
    threshold = plain()

    with pytest.raises(ConfigurationError, match=r"0\.01, below audit_rate=0\.1.*a rate that no"):
        threshold.observe(label(accepted=True, source="audit", probability=0.01))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"target_risk": 1.5}, "target_risk=1.5"),
        ({"delta": 0.0}, "delta=0.0"),
        ({"audit_rate": 0.0}, "audit_rate=0.0 must be above 0"),
        ({"regimes": ()}, "regimes is empty"),
        ({"ready": 1.5}, "ready=1.5 must be"),
        ({"patience": 0}, "patience=0 must be"),
        ({"on_abstain": "defer"}, "on_abstain='defer' must be"),
    ],
)
def test_settings_that_can_never_work_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        SelfCalibrating(**{"target_risk": 0.1, **options})


def test_an_unknown_regime_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'augmented' is not among those that occur"):
        plain().recertify("why not", "augmented")


def test_the_words_say_what_is_served_now(label: Label_) -> None:
    threshold = SelfCalibrating(TARGET)
    for _ in range(100):
        threshold.observe(label())

    served, data, cure, audits, cold, cold_cure = threshold.words()

    assert "Plain answers with a confidence of 0.9 or more are accepted: self-calibrat" in served
    assert "with confidence 0.95 on 100 labels" in served
    assert "certified on 100 labelled answers" in data
    assert "No accepted answer was audited yet." == audits
    assert "Every augmented answer is deferred: cold start: 0 labels" in cold
    # All hundred were right, with one confidence: there is nothing left to accept.
    assert cure.startswith("Nothing would loosen it")
    assert cold_cure.startswith("What would loosen it")
    assert (TARGET, 0.05) == (threshold.target_risk, threshold.audit_rate)


def test_labels_may_arrive_from_many_threads(label: Label_) -> None:
    """None is lost, and none is counted twice."""
    threshold = plain()
    labels = [replace(label(), confidence=number / 800) for number in range(800)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(threshold.observe, [replace(one, correct=False) for one in labels]))

    assert "800 labels" in threshold.cut("plain").origin
