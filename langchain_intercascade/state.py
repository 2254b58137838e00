"""This is where the state is defined: what flows along the edges of the graph.

Messages and JSON-like values only, so that any checkpointer can write it down
and read it back, in strict mode too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NotRequired, TypeAlias

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph.message import add_messages
from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from langchain_intercascade._steps import Steps
from langchain_intercascade.record import DecisionRecord

Learning: TypeAlias = Literal["inline", "background", "observe", "off"]
"""When lessons are distilled.

`"inline"` before the answer returns, `"background"` after it, `"off"` never.
`"observe"` learns in the background and gates as usual, but always serves the
strong model: a way to watch before trusting.
"""

Force: TypeAlias = Literal["weak", "strong"]

MAX_K: Final = 3
"""More strategies than this were never seen to help, and often seen to hurt."""


class Attempt(TypedDict):
    """The weak answer before the gate has accepted it.

    It is nested on purpose: a message at the top level of an update would be
    streamed to the user, accepted or not.

    Attributes:
        message: The weak answer, or `None` if the weak model gave none.
        reason: Why there is nothing to gate: `weak_failed`, `weak_paused`, `weak_refused`,
            `weak_incomplete` or `weak_invalid`; `None` if there is something.
        detail: The same in words.
    """

    message: AIMessage | None
    reason: (
        Literal["weak_failed", "weak_paused", "weak_refused", "weak_incomplete", "weak_invalid"]
        | None
    )
    detail: str


class CascadeInput(TypedDict):
    """What a caller gives the graph."""

    messages: Annotated[list[AnyMessage], add_messages]


class CascadeOutput(TypedDict):
    """What the graph gives back: the conversation with its answer, and the decision record."""

    messages: Annotated[list[AnyMessage], add_messages]
    record: DecisionRecord


class CascadeState(CascadeOutput):
    """Everything that flows along the edges.

    In a graph, `attempt` and `lesson` travel sealed (see `_seal`).

    Attributes:
        query: The text that strategies are retrieved by and distilled from.
        shown: The retrieved strategies, as payloads of `Advice`, in prompt order.
        attempt: The weak answer until it is accepted; `None` before and after.
        lesson: The pending lesson, then the distilled strategy, as a payload.
    """

    query: NotRequired[str]
    shown: NotRequired[list[dict[str, Any]]]
    attempt: NotRequired[Attempt | None]
    lesson: NotRequired[dict[str, Any] | None]


Update: TypeAlias = dict[str, Any]


class Settings(BaseModel):
    """What may differ from call to call; also the graph's context schema.

    A field left out, or `None`, means "as the cascade was built".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: Annotated[float, Field(ge=0, le=1)] | Literal["always_defer"] | None = Field(
        default=None,
        description="Accept the weak answer when its confidence reaches this, from 0 to 1.",
        examples=[0.8, "always_defer"],
    )
    tenant: str | None = Field(
        default=None,
        min_length=1,
        description="Whose strategies are used and added to.",
        examples=["acme"],
    )
    k: int | None = Field(
        default=None, ge=0, le=MAX_K, description="How many strategies to show at most."
    )
    min_similarity: float | None = Field(
        default=None, ge=-1, le=1, description="Least similarity of a strategy that is shown."
    )
    learning: Learning | None = Field(
        default=None, description="When lessons are distilled, if at all."
    )
    source: str | None = Field(
        default=None,
        description="On whose behalf: what is learned can be forgotten by it.",
        examples=["user-17"],
    )
    snapshot: str | None = Field(
        default=None,
        description="Use the strategies as they were then: a moment in UTC, ISO 8601.",
        examples=["2026-11-22T12:00:00"],
    )
    force: Force | None = Field(
        default=None, description="Skip the gate and let this model answer."
    )

    @field_validator("snapshot")
    @classmethod
    def _in_utc(cls, moment: str | None) -> str | None:
        """Write the moment as stored ones are, in UTC, because they are compared as texts."""
        if moment is None:
            return None
        found = datetime.fromisoformat(moment)  # its error names the text
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class Run:
    """How one query is run: the settings with every gap filled, and what only this call knows.

    Attributes:
        min_similarity: Least similarity of a strategy that is shown; `None` for the
            floor that is calibrated from the repository.
        source: On whose behalf the query is asked; may be empty.
        snapshot: The moment whose strategies are used; `None` for the present.
        threshold: This call's own threshold; `None` for the cascade's.
        run_id: The run's id in the trace; `None` to draw one.
        model_kwargs: What both models are called with besides the messages, such as `stop`.
    """

    tenant: str
    k: int
    min_similarity: float | None
    learning: Learning
    source: str = ""
    snapshot: str | None = None
    threshold: float | Literal["always_defer"] | None = None
    force: Force | None = None
    run_id: str | None = None
    model_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def under(self, settings: Settings | None) -> Run:
        """Return this run with whatever `settings` says otherwise.

        Examples:
            >>> built = Run(tenant="acme", k=2, min_similarity=0.3, learning="inline")
            >>> built.under(Settings(k=1)).k, built.under(None).k
            (1, 2)
        """
        if settings is None:
            return self
        said = {name: value for name, value in settings if value is not None}
        return replace(self, **said) if said else self


def settings_in(context: object) -> Settings | None:
    """Return the settings that the context of a graph run holds.

    A cascade inside another graph is given that graph's context, whatever its
    type; what is not a setting in it is somebody else's.

    Args:
        context: `Settings`, a mapping or any object that has some of their names; or `None`.

    Examples:
        >>> settings_in({"tenant": "acme", "user": "Ines"}).tenant
        'acme'
        >>> settings_in(None) is None
        True
    """
    if context is None or type(context) is Settings:
        return context
    if isinstance(context, Mapping):
        found = {name: context[name] for name in Settings.model_fields if name in context}
    else:
        found = {name: getattr(context, name, None) for name in Settings.model_fields}
    return Settings.model_validate(found)


Body: TypeAlias = Callable[[CascadeState, Run], Steps[Update]]
"""One node: reads the state, asks the outside world by yielding, returns an update."""
