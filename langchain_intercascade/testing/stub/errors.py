"""Errors in the form in which the OpenAI API states them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

TYPES: dict[int, tuple[str, str | None]] = {
    HTTPStatus.BAD_REQUEST: ("invalid_request_error", None),
    HTTPStatus.UNAUTHORIZED: ("invalid_request_error", "invalid_api_key"),
    HTTPStatus.FORBIDDEN: ("invalid_request_error", "unsupported_country_region_territory"),
    HTTPStatus.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("invalid_request_error", None),
    HTTPStatus.TOO_MANY_REQUESTS: ("requests", "rate_limit_exceeded"),
}
"""Type and code that go with a status; for others, `server_error` and none."""


class RequestError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: The HTTP status.
        headers: What goes into the response's head besides.
        body: The error as the API states it.
    """

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Look up the type and the code that go with `status`."""
        super().__init__(message)
        kind, code = TYPES.get(status, ("server_error", None))
        self.status = status
        self.headers = headers or {}
        error = {"message": message, "type": kind, "param": None, "code": code}
        self.body: dict[str, Any] = {"error": error}


def bad_request(message: str) -> RequestError:
    """Return the error for a request that makes no sense."""
    return RequestError(HTTPStatus.BAD_REQUEST, message)
