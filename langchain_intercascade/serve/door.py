"""Who may come in: whoever has a key, as many as there is room for, and nobody while it closes."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import blake2b
from http import HTTPStatus
from typing import Final

from langchain_intercascade.config.tables import LOOPBACK
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.serve.refusal import RefusedError, bad_request, busy

_MINUTE: Final = 60.0


class Keys:
    """Tells by its key whose a request is.

    Without any key there is one tenant, and nobody but this machine may ask.

    Examples:
        >>> Keys({"abc": "acme"}, otherwise="default").tenant("Bearer abc")
        'acme'
    """

    def __init__(self, keys: Mapping[str, str], *, otherwise: str) -> None:
        """Keep the digests of `keys`, each with its tenant."""
        self._tenants = [(_digest(key), tenant) for key, tenant in keys.items()]
        self._otherwise = otherwise

    @property
    def are_needed(self) -> bool:
        """Whether there are any."""
        return bool(self._tenants)

    @property
    def tenants(self) -> list[str]:
        """Whose keys there are."""
        return sorted({tenant for _, tenant in self._tenants} or {self._otherwise})

    def tenant(self, authorization: str | None) -> str:
        """Return whose request it is that has this `Authorization` header.

        However wrong a key is, looking it up takes the same time: digests are compared, all of
        them, in constant time.

        Raises:
            RefusedError: There is no such key.
        """
        if not self._tenants:
            return self._otherwise
        scheme, _, key = (authorization or "").partition(" ")
        digest, found = _digest(key.strip()), ""
        for known, tenant in self._tenants:
            if hmac.compare_digest(known, digest):
                found = tenant
        if not found or scheme.lower() != "bearer":
            raise _no_key(given=bool(authorization))
        return found


def check_address(host: str, keys: Keys) -> None:
    """Refuse to be open to others without a key.

    Raises:
        ConfigurationError: `host` is not this machine alone, and there is no key.
    """
    if keys.are_needed or host in LOOPBACK:
        return
    msg = (
        f"serve.host={host!r} would let in everybody who reaches it, for there is no key. Name the "
        "variables that hold keys in [serve.api_keys], or listen on 127.0.0.1."
    )
    raise ConfigurationError(msg)


def check_host(header: str | None, keys: Keys) -> None:
    """Refuse what a page of the web asks of this machine behind its user's back.

    A page can have its own name point here (DNS rebinding); it cannot change what the browser
    then says in the `Host` header.

    Raises:
        RefusedError: There is no key, and the request is not addressed to this machine by name.
    """
    name = (header or "").strip()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    if not keys.are_needed and name.lower() not in LOOPBACK:
        msg = "Without keys this gateway only answers to localhost. Configure [serve.api_keys]."
        raise RefusedError(HTTPStatus.FORBIDDEN, msg, code="not_loopback")


def check_content(kind: str | None) -> None:
    """Refuse a body that is not said to be JSON: pages of the web can send any other kind.

    Raises:
        RefusedError: It is another kind.
    """
    if (kind or "").partition(";")[0].strip().lower() != "application/json":
        msg = "Send JSON, with the header 'Content-Type: application/json'."
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, msg, code="not_json")


class Room:
    """How many may be in at once, and how often each may come. It belongs to one event loop.

    Attributes:
        inside: How many are in.
        closing: Whether nobody new may come in.
    """

    def __init__(
        self,
        *,
        concurrent: int,
        per_minute: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Let in so many at once, and each tenant so often in a minute if that is limited."""
        self.inside = 0
        self.closing = False
        self._concurrent = concurrent
        self._per_minute = per_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def enter(self, tenant: str) -> None:
        """Come in; whoever does must `leave`.

        Raises:
            RefusedError: There is no room now.
        """
        if self.inside >= self._concurrent:
            msg = f"{self._concurrent} requests are under way, which is as many as may be."
            raise busy(msg)
        self._take(tenant)
        self.inside += 1

    def leave(self) -> None:
        """Make room again."""
        self.inside -= 1

    def _take(self, tenant: str) -> None:
        """Take one of the tenant's turns: as many as in a minute, which come back evenly."""
        if self._per_minute is None:
            return
        now, most = self._clock(), float(self._per_minute)
        left, since = self._left.get(tenant, (most, now))
        left = min(most, left + (now - since) * most / _MINUTE)
        if left < 1:
            raise _too_often(self._per_minute, (1 - left) * _MINUTE / most)
        self._left[tenant] = (left - 1, now)


def closing() -> RefusedError:
    """Return the refusal of whoever comes while the gateway is being stopped."""
    refused = busy("The gateway is being stopped.", code="shutting_down")
    refused.headers["connection"] = "close"
    return refused


def body_too_large(most: int) -> RefusedError:
    """Return the refusal of a request of more than `most` bytes."""
    msg = f"The request is larger than the {most} bytes that this gateway reads."
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    # What is left unread would be taken for the next request.
    return RefusedError(status, msg, code="request_too_large", headers={"connection": "close"})


def declared_length(header: str | None) -> int:
    """Return the length that a request says it has; 0 if it does not say.

    Raises:
        RefusedError: It is not a number.
    """
    if header is None:
        return 0
    if not header.isascii() or not header.isdecimal():
        msg = "The header 'Content-Length' must be a number."
        raise bad_request(msg)
    return int(header)


def _digest(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "replace"), digest_size=32).digest()


def _no_key(*, given: bool) -> RefusedError:
    told = "This key is not known here." if given else "A key is needed."
    msg = f"{told} Send one that this gateway was given, as 'Authorization: Bearer KEY'."
    headers = {"www-authenticate": "Bearer"}
    return RefusedError(HTTPStatus.UNAUTHORIZED, msg, code="invalid_api_key", headers=headers)


def _too_often(most: int, seconds: float) -> RefusedError:
    refused = busy(f"More than {most} requests in a minute.", seconds, "rate_limit_exceeded")
    refused.status = HTTPStatus.TOO_MANY_REQUESTS
    return refused
