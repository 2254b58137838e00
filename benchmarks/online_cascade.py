"""The whole cascade on the streams of `benchmarks.online`, beside the fast way to play them.

On a pack, whose strategies have no effect, both must come to the same: the same questions are
accepted, one by one.  On the simulated pair the fast way leaves out what protects the cascade
(trying out strategies, the ledger), so there the figures stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from langchain_core.messages import AIMessage

from benchmarks.online_pair import Ints, Stock
from langchain_intercascade import InterCascade
from langchain_intercascade.evaluation.replay import Replay
from langchain_intercascade.evaluation.stand_ins import stand_in_distiller
from langchain_intercascade.record import RECORD_KEY
from langchain_intercascade.testing import PRICES

PROBES: Final = 150
"""Questions that are asked at each look, without learning from them, to estimate the risk."""

EVERY: Final = 300
"""Once something is served, there is such a look every so many questions."""


class WholeRun(NamedTuple):
    """What came of one stream through the whole cascade.

    Attributes:
        served_at: Number of the question from which on something was accepted; `None` if never.
        risks: Share of the accepted probes that disagreed with the strong model, by look.
        coverage: Share of the probes of the last look that were accepted.
        strong_calls: Strong calls per question, audits included.
        realised_risk: Share of the accepted answers that disagreed.
        accepted: Whether each question was accepted.
    """

    served_at: int | None
    risks: tuple[float, ...]
    coverage: float
    strong_calls: float
    realised_risk: float
    accepted: tuple[bool, ...]


def run_ids(seed: int, n: int) -> list[str]:
    """Return ids for the runs of one stream; they decide which answers are audited."""
    digits = np.random.default_rng([11, seed]).bytes(16 * n).hex()
    return [_uuid(digits[at : at + 32]) for at in range(0, 32 * n, 32)]


def _uuid(digits: str) -> str:
    """Return `digits` as an id of version 4, as `UUID` would, but some times faster."""
    variant = "89ab"[int(digits[16], 16) & 3]
    first, second, third = digits[:8], digits[8:12], f"4{digits[13:16]}"
    return f"{first}-{second}-{third}-{variant}{digits[17:20]}-{digits[20:]}"


def whole_pair(stock: Stock, order: Ints, target: float, seed: int) -> WholeRun:
    """Play questions out of the stock through the whole cascade, teaching as it goes."""
    weak, strong = stock.models()
    probes = np.random.default_rng([13, seed]).integers(0, stock.size, PROBES)
    with InterCascade(
        weak=weak, strong=strong, target_risk=target, learning="inline", prices=PRICES
    ) as cascade:
        flags, agreed, risks, served, coverage = [], [], [], None, 0.0
        for number, (question, run_id) in enumerate(
            zip(order, run_ids(seed, len(order)), strict=True), 1
        ):
            answer = _asked(cascade, stock.text(question), run_id)
            flags.append(_accepted(answer))
            agreed.append(stock.agrees(question, answer.text))
            if served is None and flags[-1]:
                served = number
            if served is not None and (number - served) % EVERY == 0:
                risks.append(_probed(cascade, stock, probes)[0])
        if served is not None:
            last, coverage = _probed(cascade, stock, probes)
            risks.append(last)
        audits = _audits(cascade)
    kept = [agree for agree, accepted in zip(agreed, flags, strict=True) if accepted]
    return WholeRun(
        served_at=served,
        risks=tuple(risks),
        coverage=coverage,
        strong_calls=(len(flags) - len(kept) + audits) / len(flags),
        realised_risk=1.0 - sum(kept) / len(kept) if kept else 0.0,
        accepted=tuple(flags),
    )


def whole_pack(replay: Replay, order: Sequence[int], target: float, seed: int) -> list[bool]:
    """Return which of a pack's questions the whole cascade accepts; strategies are never shown."""
    options: dict[str, Any] = {"k": 0, "learning": "inline", "admission": "always"}
    with InterCascade(
        weak=replay.model("weak"),
        strong=replay.model("strong"),
        distiller=stand_in_distiller(replay.strong),
        target_risk=target,
        **options,
    ) as cascade:
        return [
            _accepted(_asked(cascade, replay.questions[at].messages, run_id))
            for at, run_id in zip(order, run_ids(seed, len(order)), strict=True)
        ]


def _asked(cascade: InterCascade, question: Any, run_id: str) -> AIMessage:
    answer = cascade.invoke(question, {"run_id": UUID(run_id)})
    cascade.flush()
    return answer


def _accepted(answer: AIMessage) -> bool:
    return bool(answer.response_metadata[RECORD_KEY]["route"] == "weak")


def _probed(cascade: InterCascade, stock: Stock, probes: Ints) -> tuple[float, float]:
    """Return the risk of the accepted probes, and their share."""
    right = []
    for question in probes:
        answer = cascade.invoke(stock.text(question), learning="off")
        if _accepted(answer):
            right.append(stock.agrees(question, answer.text))
    risk = 1.0 - sum(right) / len(right) if right else 0.0
    return risk, len(right) / len(probes)


def _audits(cascade: InterCascade) -> int:
    spent = cascade.spending().background.get("audit")
    return spent["calls"] if spent else 0
