"""The usefulness benchmark tells help from no help, on made-up recordings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.usefulness import MAIN, MEMORY, SETTINGS, TRANSFER, main
from benchmarks.usefulness_figures import drawn, interval, rank_correlation, summary
from benchmarks.usefulness_runs import Setting, Streamed, stream
from benchmarks.usefulness_streams import Corpus, Pair, memory_corpora, transfer_corpus
from langchain_intercascade.evaluation.pack import TransferPack, read_pack
from tests.packs import STORIES, written

EVERYTHING = Setting(audit_rate=0.9, holdout=0.05)


def pairs(family: str, story: str, *, helped: bool, number: int = 60) -> Iterator[Pair]:
    """Yield questions that the model gets right every other time, or always if it is helped."""
    for n in range(number):
        right = n % 2 == 0
        plain = ("yes" if right else "no", right)
        yield Pair(family, story.format(n, n + 1), "yes", plain, ("yes", True) if helped else plain)


def corpus() -> Corpus:
    """Return a family that help does good, and one that it does nothing."""
    good = pairs("trains", STORIES["trains"], helped=True)
    useless = pairs("spelling", STORIES["spelling"], helped=False)
    return Corpus("made up", [*good, *useless], help={"trains": "some", "spelling": "some"})


@pytest.fixture(scope="module")
def streamed() -> Streamed:
    """One stream in which nearly every accepted answer is audited."""
    return stream(corpus(), EVERYTHING, seed=0)


def transfer_rows() -> Iterator[dict[str, Any]]:
    """Yield the rows of a transfer pack out of the same."""
    for pair in corpus().pairs:
        (direct, direct_ok), (cot, cot_ok) = pair.plain, pair.helped
        answers = {"direct_out": direct, "direct_ok": direct_ok, "cot_out": cot, "cot_ok": cot_ok}
        yield {"family": pair.family, "question": pair.question, "gold": pair.gold, **answers}


def memory_rows(model: str = "some-model") -> Iterator[dict[str, Any]]:
    """Yield memory runs: one task with a memory and its control, one with the control only."""
    for pair in corpus().pairs:
        row = {"task": pair.family, "model": model, "question": pair.question, "gold": pair.gold}
        (plain, plain_ok), (helped, helped_ok) = pair.plain, pair.helped
        yield {**row, "cond": "Baseline", "answer": plain, "ok": int(plain_ok)}
        yield {**row, "cond": "EmptyCheatsheet", "answer": plain, "ok": int(plain_ok)}
        if pair.family == "trains":
            memory = {"cond": "DynamicCheatsheet_Cumulative", "answer": helped}
            yield {**row, **memory, "ok": int(helped_ok)}


def test_what_helps_is_told_from_what_does_not(streamed: Streamed) -> None:
    """The ledger's estimate follows the recorded effect, and the useless strategy goes."""
    figures = drawn(corpus(), streamed)
    good, useless = figures.families["trains"], figures.families["spelling"]

    assert (0.5, 0.0) == (good.recorded, useless.recorded)
    assert 0.3 < good.estimates[-1] < 0.6
    assert abs(useless.estimates[-1]) < 0.1
    assert (False, True) == (good.suspended, useless.suspended)
    assert "useless" in useless.reasons[0]


def test_a_suspended_strategy_stays_out(streamed: Streamed) -> None:
    """Later deferrals teach the same again, and are merged into what is suspended."""
    figures = drawn(corpus(), streamed)
    useless = figures.families["spelling"]

    assert 0.8 < figures.families["trains"].injected[-1]
    assert (0.0, 0.0) == (useless.injected[-1], useless.own[-1])
    assert (1, 0) == (useless.strategies, useless.again)


def test_a_seed_fixes_everything_that_is_drawn() -> None:
    """The order, who is audited and who goes without: all of it is drawn by the seed."""
    one, same, other = (
        drawn(corpus(), stream(corpus(), Setting(audit_rate=0.4, holdout=0.2), seed, limit=30))
        for seed in (1, 1, 2)
    )

    assert one == same
    assert one != other


def test_without_audits_no_label_is_there() -> None:
    """An accepted answer that nobody audits teaches nothing, so nothing is suspended."""
    figures = drawn(corpus(), stream(corpus(), Setting(audit_rate=0.0, holdout=0.0), 0, limit=30))

    assert {0} == {each.labels for each in figures.families.values()}
    assert not any(each.suspended for each in figures.families.values())
    assert "audit" not in figures.calls


