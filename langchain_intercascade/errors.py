"""This is where everything that can go wrong has its name.

    InterCascadeError
    ├── ConfigurationError (ValueError)   can never work as configured; never deferred around
    │   ├── TenantError                   the tenant is missing or is not a plain, non-empty string
    │   └── EncoderMismatchError          the repository was written with another encoder
    ├── StrongModelError                  the strong model failed; carries the weak answer, if any
    ├── BudgetExceededError               asking the strong model would cost too much; likewise
    ├── CallTimeoutError (TimeoutError)   a call took longer than `timeouts=` allows
    │   └── NoSlotError                   too many calls were in flight, and none ended in time
    ├── BrokenStreamError                 a reply broke off after part of it had been handed out
    ├── PanicError                        a library written in Rust gave up in the middle of a call
    ├── RepositoryError                   the repository cannot serve right now
    │   ├── RepositoryLockedError         another process owns the folder
    │   └── RepositoryCorruptError        damaged, foreign, or written by a newer version
    └── LessonRejectedError               a distilled strategy may not enter the repository

A weak model, an encoder or a repository that fails does not raise at all: the
cascade answers as a plain strong call would have, and says so in the decision
record.  What does raise is what a caller can act on.  Where things are counted
for people to read, here and elsewhere, `how_many` puts the number into words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage


class InterCascadeError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(InterCascadeError, ValueError):
    """Something that can never work as configured; the message says how to cure it."""


class TenantError(ConfigurationError):
    """The tenant is missing, empty, or not a string.

    There is no tenant that means "all of them": a repository that answered
    without one would show one tenant's strategies to another.
    """


class EncoderMismatchError(ConfigurationError):
    """The repository holds vectors of another encoder, even if of the same length."""


class _NoAnswerError(InterCascadeError):
    """The cascade has no answer to give, but perhaps a weak one that it had deferred."""

    def __init__(
        self,
        message: str,
        *,
        weak_answer: AIMessage | None = None,
        confidence: float | None = None,
    ) -> None:
        """Remember what the weak model had to offer."""
        super().__init__(message)
        self.weak_answer = weak_answer
        self.confidence = confidence


class StrongModelError(_NoAnswerError):
    """The strong model failed, so the cascade has no answer to give.

    Attributes:
        weak_answer: The weak answer that the gate had deferred, or `None` when
            the weak model had not produced one.
        confidence: The weak answer's confidence, or `None` when it had none.
    """


class BudgetExceededError(_NoAnswerError):
    """Asking the strong model would go beyond the budget, so the cascade has no answer to give.

    Attributes:
        weak_answer: The weak answer that the gate had deferred, or `None` when
            the weak model had not produced one.
        confidence: The weak answer's confidence, or `None` when it had none.
    """


class CallTimeoutError(InterCascadeError, TimeoutError):
    """A model, the encoder or the repository took longer than `timeouts=` allows."""


class NoSlotError(CallTimeoutError):
    """As many calls were in flight as `max_concurrency=` allows, and none ended in time.

    Nobody is at fault but the load, so no circuit breaker counts it.
    """


class BrokenStreamError(InterCascadeError):
    """A streamed reply broke off after part of it had been handed out.

    Nothing else can be offered in its place: the reader has seen the part.
    """


class PanicError(InterCascadeError):
    """A library written in Rust panicked: an encoder, a tokenizer, a database engine.

    What it raises itself is no `Exception`, so nobody would survive it who does not know it.
    """


class RepositoryError(InterCascadeError):
    """The repository cannot serve this request right now."""


class RepositoryLockedError(RepositoryError):
    """The repository folder belongs to another process."""


class RepositoryCorruptError(RepositoryError):
    """The stored data is damaged, foreign, or from a newer version; it is left untouched."""


class LessonRejectedError(InterCascadeError):
    """A distilled strategy was unusable or unsafe, so it was not stored."""


def how_many(number: float, thing: str, things: str = "") -> str:
    """Return how many there are, in words for people: the noun agrees with the number.

    Args:
        number: How many; printed as `str` does, a whole `float` without its point.
        thing: What one of them is called.
        things: What several are called; if left out, by the rule, as for "label" and "query".

    Examples:
        >>> how_many(1, "solved example"), how_many(0, "label"), how_many(2, "query")
        ('1 solved example', '0 labels', '2 queries')
        >>> how_many(1.0, "day"), how_many(1.5, "day"), how_many(2, "label is", "labels are")
        ('1 day', '1.5 days', '2 labels are')
    """
    ending_in_ies = thing.endswith("y") and not thing.endswith(("ay", "ey", "oy", "uy"))
    several = things or (f"{thing[:-1]}ies" if ending_in_ies else f"{thing}s")
    shown = f"{number:g}" if isinstance(number, float) else str(number)
    return f"{shown} {thing if number == 1 else several}"
