"""How many right answers does a poisoner spoil? The simulated pair, with a distiller that lies.

The strong model is always right; whoever writes the strategies makes the same slip in each of
them.  A stream is learned from, and then as many new problems are asked without learning.
Beside it runs the same stream with an honest distiller: an answer is spoilt if it is right
there and wrong here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from langchain_intercascade import EdgeRepository, HashingEmbeddings, InterCascade
from langchain_intercascade.testing import SimulatedStrong, SimulatedWeak, grade, problems
from langchain_intercascade.threshold.bounds import lower_bound, upper_bound

QUESTIONS: Final = 60
THRESHOLD: Final = 0.85
ADMISSIONS: Final = ("always", "replay")


def changed_answers(seeds: Iterable[int]) -> dict[str, Any]:
    """Run both distillers on every seed under each way to admit, and compare."""
    known = list(seeds)
    return {
        "simulated": True,
        "questions": QUESTIONS,
        "threshold": THRESHOLD,
        "seeds": len(known),
        "modes": {mode: _compared(mode, known) for mode in ADMISSIONS},
    }


def _compared(admission: str, seeds: list[int]) -> dict[str, Any]:
    honest = [right for seed in seeds for right in answered(admission, seed, lies=False)]
    poisoned = [right for seed in seeds for right in answered(admission, seed, lies=True)]
    spoilt = sum(good and not bad for good, bad in zip(honest, poisoned, strict=True))
    return {
        "honest": share(sum(honest), len(honest)),
        "poisoned": share(sum(poisoned), len(poisoned)),
        "spoilt": share(spoilt, len(honest)),
    }


def answered(admission: str, seed: int, *, lies: bool, questions: int = QUESTIONS) -> list[bool]:
    """Return which of the new problems are answered rightly after the stream was learned from."""
    stream = problems(seed, 2 * questions)
    with (
        EdgeRepository(embeddings=HashingEmbeddings(64)) as repository,
        InterCascade(
            weak=SimulatedWeak(logprobs=True, seed=seed, trusting=1.0),
            strong=SimulatedStrong(error_rate=0.0, seed=seed),
            distiller=SimulatedStrong(error_rate=float(lies), seed=seed),
            repository=repository,
            threshold=THRESHOLD,
            admission=admission,
            learning="inline",
        ) as cascade,
    ):
        for each in stream[:questions]:
            cascade.invoke(each.text)
        new = stream[questions:]
        return [grade(cascade.invoke(each.text, learning="off").text, each) for each in new]


def share(count: int, n: int) -> dict[str, float]:
    """Return `count` of `n` as a share, with the exact interval of 95 %."""
    low, high = lower_bound(count, n, 0.025), upper_bound(count, n, 0.025)
    return {"count": count, "n": n, "share": count / n if n else 0.0, "low": low, "high": high}
