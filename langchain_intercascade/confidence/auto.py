"""Confidence without a choice: token probability where it comes, else self-consistency."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from langchain_intercascade.confidence.base import Composite, Evidence, Score
from langchain_intercascade.confidence.logprobs import LogprobConfidence
from langchain_intercascade.confidence.self_consistency import SelfConsistency
from langchain_intercascade.confidence.token_logprobs import read_logprobs

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps


class AutoConfidence(Composite):
    """Token probability if the answer came with log-probabilities, else self-consistency.

    Which of the two it was is the score's `method`: their numbers are not on one scale,
    so a threshold that was found with one says nothing about the other.
    Log-probabilities that came but make no sense are not replaced: the score is unavailable.

    Args:
        logprobs: What to do with log-probabilities.
        otherwise: What to do without.
    """

    def __init__(
        self,
        logprobs: LogprobConfidence | None = None,
        otherwise: SelfConsistency | None = None,
    ) -> None:
        """Choose between the two."""
        both = (logprobs or LogprobConfidence(), otherwise or SelfConsistency())
        super().__init__(both, method="auto")

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Score by the one that this answer allows."""
        by_logprobs, by_samples = self.parts
        came = read_logprobs(evidence.weak_answer) is not None
        chosen = by_logprobs if came else by_samples
        score = yield from chosen.scoring(evidence)
        return replace(score, method=score.method or chosen.method)
