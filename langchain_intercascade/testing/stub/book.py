"""What a stub server has to know while it serves: how to behave, and what happened so far."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias

from langchain_intercascade.testing.stub.errors import RequestError
from langchain_intercascade.testing.stub.reply import StubReply, default_reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong with one request.

    The parts combine: the server hangs, then the answer is replaced, or its stream
    is slow or cut.
    """

    status: int | None = None
    """Answer with this HTTP status and an error in OpenAI's form."""
    retry_after: float | None = None
    """Seconds to state in the `Retry-After` header that goes with `status`."""
    message: str = "a fault was asked for"
    """What the error says."""
    hang: float = 0.0
    """Seconds to do nothing; it ends at once when the client leaves."""
    hang_after: int = 0
    """How many events of a stream come before that; 0 hangs before the answer begins."""
    body: str | None = None
    """Send this in place of the answer."""
    cut_after: int | None = None
    """Close the connection after so many events of a stream, or in the middle of a whole answer."""
    chunk_delay: float = 0.0
    """Seconds to wait before each event of a stream."""


MALFORMED_JSON = Fault(body='{"choices": [{"message": ')
EMPTY_BODY = Fault(body="")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Faults that strike a model's requests again and again, for as long as it behaves so.

    Which requests are struck, and by what, depends on the seed and on the request's number
    among those of the model, so that a run can be repeated.

    Examples:
        >>> trouble = Trouble(0.05, (Fault(status=500), EMPTY_BODY), seed=1)
        >>> struck = [number for number in range(1000) if trouble.strikes(number)]
        >>> len(struck)
        55
    """

    share: float
    """Of the requests, on average; 0 to 1."""
    faults: tuple[Fault, ...]
    """One of these each time, all equally often."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot strike.

        Raises:
            ValueError: `share` is not a share, or there is no fault.
        """
        if not (0.0 <= self.share <= 1.0 and self.faults):
            message = (
                f"Trouble needs a share from 0 to 1 and some faults, not share={self.share} and "
                f"{len(self.faults)} faults."
            )
            raise ValueError(message)

    def strikes(self, number: int) -> Fault | None:
        """Return the fault of the model's request with this number; `None` if it is spared."""
        dice = random.Random(f"{self.seed}:{number}")
        return dice.choice(self.faults) if dice.random() < self.share else None


Respond: TypeAlias = Callable[[dict[str, Any]], StubReply | str | Fault]
"""Finds the reply to a request, whose body it is given; a string is a `StubReply` of that text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a model on the stub server answers."""

    respond: Respond = default_reply
    """Finds the reply to a request."""
    logprob: float | None = -0.1
    """Log-probability of every token; `None` for a model that reports none."""
    delay: float = 0.0
    """Seconds before each answer."""
    chunk_delay: float = 0.0
    """Seconds before each event of a stream."""
    trouble: Trouble | None = None
    """What strikes its requests now and then."""


@dataclass(slots=True)
class Recorded:
    """One request that the server got, and what became of it."""

    model: str
    path: str
    body: dict[str, Any]
    status: int | None = None
    """The HTTP status sent; `None` if it never came to that."""
    fault: Fault | None = None
    """What went wrong with it, if something was made to."""
    aborted: bool = False
    """Whether the client closed the connection before the answer was complete."""
    input_tokens: int = 0
    """Tokens of the prompt, once an answer was begun."""
    output_tokens: int = 0
    """Tokens sent, also those of a stream that was left in the middle."""
    finished: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    """Set when the server is through with the request."""


class Usage(NamedTuple):
    """Tokens that a provider would have put on the bill."""

    input_tokens: int
    output_tokens: int


class Book:
    """The models, the faults to come and the requests so far; safe to use from several threads."""

    def __init__(self, dimensions: int) -> None:
        """Start with no models."""
        self.dimensions = dimensions
        self._behaviours: dict[str, Behaviour] = {}
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._served: Counter[str] = Counter()
        self._requests: list[Recorded] = []
        self._lock = threading.Condition()

    def set_behaviour(self, model: str, behaviour: Behaviour) -> None:
        """Add a model, or make one behave differently from now on."""
        with self._lock:
            self._behaviours[model] = behaviour

    def behaviour(self, model: str) -> Behaviour:
        """Return how the model behaves.

        Raises:
            RequestError: If there is no such model.
        """
        with self._lock:
            if model in self._behaviours:
                return self._behaviours[model]
            known = ", ".join(sorted(self._behaviours))
        message = f"The model {model!r} does not exist. This stub server has: {known}."
        raise RequestError(HTTPStatus.NOT_FOUND, message)

    def models(self) -> list[str]:
        """Return the names of the models, sorted."""
        with self._lock:
            return sorted(self._behaviours)

    def add_faults(self, model: str, faults: tuple[Fault, ...]) -> None:
        """Make the next requests to the model go wrong, one fault each."""
        with self._lock:
            self._faults[model].extend(faults)

    def next_fault(self, model: str) -> Fault | None:
        """Take the fault that is next for the model, if one was ordered or strikes by itself."""
        with self._lock:
            number = self._served[model]
            self._served[model] += 1
            if faults := self._faults[model]:
                return faults.popleft()
            trouble = self._behaviours[model].trouble
        return trouble.strikes(number) if trouble else None

    def record(self, recorded: Recorded) -> None:
        """Add a request to the log."""
        with self._lock:
            self._requests.append(recorded)
            self._lock.notify_all()

    def requests(self, model: str | None = None) -> list[Recorded]:
        """Return the requests so far, of one model or of all, in the order they came."""
        with self._lock:
            return [one for one in self._requests if model is None or one.model == model]

    def reset(self) -> None:
        """Forget requests and faults; the models stay as they are, and so do their troubles."""
        with self._lock:
            self._served.clear()
            self._requests.clear()
            self._faults.clear()

    def settle(self, timeout: float, at_least: int) -> None:
        """Wait until so many requests came, and all that came are finished.

        Raises:
            TimeoutError: If that takes more than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._requests) >= at_least, timeout):
                message = f"{len(self._requests)} requests after {timeout} s, expected {at_least}"
                raise TimeoutError(message)
        for one in self.requests():
            if not one.finished.wait(max(0.0, deadline - time.monotonic())):
                message = f"not finished after {timeout} s: {one}"
                raise TimeoutError(message)
