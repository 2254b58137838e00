"""The wire of the stub server: requests in, answers and events out, over HTTP/1.1."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from langchain_intercascade.testing.stub.book import Behaviour, Book, Fault, Recorded
from langchain_intercascade.testing.stub.completion import Completion, check, complete
from langchain_intercascade.testing.stub.embeddings import embeddings_body
from langchain_intercascade.testing.stub.errors import RequestError, bad_request
from langchain_intercascade.testing.stub.reply import StubReply, default_reply

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class _Job:
    """A request, and all there is to know for answering it."""

    recorded: Recorded
    behaviour: Behaviour
    fault: Fault

    @property
    def request(self) -> dict[str, Any]:
        return self.recorded.body

    @property
    def streamed(self) -> bool:
        return self.recorded.path == CHAT and bool(self.request.get("stream"))


class _Sent(NamedTuple):
    """An event as it is sent."""

    data: str
    tokens: int


class StubHandler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    # Events are small; with Nagle's algorithm each would wait for the client's acknowledgement.
    disable_nagle_algorithm = True

    def __init__(self, book: Book, *connection: Any) -> None:
        """Serve one connection by what stands in the book, until either side closes it."""
        self.book = book
        super().__init__(*connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the log is `StubServer.requests`."""

    def do_GET(self) -> None:
        """Answer `/v1/models`."""
        with self._errors_sent():
            if self.path != "/v1/models":
                raise self._no_such_path()
            models = [
                {"id": name, "object": "model", "created": 0, "owned_by": "stub"}
                for name in self.book.models()
            ]
            self._send_json(HTTPStatus.OK, {"object": "list", "data": models})

    def do_POST(self) -> None:
        """Answer a chat completion or an embeddings request."""
        with self._errors_sent():
            # Read in any case: what is left unread would be taken for the next request.
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path not in {CHAT, EMBEDDINGS}:
                raise self._no_such_path()
            recorded = Recorded(path=self.path, body=_parsed(raw), model="")
            recorded.model = str(recorded.body.get("model"))
            self.book.record(recorded)
            with _watched(recorded), self._errors_sent(recorded):
                self._answer(recorded)

    def _answer(self, recorded: Recorded) -> None:
        """Send what is due: the next fault, or else an answer."""
        behaviour = self.book.behaviour(recorded.model)
        recorded.fault = self.book.next_fault(recorded.model)
        job = _Job(recorded, behaviour, recorded.fault or Fault())
        self._pause(behaviour.delay)
        self._suffer(job)
        if recorded.path == EMBEDDINGS:
            self._send_embeddings(job)
        else:
            self._send_chat(job)

    def _suffer(self, job: _Job) -> None:
        """Go through the part of a fault that comes before the answer."""
        self._pause(0.0 if job.fault.hang_after else job.fault.hang)
        if job.fault.status is not None:
            after = job.fault.retry_after
            headers = {} if after is None else {"Retry-After": f"{after:g}"}
            raise RequestError(job.fault.status, job.fault.message, headers=headers)

    def _send_embeddings(self, job: _Job) -> None:
        """Answer an embeddings request."""
        body = embeddings_body(job.request, self.book.dimensions)
        job.recorded.input_tokens = body["usage"]["prompt_tokens"]
        self._send_whole(job, body)

    def _send_chat(self, job: _Job) -> None:
        """Answer a chat completion request, whole or as a stream."""
        check(job.request)
        reply = job.behaviour.respond(job.request)
        if isinstance(reply, Fault):
            job.recorded.fault = reply
            job = _Job(job.recorded, job.behaviour, reply)
            self._suffer(job)
            reply = default_reply(job.request)
        reply = StubReply(reply) if isinstance(reply, str) else reply
        completion = complete(job.request, reply, job.behaviour.logprob)
        job.recorded.input_tokens = completion.counted[0]
        if job.streamed:
            self._send_stream(job, completion)
        else:
            job.recorded.output_tokens = completion.counted[1]
            self._send_whole(job, completion.body())

    def _send_whole(self, job: _Job, body: Mapping[str, Any]) -> None:
        """Send an answer in one piece, unless a fault replaces or cuts it."""
        content = json.dumps(body).encode() if job.fault.body is None else job.fault.body.encode()
        job.recorded.status = HTTPStatus.OK
        # The head promises all of it either way.
        self._send_head(HTTPStatus.OK, {"Content-Length": str(len(content))})
        if job.fault.cut_after is not None:
            content, self.close_connection = content[: len(content) // 2], True
        self.wfile.write(content)

    def _send_stream(self, job: _Job, completion: Completion) -> None:
        """Send an answer event by event, stopping when a fault says so or the client leaves."""
        job.recorded.status = HTTPStatus.OK
        head = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        self._send_head(HTTPStatus.OK, head)
        events = _events(job, completion)
        kept = events[: job.fault.cut_after]
        for sent, event in enumerate(kept):
            hang = job.fault.hang if sent and sent == job.fault.hang_after else 0.0
            self._pause(hang + job.behaviour.chunk_delay + job.fault.chunk_delay)
            job.recorded.output_tokens += event.tokens
            self._send_event(event, last=event is events[-1])
        # Closed before the empty chunk that ends a response, the client sees a broken one.
        self.close_connection = self.close_connection or len(kept) < len(events)

    def _send_event(self, event: _Sent, *, last: bool) -> None:
        """Send one server-sent event, as one chunk of the response."""
        content = f"data: {event.data}\n\n".encode() if event.data else b""
        chunk = b"%x\r\n%b\r\n" % (len(content), content) if content else b""
        # Clients hang up at the last event, so the end has to travel with it.
        self.wfile.write(chunk + (b"0\r\n\r\n" if last else b""))

    def _send_json(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a JSON object."""
        content = json.dumps(body).encode()
        self._send_head(status, {"Content-Length": str(len(content)), **(headers or {})})
        self.wfile.write(content)

    def _send_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status and the headers."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _pause(self, seconds: float) -> None:
        """Wait, and find out whether the client is still there.

        Waiting is done by looking for the end of what the client sends, so that
        its leaving is noticed at once.  Even when there is nothing to wait for this
        is worth a look: writing to a closed connection succeeds the first time.

        Raises:
            ConnectionAbortedError: If the client closed the connection.
        """
        deadline = time.monotonic() + seconds
        self.connection.settimeout(seconds)
        try:
            ahead = self.connection.recv(1, socket.MSG_PEEK)
        except (TimeoutError, BlockingIOError):
            return
        finally:
            self.connection.settimeout(None)
        if not ahead:
            raise ConnectionAbortedError
        # The client sent its next request ahead of time, so there is nothing to look for.
        time.sleep(max(0.0, deadline - time.monotonic()))

    def _no_such_path(self) -> RequestError:
        """Return the error for a path that this server does not have."""
        message = f"Unknown request URL: {self.command} {self.path}. Paths start with /v1."
        return RequestError(HTTPStatus.NOT_FOUND, message)

    @contextlib.contextmanager
    def _errors_sent(self, recorded: Recorded | None = None) -> Iterator[None]:
        """Answer with an error when something is wrong, with the request or with a test's code."""
        try:
            yield
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever `respond` raises, the client is told
            failure = error if isinstance(error, RequestError) else _own_failure(error)
            if recorded:
                recorded.status = failure.status
            self._send_json(failure.status, failure.body, failure.headers)


@contextlib.contextmanager
def _watched(recorded: Recorded) -> Iterator[None]:
    """Note how a request ends."""
    try:
        yield
    except ConnectionError:
        recorded.aborted = True
        raise
    finally:
        recorded.finished.set()


def _events(job: _Job, completion: Completion) -> list[_Sent]:
    """Return the events to send: those of the answer, or the one that a fault puts in its place."""
    if job.fault.body is not None:
        return [_Sent(job.fault.body, 0)]
    options = job.request.get("stream_options") or {}
    events = completion.events(include_usage=bool(options.get("include_usage")))
    # Scripted usage need not equal what the events carry; the bill does equal it in the end.
    rest = completion.counted[1] - sum(event.tokens for event in events)
    return [
        *(_Sent(json.dumps(event.payload), event.tokens) for event in events),
        _Sent(DONE, rest),
    ]


def _parsed(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a request has for a body."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        message = f"We could not parse the JSON body of your request: {error}."
        raise bad_request(message) from error
    if not isinstance(body, dict):
        message = f"The body must be a JSON object, not {body!r}."
        raise bad_request(message)
    return body


def _own_failure(error: Exception) -> RequestError:
    """Return the error for a failure of the code that should have answered.

    Clients retry a 500; this one would fail again, so they are told not to.
    """
    message = f"the stub could not answer: {error!r}"
    headers = {"x-should-retry": "false"}
    return RequestError(HTTPStatus.INTERNAL_SERVER_ERROR, message, headers=headers)
