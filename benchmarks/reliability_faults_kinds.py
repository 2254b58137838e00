"""How somebody may fail: the kinds of fault, and whom each of them befalls."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
import httpx
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from langchain_intercascade.errors import RepositoryCorruptError

CANARY: Final = "zanzibar"
"""Stands in every query, answer, strategy and key here, and may stand in no log and no error."""

TOLD: Final = f"the request 'How many pears has {CANARY}?' with key sk-{CANARY}123 has failed"
"""What errors say, because clients' errors quote what they were asked."""


class PanicException(BaseException):
    """What a library written in Rust raises when it panics: no `Exception`, by its name only."""


class StatusError(Exception):
    """An error that carries an HTTP status, as those of providers' clients do."""

    def __init__(self, status_code: int, **headers: str) -> None:
        super().__init__(TOLD)
        self.status_code = status_code
        self.response = httpx.Response(status_code, headers=headers)


class GrpcError(grpc.RpcError):  # type: ignore[misc]  # as above
    """What a gRPC client raises for a server that is away."""

    def code(self) -> grpc.StatusCode:
        """Return the status."""
        return grpc.StatusCode.UNAVAILABLE

    def __str__(self) -> str:
        """Quote the request."""
        return TOLD


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to fail.

    Attributes:
        name: What it is called.
        error: Makes what is raised; `None` if the failure is of another sort, known by its name.
        lasting: Whether all later calls fail too, until somebody mends it.
        writes: Whether only writing fails.
        reads: Whether only reading does.
        done: Whether what was asked for is done all the same, and only the reply is lost.
    """

    name: str
    error: Callable[[], BaseException] | None = None
    lasting: bool = False
    writes: bool = False
    reads: bool = False
    done: bool = False


def _handling() -> BaseException:
    return ResponseHandlingException(ValueError(TOLD))


def _unexpected() -> BaseException:
    return UnexpectedResponse(503, "Service Unavailable", TOLD.encode(), httpx.Headers())


TIMEOUT: Final = Kind("timeout", partial(TimeoutError, TOLD))
RATE_LIMIT: Final = Kind("rate limit", lambda: StatusError(429, **{"retry-after": "7"}))
AUTH: Final = Kind("auth", partial(StatusError, 401))
PANIC: Final = Kind("panic", partial(PanicException, TOLD))
REFUSAL: Final = Kind("refusal")
MALFORMED: Final = Kind("malformed")
EMPTY: Final = Kind("empty")
CANCELLED: Final = Kind("cancelled")
SLOW: Final = Kind("slow")
BROKEN: Final = Kind("broken off", partial(ConnectionError, TOLD))
UNREACHABLE: Final = Kind("unreachable", partial(ConnectionError, TOLD), lasting=True)

FULL: Final = Kind("disk full", partial(OSError, errno.ENOSPC, TOLD), lasting=True, writes=True)
READ_ONLY: Final = Kind("read-only", partial(OSError, errno.EROFS, TOLD), lasting=True, writes=True)
CORRUPT: Final = Kind("corrupt", partial(RepositoryCorruptError, "damaged"), lasting=True)
NONSENSE: Final = Kind("malformed", reads=True)
LOST_REPLY: Final = Kind("lost reply", partial(TimeoutError, TOLD), writes=True, done=True)

NO_THREAD: Final = Kind("no thread", partial(RuntimeError, "can't start new thread"))
BACK: Final = Kind("clock back")
AHEAD: Final = Kind("clock ahead")

_CALLS: Final = (TIMEOUT, RATE_LIMIT, AUTH, MALFORMED, EMPTY, CANCELLED, SLOW, PANIC)
_MODEL: Final = (*_CALLS, REFUSAL, UNREACHABLE)

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "weak": _MODEL,
    "strong": (*_MODEL, BROKEN),
    "distiller": _MODEL,
    "replay": _MODEL,
    "judge": _MODEL,
    "confidence": (*_CALLS, UNREACHABLE),
    "verifier": (*_CALLS, UNREACHABLE),
    "query_from": (TIMEOUT, MALFORMED, EMPTY, PANIC, CANCELLED),
    "encoder": (*_CALLS, UNREACHABLE),
    "repository": (
        TIMEOUT,
        NONSENSE,
        CANCELLED,
        SLOW,
        PANIC,
        UNREACHABLE,
        FULL,
        READ_ONLY,
        CORRUPT,
        LOST_REPLY,
    ),
    "client": (
        Kind("qdrant: unexpected response", _unexpected),
        Kind("qdrant: no response", _handling),
        Kind("qdrant: gRPC", GrpcError),
        Kind("qdrant: value", partial(ValueError, TOLD)),
        Kind("qdrant: httpx", partial(httpx.ReadTimeout, TOLD)),
    ),
    "prices": (TIMEOUT, MALFORMED, PANIC, SLOW),
    "callback": (TIMEOUT, SLOW),
    "thread": (NO_THREAD,),
    "clock": (BACK, AHEAD),
}
"""By whom it befalls; the same for those that work after the answer is out."""

BEHIND: Final = ", behind"
"""Ends the name of one who works after the answer is out."""


def kinds_of(who: str) -> tuple[Kind, ...]:
    """Return the ways in which `who` may fail.

    Examples:
        >>> kinds_of("clock, behind") == kinds_of("clock")
        True
    """
    return KINDS[who.removesuffix(BEHIND)]