def test_calls_are_counted_by_role(streamed: Streamed) -> None:
    """Each question asks the weak model; each audit of a helped answer asks it once more."""
    deferred = sum(not each.accepted for each in streamed.seen)

    assert len(streamed.seen) == streamed.calls["weak"] == len(corpus().pairs)
    assert deferred == streamed.calls["strong"]
    assert streamed.calls["audit"] == streamed.calls["replay"] > 0


def test_a_transfer_pack_is_read_once_per_question(tmp_path: Path) -> None:
    """A question that comes twice would be known the second time."""
    rows = list(transfer_rows())
    pack = read_pack(written(tmp_path / "some.jsonl", [*rows, {**rows[0], "cot_ok": False}]))
    assert isinstance(pack, TransferPack)
    found = transfer_corpus(pack)

    assert len(rows) == len(found.pairs)
    assert {"trains": 0.5, "spelling": 0.0} == found.recorded()


def test_memory_runs_prefer_the_memory_to_its_control(tmp_path: Path) -> None:
    """The control stands in only where no memory was recorded; models are kept apart."""
    rows = [*memory_rows("one"), *memory_rows("two")]
    found = memory_corpora(written(tmp_path / "runs.jsonl.gz", rows, zipped=True))

    assert ["runs: one", "runs: two"] == [each.name for each in found]
    assert {
        "spelling": "EmptyCheatsheet",
        "trains": "DynamicCheatsheet_Cumulative",
    } == found[0].help
    assert {"spelling": 0.0, "trains": 0.5} == found[0].recorded()


def test_the_file_says_what_was_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both packs and all settings are in it, with their assumptions and intervals."""
    written(tmp_path / f"{TRANSFER}.jsonl.gz", transfer_rows(), zipped=True)
    written(tmp_path / f"{MEMORY}.jsonl.gz", memory_rows(), zipped=True)
    out = tmp_path / "results" / "usefulness.json"
    options = ["--data", str(tmp_path), "--out", str(out), "--seeds", "2", "--limit", "12"]
    done = main([*options, "--jobs", "1"])
    report = json.loads(out.read_text("utf-8"))
    settings = report["packs"][TRANSFER]["settings"]

    assert done == 0
    assert {TRANSFER, MEMORY} == set(report["packs"])
    assert set(SETTINGS) == set(settings)
    assert {"trains", "spelling"} == set(settings[MAIN]["families"])
    assert (2, 1) == (settings[MAIN]["seeds"], settings["replay"]["seeds"])
    assert report["assumed"]
    best = report["headline"][TRANSFER]
    assert best["rank_correlation"] == settings[MAIN]["rank_correlation"]
    assert best["without_benefit_shown_most"]["family"] == "spelling"
    assert "rank correlation" in capsys.readouterr().out


def test_without_the_recordings_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing pack is named; a file from before is left alone."""
    out = tmp_path / "usefulness.json"
    done = main(["--data", str(tmp_path), "--out", str(out)])

    assert done == 2
    assert TRANSFER in capsys.readouterr().err
    assert not out.exists()


def test_a_summary_is_about_the_families_without_benefit(streamed: Streamed) -> None:
    """Only their last fifth goes into the share that must be small."""
    run = drawn(corpus(), streamed)
    found = summary([run, run], EVERYTHING.audit_rate)

    assert run.families["spelling"].injected[-1] == found["injected_without_benefit"]["mean"]
    assert found["rank_correlation"]["mean"] == 1.0
    assert list(found["families"]) == ["spelling", "trains"]


def test_an_interval_gets_narrower_with_more_seeds() -> None:
    """Student's t: two values say little."""
    few, many = interval([0.4, 0.6]), interval([0.4, 0.6] * 10)

    assert few["mean"] == many["mean"] == pytest.approx(0.5)
    assert few["high"] - few["low"] > 5 * (many["high"] - many["low"])


def test_equal_ranks_are_shared() -> None:
    """As by scipy.stats.spearmanr, but what does not vary is 0 and not NaN."""
    assert rank_correlation([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832980505138)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    assert rank_correlation([0, 0, 0], [1, 2, 3]) == 0.0
