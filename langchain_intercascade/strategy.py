"""This is where a strategy is defined: what the strong model taught, and on whose word.

A strategy starts as a *pending lesson* (the deferred query and the strong
answer, written down before anything else can fail) and becomes, under the same
id, general *advice*.  The lesson is then forgotten: by default neither the
query's answer nor the weak attempt outlives the distillation.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_hex
from typing import Annotated, Any, Final, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from langchain_intercascade.errors import RepositoryCorruptError, TenantError

SCHEMA_VERSION: Final = 2
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
    """Distilled, on probation: not shown, but tried out behind the scenes."""
    ACTIVE = "active"
    """In use."""
    SUSPENDED = "suspended"
    """Taken out of use, may come back."""
    ARCHIVED = "archived"
    """Out of use for good, kept for its history."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kind(StrEnum):
    """What sort of advice it is."""

    STRATEGY = "strategy"
    """How problems of a kind are solved."""
    PITFALL = "pitfall"
    """A mistake to avoid, learned from a failed attempt; it has no steps."""


class Advice(_Frozen):
    """How problems of one kind are solved: all that the weak model gets to see."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=160)]
    when_to_use: NonEmptyLine
    when_not_to_use: Line = ""
    steps: Annotated[tuple[NonEmptyLine, ...], Field(max_length=12)] = ()
    pitfalls: Annotated[tuple[NonEmptyLine, ...], Field(max_length=6)] = ()
    checks: Annotated[tuple[NonEmptyLine, ...], Field(max_length=4)] = ()
    kind: Kind = Kind.STRATEGY

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        """Refuse a strategy without steps, and a pitfall without a mistake or with steps."""
        if self.kind is Kind.STRATEGY and not self.steps:
            msg = "steps: a strategy needs at least one"
            raise ValueError(msg)
        if self.kind is Kind.PITFALL and (self.steps or not self.pitfalls):
            msg = "pitfalls: a pitfall names at least one mistake, and has no steps"
            raise ValueError(msg)
        return self

    def text(self) -> str:
        """Return every word of the advice, one part a line."""
        told = (self.title, self.when_to_use, self.when_not_to_use)
        return "\n".join((*told, *self.steps, *self.pitfalls, *self.checks))


class Lease(_Frozen):
    """Who is at work on a lesson, so that nobody else pays for it again."""

    owner: str
    until: str
    """When others may take over, ISO 8601: the owner may have died."""


class Lesson(_Frozen):
    """The material of a strategy that is still to be distilled, or still on probation."""

    query: str
    answer: str
    weak_answer: str | None = None
    system: str = ""
    """What the system message said; it may decide what an answer looks like."""
    attempts: int = 0
    """How often distilling, admitting or storing it has been tried."""
    parked: bool = False
    """Whether it was given up on; the strategy's `reason` says why."""
    shown: tuple[str, ...] = ()
    """Ids of the tenant's own strategies that the weak attempt was made with."""
    lease: Lease | None = None


class Example(_Frozen):
    """A solved problem, kept beside the advice only if asked for, and never outside its tenant."""

    query: str
    answer: str


class Shown(Advice):
    """Advice as it enters a prompt: with its example, if that is to be shown."""

    example: Example | None = None


class Origin(_Frozen):
    """Where a strategy comes from.

    Attributes:
        run_id: The run whose strong answer it was distilled from.
        strong_model: Who wrote that answer.
        prompt_version: Version of the words that asked for it.
        source: On whose behalf, as the caller named it: a user, a document, a feed.
        parents: Ids of the strategies that it was made from, for one that was promoted.
    """

    run_id: str
    strong_model: str
    prompt_version: int
    source: str = ""
    parents: tuple[str, ...] = ()


class Merged(_Frozen):
    """A later deferral that taught the same: its query is one more key."""

    query: str
    run_id: str
    source: str = ""


class Replays(_Frozen):
    """How the weak model did when it was tried out with this strategy alone.

    Attributes:
        source: Whether it then solved the query that the strategy was distilled from;
            `None` if that was not tried, or could not be judged.
        passed: How many other queries it solved.
        failed: How many other queries it did not solve.
    """

    source: bool | None = None
    passed: int = 0
    failed: int = 0


class Tally(_Frozen):
    """What one weak model did with and without a strategy, on queries that it was found for.

    The counts are weights: a label drawn with probability p counts 1/p.

    Attributes:
        right_with: Right answers with the strategy in the prompt.
        wrong_with: Wrong ones.
        right_without: Right answers without it.
        wrong_without: Wrong ones.
        squared_with: Sum of the squared weights in the first two; see `ledger`.
        squared_without: Sum of the squared weights in the other two.
        mended: Weight of the queries that were tried both ways, and right only with it.
        spoilt: The same, and right only without it.
        alike: The same, and right both ways or wrong both ways.
        accepted: Weight of the labels about accepted answers with the strategy, undivided.
        labels: How many labels went into the four, unweighted.
        uses: How often it was shown.
        saved: Dollars that it saved, as far as known; see `ledger`.
    """

    right_with: float = 0.0
    wrong_with: float = 0.0
    right_without: float = 0.0
    wrong_without: float = 0.0
    squared_with: float = 0.0
    squared_without: float = 0.0
    mended: float = 0.0
    spoilt: float = 0.0
    alike: float = 0.0
    accepted: float = 0.0
    labels: int = 0
    uses: int = 0
    saved: float = 0.0


class Change(_Frozen):
    """One entry of a strategy's history.

    Attributes:
        at: When, ISO 8601.
        version: The version that it made.
        what: What was done and why, in words.
        undo: What the changed fields were before; kept for the last change only.
    """

    at: str
    version: int
    what: str
    undo: dict[str, Any] | None = None


