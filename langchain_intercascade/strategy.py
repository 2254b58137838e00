"""This is where a strategy is defined: what the strong model taught, and on whose word.

A strategy starts as a *pending lesson* (the deferred query and the strong
answer, written down before anything else can fail) and becomes, under the same
id, general *advice*.  The lesson is then forgotten: by default neither the
query's answer nor the weak attempt outlives the distillation.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from langchain_intercascade.errors import RepositoryCorruptError, TenantError

SCHEMA_VERSION: Final = 1
_NAMESPACE: Final = UUID("6c1b7a52-5f0e-5b0c-9a53-25099229841d")

# Bounds keep a prompt small and a runaway distiller out.  About 300 tokens a
# strategy is what the surveyed experience memories converge on.
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)]
NonEmptyLine = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)
]


class State(StrEnum):
    """Where a strategy stands in its life; only `ACTIVE` ones are ever retrieved."""

    PENDING = "pending"
    """A lesson that is written down but not distilled, or whose distillation was refused."""
    CANDIDATE = "candidate"
    """Distilled, waiting to be admitted."""
    ACTIVE = "active"
    """In use."""
    SUSPENDED = "suspended"
    """Taken out of use, may come back."""
    ARCHIVED = "archived"
    """Out of use for good, kept for its history."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Advice(_Frozen):
    """How problems of one kind are solved: all that the weak model gets to see."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=160)]
    when_to_use: NonEmptyLine
    when_not_to_use: Line = ""
    steps: Annotated[tuple[NonEmptyLine, ...], Field(min_length=1, max_length=12)]
    pitfalls: Annotated[tuple[NonEmptyLine, ...], Field(max_length=6)] = ()

    def text(self) -> str:
        """Return every word of the advice, one part a line."""
        parts = (self.title, self.when_to_use, self.when_not_to_use, *self.steps, *self.pitfalls)
        return "\n".join(parts)


class Lesson(_Frozen):
    """The material of a strategy that is still to be distilled."""

    query: str
    answer: str
    weak_answer: str | None = None
    attempts: int = 0
    """How often distilling, admitting or storing it has been tried."""
    parked: bool = False
    """Whether it was given up on; the strategy's `reason` says why."""


class Origin(_Frozen):
    """Where a strategy comes from."""

    run_id: str
    strong_model: str
    prompt_version: int


class Strategy(_Frozen):
    """One thing the strong model taught, owned by one tenant.

    Attributes:
        id: Deterministic: the same tenant, query and strong model give the same id,
            so writing twice writes one point.
        keys: The queries it is found by.
        advice: What is shown to the weak model; `None` until distilled.
        lesson: What it is distilled from; `None` afterwards.
        support: How many deferrals led to this strategy.
        cost: What making it cost in US dollars, `None` when unknown.
        reason: Why it is in its present state; empty when nothing is remarkable.
        version: Raised with every change, for compare-and-swap.
    """

    id: str
    tenant: str
    state: State
    keys: Annotated[tuple[str, ...], Field(min_length=1)]
    advice: Advice | None = None
    lesson: Lesson | None = None
    origin: Origin
    support: int = 1
    cost: float | None = None
    reason: str = ""
    created_at: str
    updated_at: str
    version: int = 1
    schema_version: int = SCHEMA_VERSION

    def changed(self, **changes: Any) -> Self:
        """Return a copy with `changes`, a new time stamp and the next version."""
        news = {"updated_at": now(), "version": self.version + 1, **changes}
        return self.model_copy(update=news)

    def payload(self) -> dict[str, Any]:
        """Return the strategy as JSON-like data."""
        return self.model_dump(mode="json")

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Read a strategy back.

        Raises:
            RepositoryCorruptError: The data is not a strategy, or a newer version wrote it.
        """
        written = payload.get("schema_version")
        if isinstance(written, int) and written > SCHEMA_VERSION:
            msg = (
                f"This strategy was written with schema version {written}, and this version of "
                f"langchain-intercascade reads up to {SCHEMA_VERSION}. Upgrade the package."
            )
            raise RepositoryCorruptError(msg)
        try:
            return cls.model_validate(payload)
        except ValueError as error:
            # The validation message quotes stored text, so it is chained, not repeated.
            msg = f"Point {payload.get('id')!r} is not a strategy of this package."
            raise RepositoryCorruptError(msg) from error


def pending_lesson(*, tenant: str, query: str, lesson: Lesson, origin: Origin) -> Strategy:
    """Return the strategy that `lesson` will become, in state `PENDING`.

    Its cost starts at 0: the strong answer it is made from was paid for as an answer.
    """
    moment = now()
    return Strategy(
        id=strategy_id(tenant=tenant, query=query, strong_model=origin.strong_model),
        tenant=tenant,
        state=State.PENDING,
        keys=(query,),
        lesson=lesson,
        origin=origin,
        cost=0.0,
        created_at=moment,
        updated_at=moment,
    )


def strategy_id(*, tenant: str, query: str, strong_model: str) -> str:
    """Return the id of what `strong_model` teaches `tenant` about `query`.

    Case, spacing and Unicode form of the query do not matter.

    Examples:
        >>> one = strategy_id(tenant="a", query="What is  2 + 2?", strong_model="m")
        >>> one == strategy_id(tenant="a", query="what is 2 + 2? ", strong_model="m")
        True
        >>> one == strategy_id(tenant="b", query="What is 2 + 2?", strong_model="m")
        False
    """
    # A length prefix keeps ("ab", "c") apart from ("a", "bc").
    parts = (tenant, strong_model, normalised(query))
    return str(uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))


def normalised(text: str) -> str:
    """Return `text` with case, spacing and Unicode form evened out."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", storable(text))).strip().casefold()


def storable(text: str) -> str:
    """Return `text` without what no database can hold: lone surrogates and NUL.

    Examples:
        >>> storable("a" + chr(0xD800) + "b" + chr(0) + "c")
        'a?bc'
    """
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def checked_tenant(tenant: object) -> str:
    """Return `tenant` if it names one tenant.

    Raises:
        TenantError: It is not a string, is empty or blank, or holds what no database can hold.

    Examples:
        >>> checked_tenant("acme")
        'acme'
    """
    if isinstance(tenant, str) and tenant.strip() and tenant == storable(tenant):
        return tenant
    msg = (
        f"The tenant must be a non-empty string, not {tenant!r}. There is no tenant that means "
        "'everybody'; use a fixed name such as 'default' if you have only one."
    )
    raise TenantError(msg)


def now() -> str:
    """Return the time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()
