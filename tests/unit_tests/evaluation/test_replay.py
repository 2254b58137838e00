"""A replay looks up only what was recorded, and says what it assumes beyond that."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.evaluation.metrics import pessimistic, shares
from langchain_intercascade.evaluation.pack import (
    LogprobPack,
    PackError,
    TransferPack,
    read_pack,
)
from langchain_intercascade.evaluation.replay import (
    SURE,
    logprob_replay,
    recorded_scores,
    run_replay,
    transfer_replay,
)
from langchain_intercascade.evaluation.stand_ins import stand_in_advice, stand_in_distiller
from langchain_intercascade.nodes.distiller import distill_prompt, parse_advice
from langchain_intercascade.nodes.weak_generate import with_strategies
from langchain_intercascade.repository.admission import check_leaks
from langchain_intercascade.strategy import Lesson, Origin, pending_lesson
from langchain_intercascade.testing import Recording
from langchain_intercascade.testing.recorded import playback_of
from tests.packs import (
    answered,
    bbh,
    logprob_row,
    logprob_rows,
    transfer_row,
    transfer_rows,
    written,
)


def logprob_pack(folder: Path, rows: list[dict[str, Any]]) -> LogprobPack:
    """Write `rows` and read them back as a logprob pack."""
    pack = read_pack(written(folder / "some.jsonl", rows))
    assert isinstance(pack, LogprobPack)
    return pack


def transfer_pack(folder: Path, rows: list[dict[str, Any]]) -> TransferPack:
    """Write `rows` and read them back as a transfer pack."""
    pack = read_pack(written(folder / "some.jsonl", rows))
    assert isinstance(pack, TransferPack)
    return pack


def test_a_logprob_replay_is_the_gate_on_the_recorded_confidences(tmp_path: Path) -> None:
    """Accepted is what reaches the threshold; nothing is learned; costs are those recorded."""
    pack = logprob_pack(tmp_path, logprob_rows(20))
    replay = logprob_replay(pack, weak="small", strong="large")

    arms = run_replay(replay, threshold=math.exp(-0.5) - 1e-9)

    weak, strong, cascade = (shares(arms[name]) for name in replay.arms)
    assert (0.5, 1.0, 1.0) == tuple(part["system_accuracy"] for part in (weak, strong, cascade))
    assert (0.5, 0.5) == (cascade["coverage"], cascade["strong_call_share"])
    assert [0.011] * 10 + [0.001] * 10 == pytest.approx(
        sorted((o.cost or 0 for o in arms["cascade"]), reverse=True)
    )
    assert {"none", "off"} >= {outcome.lesson for outcome in arms["cascade"]}


def test_a_tie_with_the_threshold_is_accepted(tmp_path: Path) -> None:
    """What has exactly the threshold's confidence counts as sure enough."""
    rows = [
        logprob_row(
            number,
            weak=answered("A", correct=True, logp=0.0),
            strong=answered("B", correct=True, logp=0.0),
        )
        for number in range(3)
    ]
    replay = logprob_replay(logprob_pack(tmp_path, rows), weak="small", strong="large")

    arms = run_replay(replay, threshold=1.0)

    assert 1.0 == shares(arms["cascade"])["coverage"]


@pytest.mark.parametrize(
    "weak",
    [
        answered("A", correct=True, logp=-math.inf),
        answered("A", correct=True, logp=math.nan),
        answered("A", correct=True, logp=None),
        answered(None, correct=False, logp=-0.1),
    ],
    ids=["minus infinity", "NaN", "no log-probability", "no answer"],
)
def test_broken_recordings_are_deferred_and_counted(tmp_path: Path, weak: dict[str, Any]) -> None:
    """The gate defers them at any threshold, and the report says that there are some."""
    row = logprob_row(1, weak=weak, strong=answered("B", correct=True, logp=-0.1))
    replay = logprob_replay(logprob_pack(tmp_path, [row]), weak="small", strong="large")

    (outcome,) = run_replay(replay, threshold=0.0)["cascade"]

    assert ("strong", weak["correct"]) == (outcome.route, outcome.weak_correct)
    assert any("Played as they are" in sentence for sentence in replay.recorded)


def test_recorded_scores_are_those_of_the_gate(tmp_path: Path) -> None:
    """Thresholds are suggested on the scale on which they are used."""
    logps = [-1.0, 0.0, -math.inf, math.nan, None]
    strong = answered("B", correct=True, logp=-0.1)
    rows = [
        logprob_row(i, weak=answered("A", correct=True, logp=logp), strong=strong)
        for i, logp in enumerate(logps)
    ]

    scores = recorded_scores(logprob_pack(tmp_path, rows).rows, "small")

    assert [math.exp(-1), 1.0, None, None, None] == scores


def test_a_question_recorded_twice_is_replayed_twice(tmp_path: Path) -> None:
    """Both recordings count, once each."""
    strong = answered("B", correct=True, logp=-0.1)
    rows = [
        logprob_row(1, weak=answered("A", correct=right, logp=-0.1), strong=strong)
        for right in (True, False)
    ]
    replay = logprob_replay(logprob_pack(tmp_path, rows), weak="small", strong="large")

    arms = run_replay(replay, threshold=0.5)

    assert {True, False} == {outcome.system_correct for outcome in arms["cascade"]}


