"""An OpenAI-compatible server on the loopback interface, for tests of everything above the wire.

Chat models and embeddings of the real client libraries talk to it as they would
to a provider: over HTTP, with streams, tools, structured output, log-probabilities
and the errors that a provider sends on a bad day.

    with StubServer() as server:
        server.model("weak", lambda request: "4", logprob=-0.02)
        server.fail("weak", Fault(status=429, retry_after=0.01))
        ChatOpenAI(base_url=server.base_url, api_key="any", model="weak").invoke("2 + 2?")
        assert server.calls("weak") == 2

By hand, `python -m langchain_intercascade.testing.stub.server --port 8000` serves
the models `weak`, `strong` and `embedding` until it is interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import socket
import socketserver
import sys
import threading
from collections.abc import Sequence
from http.server import ThreadingHTTPServer
from typing import Any, Self

from langchain_intercascade.testing.stub.book import (
    EMPTY_BODY,
    MALFORMED_JSON,
    Behaviour,
    Book,
    Fault,
    Recorded,
    Respond,
    Trouble,
    Usage,
)
from langchain_intercascade.testing.stub.http import StubHandler
from langchain_intercascade.testing.stub.reply import StubReply, default_reply

__all__ = [
    "EMPTY_BODY",
    "MALFORMED_JSON",
    "Behaviour",
    "Fault",
    "Recorded",
    "Respond",
    "StubReply",
    "StubServer",
    "Trouble",
    "Usage",
    "default_reply",
    "main",
]


class _Listener(ThreadingHTTPServer):
    """The listening socket, which can also hang up on everybody."""

    # A test may well open a hundred connections at once; the default backlog of 5 would
    # make some of them wait a second for the kernel to try again.
    request_queue_size = 256

    def __init__(self, port: int, book: Book) -> None:
        """Listen on `port`; 0 lets the system choose a free one."""
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", port), functools.partial(StubHandler, book))

    def server_bind(self) -> None:
        """Bind without asking for the host's name, which may take seconds without a network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Keep track of a new connection."""
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that is done."""
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def hang_up(self, timeout: float = 5.0) -> None:
        """Close all connections and wait for their threads to notice.

        Threads of kept-alive connections wait for the next request; closing the
        listening socket alone would leave them there.
        """
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, timeout)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what went wrong, except that a client left: clients may."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class StubServer:
    """Models behind an OpenAI-compatible address, for as long as a `with` block lasts.

    It starts with the models `weak`, `strong` and `embedding`, which answer anything
    plausibly.  All methods may be called while requests are being served.
    """

    def __init__(self, *, port: int = 0, dimensions: int = 64) -> None:
        """Prepare a server; it listens once it is started.

        Args:
            port: Where to listen; 0 lets the system choose a free port.
            dimensions: Length of the vectors that the embeddings endpoint returns.
        """
        self._port = port
        self._book = Book(dimensions)
        self._listener: _Listener | None = None
        for name in ("weak", "strong", "embedding"):
            self.model(name)

    def __enter__(self) -> Self:
        """Start listening."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.close()

    def start(self) -> None:
        """Listen, and serve from a thread of its own."""
        self._listener = _Listener(self._port, self._book)
        # The interval only bounds how long closing takes.
        serve = functools.partial(self._listener.serve_forever, poll_interval=0.01)
        threading.Thread(target=serve, name="stub-server", daemon=True).start()

    def close(self) -> None:
        """Stop listening and close all connections; requests under way count as aborted."""
        if self._listener:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener.hang_up()
            self._listener = None

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        if self._listener is None:
            message = "the stub server is not running: use it in a `with` block, or call start()"
            raise RuntimeError(message)
        return self._listener.server_port

    @property
    def base_url(self) -> str:
        """What OpenAI clients take as their base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def model(
        self,
        name: str,
        respond: Respond = default_reply,
        *,
        logprob: float | None = -0.1,
        delay: float = 0.0,
        chunk_delay: float = 0.0,
        trouble: Trouble | None = None,
    ) -> None:
        """Add a model, or change how one behaves from now on; see `Behaviour`."""
        behaviour = Behaviour(
            respond=respond,
            logprob=logprob,
            delay=delay,
            chunk_delay=chunk_delay,
            trouble=trouble,
        )
        self._book.set_behaviour(name, behaviour)

    def fail(self, name: str, *faults: Fault) -> None:
        """Make the next requests to a model go wrong, one fault each.

        Clients retry by themselves: with two retries, three faults make one failure.
        For faults that strike again and again see `Trouble`.
        """
        self._book.add_faults(name, faults)

    @property
    def requests(self) -> list[Recorded]:
        """The requests so far, in the order they came, those for unknown models included."""
        return self._book.requests()

    def calls(self, model: str | None = None) -> int:
        """Return how many requests there were, to one model or to all; retries count."""
        return len(self._book.requests(model))

    def tokens(self, model: str | None = None) -> Usage:
        """Return the tokens a provider would bill, for one model or for all.

        For complete answers that is the usage they state.  Prompts of failed requests
        cost nothing; a stream that was left costs what had been sent by then.
        """
        requests = self._book.requests(model)
        return Usage(
            sum(one.input_tokens for one in requests), sum(one.output_tokens for one in requests)
        )

    def settle(self, timeout: float = 5.0, *, at_least: int = 0) -> None:
        """Wait until the server is through with all requests so far.

        A client that leaves does not wait to see whether the server noticed; a test must.

        Args:
            timeout: How many seconds to wait.
            at_least: Wait for so many requests to come first: a client that left early may
                have done so before the server got to read what it wanted.

        Raises:
            TimeoutError: If it takes longer than `timeout`.
        """
        self._book.settle(timeout, at_least)

    def reset(self) -> None:
        """Forget requests and faults; models stay as they are."""
        self._book.reset()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted, after printing the base URL."""
    parser = argparse.ArgumentParser(description="Serve stub models over the OpenAI protocol.")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes any free port")
    port = parser.parse_args(arguments).port
    with contextlib.suppress(KeyboardInterrupt), StubServer(port=port) as server:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