STAMPS: Final = 32
"""Writes that are told apart; more do not happen between writing and reading again."""


def _stamp() -> str:
    return token_hex(6)


HISTORY: Final = 20
"""Changes that are remembered; what labels count is not among them."""


class Strategy(_Frozen):
    """One thing the strong model taught, owned by one tenant.

    Attributes:
        id: Deterministic: the same tenant, query and strong model give the same id,
            so writing twice writes one point.
        keys: The queries it is found by.
        advice: What is shown to the weak model; `None` until distilled.
        lesson: What it is distilled from; `None` once it is in use.
        example: The solved problem behind it, if it was asked to be kept.
        merged: Later deferrals that taught the same.
        support: How many deferrals led to this strategy.
        verified_by: Who found the strong answer right, `"verifier"` or `"feedback"`; or nobody.
        replays: How it did when it was tried out.
        ledger: What it did in use, by the name of the weak model.
        cost: What making it cost in US dollars, `None` when unknown.
        reason: Why it is in its present state; empty when nothing is remarkable.
        activated_at: Since when it is, or was, in use; ISO 8601, empty before.
        retired_at: When it was last taken out of use; empty if it never was.
        expires_at: When it stops being used; empty for never.
        misled: Queries on which it made a right answer wrong; what is nearer to one of them
            than to any of its keys is not shown it.
        similar_to: Ids of strategies that may say the same: for people to look at.
        distinct_from: Ids of strategies that are near, and were judged to be others.
        history: What was changed, the last change at the end.
        version: Raised with every change, for compare-and-swap.
        stamps: One for each of the last changes, unlike any other: whoever wrote one finds it
            again, though others may have written since.
    """

    id: str
    tenant: str
    state: State
    keys: Annotated[tuple[str, ...], Field(min_length=1)]
    advice: Advice | None = None
    lesson: Lesson | None = None
    example: Example | None = None
    origin: Origin
    merged: tuple[Merged, ...] = ()
    support: int = 1
    verified_by: str = ""
    replays: Replays = Replays()
    ledger: dict[str, Tally] = Field(default_factory=dict)
    cost: float | None = None
    reason: str = ""
    created_at: str
    updated_at: str
    activated_at: str = ""
    retired_at: str = ""
    expires_at: str = ""
    misled: tuple[str, ...] = ()
    similar_to: tuple[str, ...] = ()
    distinct_from: tuple[str, ...] = ()
    history: tuple[Change, ...] = ()
    version: int = 1
    stamps: tuple[str, ...] = Field(default_factory=lambda: (_stamp(),))
    schema_version: int = SCHEMA_VERSION

    @property
    def kind(self) -> Kind:
        """What sort of advice it holds."""
        return self.advice.kind if self.advice else Kind.STRATEGY

    def changed(self, **changes: Any) -> Self:
        """Return a copy with `changes`, a new time stamp and the next version."""
        stamps = (*self.stamps, _stamp())[-STAMPS:]
        news = {"updated_at": now(), "version": self.version + 1, "stamps": stamps, **changes}
        return self.model_copy(update=news)

    def recorded(self, what: str, **changes: Any) -> Self:
        """Return `changed(**changes)` with an entry in the history, so that it can be undone."""
        # What a strategy was distilled from is to be forgotten, so no undo may remember it.
        before = self.model_dump(mode="json", include=set(changes) - {"lesson", "example"})
        entry = Change(at=now(), version=self.version + 1, what=what, undo=before)
        earlier = [each.model_copy(update={"undo": None}) for each in self.history]
        return self.changed(**changes, history=(*earlier, entry)[-HISTORY:])

    def undone(self) -> Self:
        """Return the strategy as it was before the last change in its history.

        Labels that were counted since are kept, and so is the fact that it was undone.

        Raises:
            ValueError: There is nothing to undo, or what it takes is forgotten.
        """
        last = self.history[-1] if self.history else None
        if last is None or last.undo is None:
            msg = f"Strategy {self.id} has no change that could be undone. "
            msg += "`intercascade strategies show` tells its history."
            raise ValueError(msg)
        entry = Change(at=now(), version=self.version + 1, what=f"undone: {last.what}")
        before = type(self).model_validate({**self.payload(), **last.undo})
        if before.advice is None and before.lesson is None:
            msg = (
                f"Strategy {self.id} cannot go back: the lesson it was to be made of is forgotten. "
                "Archive it instead; the next such query teaches a new one."
            )
            raise ValueError(msg)
        return before.changed(version=self.version + 1, history=(*self.history[:-1], entry))

    def payload(self) -> dict[str, Any]:
        """Return the strategy as JSON-like data."""
        return self.model_dump(mode="json")

    def stored(self) -> dict[str, Any]:
        """Return the strategy as it is stored: `payload` without what is as it is by default.

        Most of a strategy is, and an engine takes longer over data than over a search.  So a
        default may only change together with `SCHEMA_VERSION`.
        """
        always = {
            "version": self.version,
            "stamps": list(self.stamps),
            "schema_version": self.schema_version,
        }
        return self.model_dump(mode="json", exclude_defaults=True) | always

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
            current = {"stamps": [], **payload, "schema_version": SCHEMA_VERSION}
            return cls.model_validate(current)
        except ValueError as error:
            # The validation message quotes stored text, so it is chained, not repeated.
            msg = (
                f"Point {payload.get('id')!r} cannot be read as a strategy: it is damaged, or "
                "something else wrote it. Restore it from a backup, or delete it."
            )
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
    return " ".join(unicodedata.normalize("NFKC", storable(text)).split()).casefold()


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
