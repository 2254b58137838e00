"""A gateway on a free port of this machine, for as long as a `with` block lasts."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from langchain_intercascade import InterCascade
from langchain_intercascade.config.tables import Limits
from langchain_intercascade.serve.door import Keys
from langchain_intercascade.serve.gateway import Gateway
from langchain_intercascade.serve.server import GatewayServer, listening
from tests.cascades import cascade_of

QUESTION: list[Any] = [{"role": "user", "content": "CANARY question: two and three?"}]


@dataclass(frozen=True)
class Served:
    """A gateway that is being served."""

    gateway: Gateway
    cascade: InterCascade
    server: GatewayServer
    address: str
    http: httpx.Client

    @property
    def base_url(self) -> str:
        """What OpenAI's clients take as their base URL."""
        return f"{self.address}/v1"

    def post(self, path: str, body: Any, key: str = "any") -> httpx.Response:
        """Send JSON, and return what comes back."""
        return self.http.post(path, json=body, headers=bearer(key))

    def get(self, path: str, key: str = "any") -> httpx.Response:
        """Ask for something."""
        return self.http.get(path, headers=bearer(key))

    def ask(self, key: str = "any", **body: Any) -> httpx.Response:
        """Ask for a completion."""
        told = {"model": "intercascade", "messages": QUESTION} | body
        return self.post("/v1/chat/completions", told, key)


@contextmanager
def served(
    cascade: InterCascade | None = None, keys: Mapping[str, str] | None = None, **limits: Any
) -> Iterator[Served]:
    """Serve `cascade`, or one of scripted models that is unsure, and close both at the end."""
    with cascade or cascade_of() as answering, listening("127.0.0.1", 0) as place:
        gateway = Gateway(
            answering, keys=Keys(keys or {}, otherwise="default"), limits=Limits(**limits)
        )
        server = GatewayServer(gateway)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        address = f"http://127.0.0.1:{place.getsockname()[1]}"
        # A context of its own: reading the system's certificates takes longer than a test.
        with httpx.Client(base_url=address, timeout=20, verify=NO_CERTIFICATES) as http:
            try:
                # The socket listens already: a request waits until somebody accepts it.
                http.get("/healthz").raise_for_status()
                yield Served(gateway, answering, server, address, http)
            finally:
                server.should_exit = True
                thread.join(20)


def bearer(key: str) -> dict[str, str]:
    """Return the header in which a key is sent; none for no key."""
    return {"authorization": f"Bearer {key}"} if key else {}


NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
