"""The metrics that are counted as things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade.telemetry import names
from langchain_intercascade.telemetry.attributes import Attributes, known
from langchain_intercascade.telemetry.names import OURS

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from opentelemetry.metrics import Meter

    from langchain_intercascade.record import DecisionRecord

_NOT_LEARNED: Final = frozenset({"none", "off", "queued", "pending"})
"""What a record says of a lesson that nobody has tried to learn yet."""


class Instruments:
    """Counts runs, calls and lessons. Safe to share between threads."""

    def __init__(self, meter: Meter, name: str) -> None:
        """Make the instruments with `meter`, for cascades that are called `name`."""
        self._whose = {names.AGENT: name}
        self._tokens = meter.create_histogram(
            names.TOKENS,
            "{token}",
            "Tokens read or written in a model call.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BOXES,
        )
        self._duration = meter.create_histogram(
            names.DURATION,
            "s",
            "Duration of a model call, or of a whole run.",
            explicit_bucket_boundaries_advisory=names.SECOND_BOXES,
        )
        self._first = meter.create_histogram(
            names.TIME_TO_FIRST,
            "s",
            "Time to the first piece of a streamed reply.",
            explicit_bucket_boundaries_advisory=names.SECOND_BOXES,
        )
        self._confidence = meter.create_histogram(
            f"{OURS}confidence",
            "1",
            "Confidence of weak answers.",
            explicit_bucket_boundaries_advisory=names.SHARE_BOXES,
        )
        self._shown = meter.create_histogram(
            f"{OURS}strategies.shown",
            "{strategy}",
            "Strategies shown to the weak model.",
            explicit_bucket_boundaries_advisory=names.COUNT_BOXES,
        )
        self._runs = meter.create_counter(f"{OURS}runs", "{run}", "Runs, by how they ended.")
        self._faults = meter.create_counter(
            f"{OURS}faults", "{fault}", "Faults survived, by node and type."
        )
        self._lessons = meter.create_counter(
            f"{OURS}lessons", "{lesson}", "Tries at lessons, by what came of them."
        )
        self._cost = meter.create_counter(
            f"{OURS}cost", "{USD}", "Dollars spent on model calls whose price is known."
        )
        self._unpriced = meter.create_counter(
            f"{OURS}unpriced_calls", "{call}", "Model calls whose price is unknown."
        )
        self._always_strong = meter.create_counter(
            f"{OURS}always_strong.cost", "{USD}", "Dollars that the strong model alone had cost."
        )

    def called(
        self, what: Attributes, seconds: float, message: AIMessage | None, cost: float | None
    ) -> None:
        """Count a model call; `message` is `None` if there was no reply."""
        self._duration.record(seconds, what)
        if message is None:
            return
        usage: Any = message.usage_metadata or {}
        for kind in ("input", "output"):
            if (count := usage.get(f"{kind}_tokens")) is not None:
                self._tokens.record(count, {**what, names.TOKEN_TYPE: kind})
        if cost is None:
            self._unpriced.add(1, what)
        else:
            self._cost.add(cost, what)

    def began_to_arrive(self, what: Attributes, seconds: float) -> None:
        """Count the first piece of a reply."""
        self._first.record(seconds, what)

    def answered(self, record: DecisionRecord, what: Attributes, seconds: float) -> None:
        """Count a run that came to an answer."""
        self._duration.record(seconds, what)
        route = {**self._whose, f"{OURS}route": record["route"]}
        self._runs.add(1, {**route, f"{OURS}reason": record["reason"] or ""})
        regime = {**self._whose, f"{OURS}regime": record["regime"]}
        if record["confidence"] is not None:
            self._confidence.record(record["confidence"], {**known(route), **regime})
        self._shown.record(len(record["strategies"]), regime)
        for each in record["faults"]:
            fault = {f"{OURS}node": each["where"], names.ERROR: each["error"]}
            self._faults.add(1, {**self._whose, **fault})
        if record["always_strong_cost"] is not None:
            self._always_strong.add(record["always_strong_cost"], self._whose)
        if (state := record["lesson"]["state"]) not in _NOT_LEARNED:
            self.learned(state, "inline")

    def failed(self, what: Attributes, error: str, seconds: float) -> None:
        """Count a run that ended without an answer."""
        self._duration.record(seconds, {**what, names.ERROR: error})
        told = {f"{OURS}route": "none", f"{OURS}reason": "failed", names.ERROR: error}
        self._runs.add(1, {**self._whose, **told})

    def learned(self, outcome: str, when: str) -> None:
        """Count a try at a lesson, `"inline"` or in the `"background"`."""
        told = {f"{OURS}lesson.outcome": outcome, f"{OURS}learning": when}
        self._lessons.add(1, {**self._whose, **told})