def test_a_transfer_replay_learns_one_family_after_the_other(tmp_path: Path) -> None:
    """The first of each family is deferred and teaches; later ones are helped and accepted."""
    replay = transfer_replay(transfer_pack(tmp_path, transfer_rows(8)))

    arms = run_replay(replay, threshold=SURE, seed=1)

    seen: set[str | None] = set()
    for outcome in arms["cascade"]:
        new = outcome.family not in seen
        seen.add(outcome.family)
        assert (not new, not new) == (outcome.accepted, outcome.weak_correct)
        assert ("stored" if new else "none") == outcome.lesson
    assert 0.0 == shares(arms["weak_only"])["weak_accuracy"]
    assert 1.0 == shares(arms["strong_only"])["system_accuracy"]
    assert 1.0 == shares(arms["weak_helped"])["weak_accuracy"]


def test_a_strategy_of_another_family_helps_nobody(tmp_path: Path) -> None:
    """With no floor at all it is shown, has no effect, and is wrong in the worst case."""
    rows = [transfer_row("trains", 1), transfer_row("apples", 1, direct_ok=1)]
    replay = transfer_replay(transfer_pack(tmp_path, rows), min_similarity=-1)

    second = run_replay(replay, threshold=SURE)["cascade"][1]

    assert ("augmented", True, "other") == (second.regime, second.accepted, second.assumed)
    assert second.weak_correct is (second.family == "apples")
    (worst,) = pessimistic([second])
    assert (False, False) == (worst.weak_correct, worst.system_correct)


def test_a_right_strategy_beside_a_wrong_one_is_an_assumption(tmp_path: Path) -> None:
    """It is counted as help, and as wrong in the worst case."""
    rows = [transfer_row("trains", 1), transfer_row("apples", 1), transfer_row("apples", 2)]
    replay = transfer_replay(transfer_pack(tmp_path, rows))
    shown = [stand_in_advice(family).model_dump(mode="json") for family in ("trains", "apples")]

    answer = replay.model("weak").invoke(with_strategies(replay.questions[2].messages, shown))

    note = playback_of(answer)

    assert ("mixed", True, True) == (note["shown"], note["unrecorded"], note["correct"])


def test_a_missing_answer_is_deferred_even_with_help(tmp_path: Path) -> None:
    """The weak model is taken to be sure, but there is nothing to accept."""
    rows = [transfer_row("trains", n, direct_out="", cot_out=None, cot_ok=0) for n in range(2)]
    replay = transfer_replay(transfer_pack(tmp_path, rows))

    outcomes = run_replay(replay, threshold=SURE)["cascade"]

    assert ["strong", "strong"] == [outcome.route for outcome in outcomes]


@pytest.mark.parametrize("replay_of", ["logprob", "transfer"])
def test_a_replay_says_what_is_recorded_and_what_is_assumed(tmp_path: Path, replay_of: str) -> None:
    """In whole sentences, for the report."""
    if replay_of == "logprob":
        replay = logprob_replay(
            logprob_pack(tmp_path, logprob_rows(2)), weak="small", strong="large"
        )
    else:
        replay = transfer_replay(transfer_pack(tmp_path, transfer_rows(2)))

    assert replay.recorded
    assert replay.assumed
    assert all(sentence.endswith(".") for sentence in [*replay.recorded, *replay.assumed])


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    """Before anything is run."""
    with pytest.raises(PackError, match="it has small, large"):
        logprob_replay(logprob_pack(tmp_path, logprob_rows(2)), weak="small", strong="huge")


def test_the_stand_in_passes_the_real_parser_and_leak_guard() -> None:
    """For every real question: the advice names the family and gives nothing away."""
    recordings = [Recording(r.question, r.gold, correct=True, family=r.family) for r in bbh().rows]
    distiller = stand_in_distiller(recordings)
    for row in bbh().rows[::97]:
        lesson = Lesson(query=row.question, answer=row.gold, weak_answer=row.direct_out)
        advice = parse_advice(distiller.invoke(distill_prompt(lesson)).text)
        origin = Origin(run_id="r", strong_model="m", prompt_version=1)
        pending = pending_lesson(tenant="t", query=row.question, lesson=lesson, origin=origin)

        check_leaks(pending.changed(advice=advice))

        assert stand_in_advice(row.family) == advice
        assert row.family in advice.title


def test_the_real_stream_is_learned_from() -> None:
    """Coverage grows, and weak accuracy rises from the level without help to that with it."""
    arms = run_replay(transfer_replay(bbh()), threshold=SURE, limit=250)

    cascade, plain, helped = (arms[name] for name in ("cascade", "weak_only", "weak_helped"))
    accuracy = [shares(found)["weak_accuracy"] for found in (plain, cascade, helped)]
    assert accuracy == sorted(set(accuracy))
    first, last = shares(cascade[:50]), shares(cascade[150:])
    assert first["coverage"] + 0.2 < last["coverage"]
    assert first["weak_accuracy"] < last["weak_accuracy"]
    assert shares(pessimistic(cascade))["weak_accuracy"] < accuracy[1]
    # One for each family that came up: what says the same is merged.
    assert 15 <= sum(outcome.lesson == "stored" for outcome in cascade) <= 18
