"""What was found out about one weak answer, and how: the only thing anybody learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, NamedTuple, TypeAlias

from langchain_intercascade.record import DecisionRecord, Regime, RetrievedStrategy

LabelSource: TypeAlias = Literal[
    "deferral",  # the strong model answered too, because the gate deferred
    "audit",  # the weak answer was accepted, and the strong model was asked afterwards
    "feedback",  # the caller said so
]


class Owned(NamedTuple):
    """A strategy by tenant and id: a shared one belongs to another tenant than the query."""

    tenant: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Whether one weak answer was right.

    Attributes:
        run_id: The run it belongs to.
        tenant: Whose query it was.
        weak_model: Who answered.
        regime: Whether strategies were in the prompt.
        shown: Those strategies, in prompt order.
        held_out: Strategies that were found, and left out to see how it goes without.
        confidence: The answer's score, `None` if it had none.
        accepted: Whether the gate accepted it.
        correct: Whether it was right; `None` if that cannot be told.
        without: Whether the same model was right on the same query without the strategies;
            `None` if that was not tried, or cannot be told.
        source: How this came to be known.
        probability: With which it was to be drawn among its like: 1 for all deferrals, the
            audit rate for audits. One over it is what it stands for.
        query: The text that strategies were retrieved by.
        weak_name: What the weak model called itself in its answer; may be empty.
        strong_name: The same of the strong model.
        at: When it was written down, ISO 8601; empty for now.
    """

    run_id: str
    tenant: str
    weak_model: str
    regime: Regime
    shown: tuple[Owned, ...] = ()
    held_out: tuple[Owned, ...] = ()
    confidence: float | None = None
    accepted: bool = False
    correct: bool | None = None
    without: bool | None = None
    source: LabelSource = "deferral"
    probability: float = 1.0
    query: str = ""
    weak_name: str = ""
    strong_name: str = ""
    at: str = ""


def label_of(
    record: DecisionRecord,
    *,
    weak_model: str,
    shared: str | None,
    correct: bool | None,
    source: LabelSource,
    without: bool | None = None,
    probability: float = 1.0,
    query: str = "",
    names: tuple[str, str] = ("", ""),
) -> Label:
    """Return the label of the run that `record` is about.

    Args:
        record: The decision record.
        weak_model: Who answered.
        shared: The tenant that shared strategies belong to.
        correct: See `Label`, likewise the others.
        source: How this came to be known.
        without: Whether it went well without the strategies.
        probability: With which it was to be drawn.
        query: The text that strategies were retrieved by.
        names: What the weak and the strong model called themselves.
    """
    return Label(
        run_id=record["run_id"],
        tenant=record["tenant"],
        weak_model=weak_model,
        regime=record["regime"],
        shown=owned_in(record, record["strategies"], shared=shared),
        held_out=owned_in(record, record["held_out"], shared=shared),
        confidence=record["confidence"],
        accepted=record["route"] == "weak" and not record["degraded"],
        correct=correct,
        without=without,
        source=source,
        probability=probability,
        query=query,
        weak_name=names[0],
        strong_name=names[1],
    )


def owned_in(
    record: DecisionRecord, notes: Sequence[RetrievedStrategy], *, shared: str | None
) -> tuple[Owned, ...]:
    """Return whose each of the strategies in `notes` is, which are those of `record`, or some."""
    own = record["tenant"]
    return tuple(
        [Owned((shared if note.get("shared") else own) or own, note["id"]) for note in notes]
    )


def lot(run_id: str, what: str) -> float:
    """Draw a number in [0, 1) for the run; the same run draws the same again, in any process.

    Examples:
        >>> 0.0 <= lot("a run", "audit") < 1.0
        True
        >>> lot("a run", "audit") == lot("a run", "holdout")
        False
    """
    digest = blake2b(f"{what}: {run_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
