"""How long a service asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(error: BaseException) -> float:
    """Return the seconds in the `Retry-After` header of the reply that `error` is about.

    Clients over httpx keep the reply in `error.response`.  0 if there is no such header, or it
    is neither a number nor a date (RFC 9110, section 10.2.3).

    Examples:
        >>> error = ConnectionError("overloaded")
        >>> retry_after(error)
        0.0
        >>> from types import SimpleNamespace
        >>> error.response = SimpleNamespace(headers={"retry-after": "7"})
        >>> retry_after(error)
        7.0
    """
    headers = getattr(getattr(error, "response", None), "headers", None)
    told = None if headers is None else headers.get("retry-after")
    return _seconds(str(told)) if told else 0.0


def _seconds(told: str) -> float:
    if told.strip().isdecimal():
        return float(told)
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        return 0.0
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
