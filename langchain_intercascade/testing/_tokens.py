"""Where the fakes agree on what a token is: a word with the space before it.

Both the scripted model and the stub server break text up here, so that the
same reply has the same tokens, log-probabilities and usage through either.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

UNLIKELY = -9999.0
"""What the OpenAI API sends as the log-probability of a token too unlikely to measure."""


def split_tokens(text: str) -> list[str]:
    """Split `text` into word-sized tokens that join to `text` again; none for an empty text.

    Examples:
        >>> split_tokens("The answer is 4. ")
        ['The', ' answer', ' is', ' 4.', ' ']
    """
    return re.findall(r"\s*\S+|\s+", text)


def spread_logprobs(
    tokens: Sequence[str], logprob: float | None, logprobs: Sequence[float] | None
) -> Sequence[float]:
    """Return the log-probabilities of `tokens`: those given one by one, else one for all.

    Fewer than there are tokens is allowed, since truncated log-probabilities are a
    thing that happens; more is a mistake in the script.

    Raises:
        ValueError: If there are more log-probabilities than tokens.
    """
    if logprobs is None:
        return () if logprob is None else [logprob] * len(tokens)
    if len(logprobs) > len(tokens):
        message = (
            f"{len(logprobs)} logprobs for the {len(tokens)} tokens {list(tokens)}: expected at "
            "most one per token. A token is a word with the space before it."
        )
        raise ValueError(message)
    return logprobs


def logprob_entries(
    tokens: Sequence[str], logprobs: Sequence[float], top_logprobs: int = 0
) -> list[dict[str, Any]]:
    """Return one entry per token in the shape of OpenAI's `logprobs.content`.

    Tokens beyond the end of `logprobs` get no entry.
    """
    # Not strict: see `spread_logprobs` for why the second may be shorter.
    return [
        {**_scored(token, logprob), "top_logprobs": _top(token, logprob)[:top_logprobs]}
        for token, logprob in zip(tokens, logprobs, strict=False)
    ]


def _top(token: str, logprob: float) -> list[dict[str, Any]]:
    """Return the token and one runner-up, which holds all the probability the token left over."""
    rest = -math.expm1(logprob)
    runner_up = math.log(rest) if rest > 0 else UNLIKELY
    return [_scored(token, logprob), _scored(" otherwise", runner_up)]


def _scored(token: str, logprob: float) -> dict[str, Any]:
    """Return a token with its log-probability and its bytes."""
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
