"""What the tests of replays share: small made-up packs, and the way to the real ones."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.evaluation.pack import LogprobPack, TransferPack, read_pack

DATA = Path(
    os.environ.get("INTERCASCADE_DATA") or Path(__file__).parent.parent.parent / "shared" / "data"
)
"""Where the real packs lie; they are never copied into the project."""

MMLU = "p1_gate_logprob_mmlu.jsonl.gz"
BBH = "p5_bbh_transfer.jsonl.gz"

STORIES = {
    "trains": "A train leaves the station at {0} and travels for {1} hours. When does it arrive?",
    "apples": "Mira picks {0} apples in the orchard and sells {1} of them. How many remain?",
    "spelling": "Sort these words into alphabetical order, please: pear{0}, fig{1}, cherry, date.",
}


def real_pack(name: str) -> Path:
    """Return the path of a real pack; skip the test where it is absent."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not there; set INTERCASCADE_DATA to its folder")
    return path


@cache
def mmlu() -> LogprobPack:
    """Return the real logprob pack."""
    found = read_pack(real_pack(MMLU))
    assert isinstance(found, LogprobPack)
    return found


@cache
def bbh() -> TransferPack:
    """Return the real transfer pack."""
    found = read_pack(real_pack(BBH))
    assert isinstance(found, TransferPack)
    return found


def written(path: Path, rows: Iterable[Mapping[str, Any]], *, zipped: bool = False) -> Path:
    """Write `rows` as JSON lines and return the path."""
    data = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


def answered(
    answer: str | None, *, correct: bool, logp: float | None, **more: Any
) -> dict[str, Any]:
    """Return one model's answer as a logprob pack holds it."""
    known = {"cost": 0.001, "latency_ms": 10.0, "tok": {"in": 20, "out": 1}}
    return {"answer": answer, "correct": correct, "conf_logp": logp, **known, **more}


def logprob_row(
    number: int, *, weak: dict[str, Any], strong: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Return one row of a logprob pack with the models small and large."""
    prompt = f"Question {number}: which letter?"
    models = {"small": weak, "large": strong}
    return {"prompt": prompt, "system": "Answer.", "split": "test", "models": models, **more}


def logprob_rows(count: int = 20, **more: Any) -> list[dict[str, Any]]:
    """Return rows in which the surer half of the weak answers is right, and the strong ones are."""
    return [
        logprob_row(
            number,
            weak=answered("A", correct=number >= count / 2, logp=-1.0 + number / count),
            strong=answered("B", correct=True, logp=-0.1, cost=0.01),
            **more,
        )
        for number in range(count)
    ]


def transfer_row(family: str, number: int, **more: Any) -> dict[str, Any]:
    """Return one row of a transfer pack: wrong without help, right with it."""
    return {
        "family": family,
        "question": STORIES[family].format(number + 2, number + 11),
        "gold": f"gold-{number}",
        "direct_out": "no idea",
        "direct_ok": 0,
        "cot_out": f"step by step, gold-{number}",
        "cot_ok": 1,
        **more,
    }


def transfer_rows(count: int = 8) -> list[dict[str, Any]]:
    """Return `count` rows of each of three families that share no wording."""
    return [transfer_row(family, number) for family in STORIES for number in range(count)]
