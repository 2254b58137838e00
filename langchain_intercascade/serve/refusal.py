"""Why a request gets no answer, in the form and with the status that OpenAI's clients know."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from traceback import format_tb
from typing import Any, Final

from langchain_intercascade.config.secrets import redacted
from langchain_intercascade.errors import (
    BrokenStreamError,
    BudgetExceededError,
    ConfigurationError,
    InterCascadeError,
    NoSlotError,
    StrongModelError,
)
from langchain_intercascade.reply import invalid_request, too_much
from langchain_intercascade.resilience.retry_after import retry_after

logger = logging.getLogger(__name__)

NEVER_AGAIN: Final[Mapping[str, str]] = {"x-should-retry": "false"}
"""Official clients would try again at these statuses; this header tells them not to."""

_TYPES: Final = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


class RefusedError(InterCascadeError):
    """A request that is answered with an error.

    Attributes:
        status: The HTTP status.
        code: A word for programs; `None` if the status says it all.
        param: The parameter that is at fault; `None` if none is.
        headers: What is sent besides.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse with `message`, which must not quote what was asked."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the error as OpenAI writes it.

        Examples:
            >>> RefusedError(404, "There is no such path.").body()["error"]["type"]
            'invalid_request_error'
        """
        server = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        kind = "server_error" if server else "invalid_request_error"
        return {
            "error": {
                "message": str(self),
                "type": _TYPES.get(HTTPStatus(self.status), kind),
                "param": self.param,
                "code": self.code,
            }
        }


def bad_request(message: str, param: str | None = None, code: str | None = None) -> RefusedError:
    """Return the refusal of a request that makes no sense here."""
    return RefusedError(HTTPStatus.BAD_REQUEST, message, param=param, code=code)


def busy(message: str, seconds: float = 1.0, code: str = "overloaded") -> RefusedError:
    """Return the refusal of a request that may come again after so many seconds."""
    headers = {"retry-after": str(max(1, math.ceil(seconds)))}
    return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, message, code=code, headers=headers)


def refusal_of(error: Exception) -> RefusedError:
    """Return what the client is told of `error`: never its text, which may quote the prompt.

    What the operator should know is logged, likewise without content.
    """
    for kind, told in _TOLD:
        if isinstance(error, kind):
            return told(error)
    _log_unknown(error)
    return RefusedError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"Something went wrong inside the gateway ({type(error).__name__}); its log says where.",
        code="internal_error",
    )


def _of_budget(_: Exception) -> RefusedError:
    message = "The budget does not allow for this answer, until it is raised or renewed."
    status = HTTPStatus.TOO_MANY_REQUESTS
    return RefusedError(status, message, code="insufficient_quota", headers=NEVER_AGAIN)


def _of_ability(_: Exception) -> RefusedError:
    return bad_request("The models behind this gateway cannot do that: tools, or a schema.")


def _of_strong(error: Exception) -> RefusedError:
    """Return what is said of a strong model, or what stands for it, that gave no answer."""
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    name = type(cause).__name__
    if isinstance(cause, NoSlotError):
        return busy("Too many calls of the model are under way.")
    if too_much(cause):
        code = str(getattr(cause, "code", None) or "context_length_exceeded")
        return bad_request("The model refuses this prompt: it is too long, or filtered.", code=code)
    if invalid_request(cause):
        return bad_request(f"The model refuses this request ({name}).", code="refused_upstream")
    if getattr(cause, "status_code", None) == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = retry_after(cause)
        return busy("The provider of the strong model limits the rate.", seconds, "rate_limited")
    return _of_silence(cause)


def _of_silence(cause: Exception) -> RefusedError:
    name = type(cause).__name__
    if isinstance(cause, TimeoutError) or "Timeout" in name:
        message = "The strong model did not answer in time."
        return RefusedError(HTTPStatus.GATEWAY_TIMEOUT, message, code="upstream_timeout")
    message = f"The strong model gave no answer ({name})."
    return RefusedError(HTTPStatus.BAD_GATEWAY, message, code="upstream_error")


def _of_configuration(error: Exception) -> RefusedError:
    cause = error.__cause__
    if isinstance(cause, Exception) and invalid_request(cause):
        name = type(cause).__name__
        return bad_request(f"The model refuses this request ({name}).", code="refused_upstream")
    if cause is not None and type(cause).__module__.split(".")[0] == "jsonschema_rs":
        return bad_request("The schema of a tool or of the answer is not valid JSON schema.")
    logger.error(
        "A request could not be served: %s",
        redacted(str(error)),
        extra={"event": "gateway_misconfigured", "error": type(error).__name__},
    )
    return RefusedError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The gateway is configured in a way that cannot work; its log says how to mend it.",
        code="misconfigured",
        headers=NEVER_AGAIN,
    )


def _log_unknown(error: Exception) -> None:
    """Log where `error` arose; lines of code only, because messages may quote a prompt."""
    where = "".join(format_tb(error.__traceback__))
    name = type(error).__name__
    logger.error(
        "A request failed with %s:\n%s",
        name,
        where,
        extra={"event": "request_failed", "error": name},
    )


_TOLD: Final[Sequence[tuple[type[Exception], Callable[[Any], RefusedError]]]] = (
    (RefusedError, lambda error: error),
    (BudgetExceededError, _of_budget),
    (ConfigurationError, _of_configuration),
    (NotImplementedError, _of_ability),
    (StrongModelError, _of_strong),
    (TimeoutError, _of_strong),
    (BrokenStreamError, _of_strong),
)
"""Who puts what kind of error into words; the first that fits does."""
