"""A threshold says in words what it promises, and how many more labels would loosen it."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_intercascade.label import Label
from langchain_intercascade.threshold.certification import SIZES
from langchain_intercascade.threshold.forecast import SOME, foreseen
from langchain_intercascade.threshold.outlook import outlook
from langchain_intercascade.threshold.self_calibrating import SelfCalibrating

TARGET = 0.1


def threshold(*parts: tuple[int, float, int], **options: Any) -> SelfCalibrating:
    """A plain one that has seen so many deferrals of a confidence, one in so many wrong."""
    found = SelfCalibrating(TARGET, **{"regimes": ("plain",), **options})
    more(found, *parts)
    return found


def more(found: SelfCalibrating, *parts: tuple[int, float, int], **options: Any) -> None:
    """Let it see more of them, those of different confidence in turn."""
    rows = [
        (number / n, confidence, not wrong or number % wrong != 0)
        for n, confidence, wrong in parts
        for number in range(n)
    ]
    seen = found.certification("plain").labels
    for number, (_, confidence, correct) in enumerate(sorted(rows)):
        told = {"confidence": confidence, "correct": correct, "regime": "plain", **options}
        run_id = f"{seen}/{number}"
        found.observe(Label(run_id=run_id, tenant="t", weak_model="w", **told))


def words(found: SelfCalibrating) -> str:
    """All that is said about plain answers."""
    return " ".join(outlook(found, "plain"))


@pytest.mark.parametrize("labels", [0, SOME - 1])
def test_from_a_few_labels_nothing_is_foreseen(labels: int) -> None:
    found = threshold((labels, 0.9, 0))

    assert foreseen(found.certification("plain")) is None
    assert f"What would loosen it: {100 - labels} more labels, at the least." in words(found)


def test_when_all_goes_well_the_next_look_is_foreseen() -> None:
    found = threshold((60, 0.9, 0))

    assert 100 == foreseen(found.certification("plain"))
    assert "about 40 more labels for a threshold, if errors stay as rare as in 60" in words(found)


def test_with_more_errors_it_takes_more_labels() -> None:
    """The more errors there are below the target, the more labels are foreseen to be needed."""
    found = [
        foreseen(threshold((90, 0.9, every)).certification("plain")) for every in (90, 30, 15, 12)
    ]

    assert [100, 200, 800] == found[:3]
    assert found == sorted(found, key=lambda size: size or SIZES[-1] + 1)


def test_what_is_foreseen_comes_to_pass_if_errors_stay_as_rare() -> None:
    """At the look that was named, and not before."""
    found = threshold((90, 0.9, 30))
    size = foreseen(found.certification("plain"))
    assert 200 == size

    more(found, (size - 91, 0.9, 30))
    before = found.certification("plain").certified
    more(found, (1, 0.9, 0))

    assert before is None
    assert size == found.certification("plain").size
    assert found.certification("plain").certified is not None


def test_where_errors_are_too_frequent_more_labels_are_not_promised_to_help() -> None:
    found = threshold((90, 0.9, 5))

    assert foreseen(found.certification("plain")) is None
    assert "a better confidence, a better weak model or a higher target" in words(found)
    assert "as frequent as in these 90 labels, more labels would not" in words(found)


def test_once_it_serves_it_says_what_it_takes_to_accept_more() -> None:
    """Below the certified threshold there are few errors, but not enough labels yet."""
    found = threshold((120, 0.9, 0), (20, 0.5, 5))
    certification = found.certification("plain")
    named = foreseen(certification)
    assert named is not None

    assert 0.9 == found.cut("plain").value
    assert f"about {named - certification.size} more labels to accept more" in words(found)
    coming = (200 - certification.size) / 0.05
    assert f"The next look comes after about {coming:.0f} queries." in words(found)


def test_where_nothing_is_left_to_accept_nothing_would_loosen_it() -> None:
    assert "Nothing would loosen it: every answer" in words(threshold((120, 0.9, 0)))


def test_where_only_errors_are_left_more_labels_would_not_help() -> None:
    found = threshold((150, 0.9, 0), (150, 0.2, 1))

    assert 0.9 == found.cut("plain").value
    assert "more labels would not" in words(found)


@pytest.mark.parametrize(
    ("policy", "standing", "told"),
    [
        ("wrong", "cold", "40 answers could not be judged and count as wrong"),
        ("skip", "serving", "40 answers could not be judged and were left out"),
    ],
)
def test_what_nobody_could_judge_is_counted_and_told(policy: Any, standing: str, told: str) -> None:
    found = threshold(on_abstain=policy)
    more(found, (40, 0.9, 0), correct=None)
    more(found, (120, 0.9, 0))

    assert standing == found.standing("plain")
    assert told in words(found)
    disclosed = "leaving out 40 that nobody could judge" in found.cut("plain").origin
    assert (policy == "skip") is disclosed


@pytest.mark.parametrize(("policy", "standing"), [("wrong", "withdrawn"), ("skip", "serving")])
def test_audits_that_nobody_could_judge_count_likewise(policy: Any, standing: str) -> None:
    found = threshold((100, 0.9, 0), on_abstain=policy, audit_rate=0.1)
    audit = {"accepted": True, "source": "audit", "probability": 0.1, "correct": None}
    more(found, (20, 0.9, 0), **audit)

    assert standing == found.standing("plain")


@pytest.mark.parametrize("policy", ["wrong", "skip"])
def test_what_has_no_score_or_comes_from_callers_is_no_abstention(policy: Any) -> None:
    found = threshold(on_abstain=policy)
    more(found, (30, 0.9, 0), confidence=None, correct=None)
    more(found, (30, 0.9, 0), source="feedback", correct=None)

    assert 0 == found.unjudged("plain")
    assert 0 == found.certification("plain").labels


def test_a_saved_threshold_remembers_what_nobody_could_judge() -> None:
    one = threshold(on_abstain="skip")
    more(one, (40, 0.9, 0), correct=None)
    other = threshold(on_abstain="skip")
    other.restore(one.state())

    assert 40 == other.unjudged("plain")
    assert one.words() == other.words()
