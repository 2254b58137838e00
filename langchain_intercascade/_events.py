"""What a user interface may show while a cascade decides: four events, without any text.

`inter_cascade.retrieved`, `.gated`, `.deferred` and `.learned` are custom events of
LangChain (seen in `astream_events` and by `on_custom_event` of a callback handler),
and in a graph also writes to the `custom` stream.  They are read off the decision
record.  What is learned in the background is told to nobody: the run is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.callbacks.manager import adispatch_custom_event, dispatch_custom_event

from langchain_intercascade._steps import Call, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langchain_core.runnables import RunnableConfig

    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.state import Body, CascadeState, Run, Update

PREFIX: Final = "inter_cascade."
"""Every event's name begins with this."""

_RETRIEVED: Final = ("strategies", "regime")
_GATED: Final = ("route", "reason", "explanation", "confidence", "threshold")
_LEARNED: Final = ("lesson",)


def announced(
    name: str, body: Body, *, also: Callable[[dict[str, Any]], None] | None = None
) -> Body:
    """Return `body` followed by the events of the node `name`.

    Args:
        name: The node's name.
        body: The node's body.
        also: Is handed each event too, as a dict with the name under `event`.
    """

    def telling(state: CascadeState, run: Run) -> Steps[Update]:
        update = yield from body(state, run)
        if "record" in update:
            for event, data in _told(name, update["record"]):
                if also is not None:
                    also({"event": event, **data})
                yield _dispatching(event, data)
        return update

    return telling


def is_heard(config: RunnableConfig) -> bool:
    """Say whether anybody listens; LangChain raises for an event outside of any run."""
    callbacks = config.get("callbacks")
    return (
        isinstance(callbacks, BaseCallbackManager)
        and callbacks.parent_run_id is not None
        and bool(callbacks.handlers)
    )


def _told(name: str, record: DecisionRecord) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what there is to tell after the node `name`, in order."""
    if name == "retrieve_strategies":
        yield _event("retrieved", record, _RETRIEVED)
    elif name == "confidence_gate":
        yield _event("gated", record, _GATED)
        if record["route"] == "strong":
            yield _event("deferred", record, ("reason",))
    elif name == "store" and record["lesson"]["state"] == "stored":
        yield _event("learned", record, _LEARNED)


def _event(
    event: str, record: DecisionRecord, fields: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    plain: dict[str, Any] = dict(record)
    return PREFIX + event, {"run_id": plain["run_id"], **{each: plain[each] for each in fields}}


def _dispatching(event: str, data: dict[str, Any]) -> Call:
    def blocking(config: RunnableConfig) -> None:
        if is_heard(config):
            dispatch_custom_event(event, data, config=config)

    async def awaited(config: RunnableConfig) -> None:
        if is_heard(config):
            await adispatch_custom_event(event, data, config=config)

    return Call(blocking, awaited)
