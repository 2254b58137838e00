"""A gate that never gets a confidence is worth a word in the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from langchain_intercascade.confidence.base import Score

logger = logging.getLogger(__name__)

PATIENCE: Final = 5
"""After this many answers in a row without a confidence the log says so, once."""


class MissingConfidence:
    """Watches the scores go by and warns once per run of missing ones."""

    def __init__(self, method: str) -> None:
        """Watch the scores of the confidence function called `method`."""
        self._method = method
        self._missing = 0

    def saw(self, score: Score) -> None:
        """Count a missing score; a usable one starts the count anew."""
        self._missing = 0 if score.value is not None else self._missing + 1
        if self._missing == PATIENCE:
            logger.warning(
                "The last %d weak answers had no confidence (%s: %s), so every query is deferred. "
                "If the weak model cannot return log-probabilities (or an OpenAI model uses the "
                "Responses API: set use_responses_api=False), choose another confidence function.",
                PATIENCE,
                self._method,
                score.reason,
                extra={"event": "confidence_missing", "method": self._method},
            )
