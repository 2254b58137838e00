"""Nobody is cut off who has come in, nobody waits for whom nobody waits, and no lesson is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import langchain_intercascade.serve
from langchain_intercascade import (
    ConfigurationError,
    EdgeRepository,
    InterCascade,
    RepositoryLockedError,
    State,
)
from langchain_intercascade.cli.serve import serve as command
from langchain_intercascade.config.config import Config
from langchain_intercascade.serve.server import serve
from langchain_intercascade.testing import Reply, ScriptedChatModel, problems
from tests.cascades import ADVICE, cascade_of, is_distil_prompt
from tests.integration_tests.serve.serving import NO_CERTIFICATES, QUESTION, Served, served

BODY: dict[str, Any] = {"model": "intercascade", "messages": QUESTION}


class Held:
    """A strong model that holds its answer back until it is told to go on."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.reached = threading.Event()
        self.model = ScriptedChatModel(respond=self._respond, model_name="strong-model")
        self._reply = reply or Reply("They have five pears.", delay=0.5)

    def _respond(self, _: Any) -> Reply:
        self.reached.set()
        return self._reply


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until `condition` holds, for some seconds at most; say whether it does."""
    until = time.monotonic() + 20
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


@contextmanager
def asking(gateway: Served, **body: Any) -> Iterator[Future[httpx.Response]]:
    """Ask from a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(gateway.ask, **body)


ENDLESS = Reply("one two three four", delay=100)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_cancels_the_run(*, stream: bool) -> None:
    """Before anything has come; the model's call is cancelled, and the place is free again."""
    held = Held(ENDLESS)
    with served(cascade_of(strong=held.model, learning="off")) as gateway:
        with pytest.raises(httpx.ReadTimeout):
            gateway.http.post("/v1/chat/completions", json=BODY | {"stream": stream}, timeout=2)

        assert eventually(lambda: held.model.cancelled == 1)
        assert eventually(lambda: gateway.gateway.room.inside == 0)
        assert 'status="499"' in gateway.get("/metrics").text


def test_a_client_that_leaves_in_the_middle_of_a_stream_closes_it() -> None:
    held = Held(Reply("one " * 400, delay=100))
    with served(cascade_of(strong=held.model, learning="off")) as gateway:
        body = BODY | {"stream": True}
        with gateway.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = answer.iter_lines()
            first = next(line for line in lines if '"content":"one"' in line)

        assert first
        assert answer.headers["x-intercascade-route"] == "strong"
        assert eventually(lambda: held.model.cancelled == 1)
        assert eventually(lambda: gateway.gateway.room.inside == 0)


def test_whoever_finds_no_room_may_come_again() -> None:
    held = Held()
    with (
        served(cascade_of(strong=held.model, learning="off"), concurrent=1) as gateway,
        asking(gateway) as first,
    ):
        held.reached.wait(10)
        second = gateway.ask()

        assert (second.status_code, second.headers["retry-after"]) == (503, "1")
        assert first.result().status_code == 200
        assert gateway.ask().status_code == 200


def test_closing_lets_those_inside_finish_and_nobody_new_in() -> None:
    held = Held()
    with served(cascade_of(strong=held.model, learning="off")) as gateway:
        with asking(gateway, stream=True) as inside:
            held.reached.wait(10)
            gateway.server.handle_exit(signal.SIGTERM, None)
            late, ready = gateway.ask(), gateway.get("/readyz")

        assert (late.status_code, late.json()["error"]["code"]) == (503, "shutting_down")
        assert ready.status_code == 503
        assert inside.result().status_code == 200
        assert inside.result().text.endswith("data: [DONE]\n\n")
        assert eventually(lambda: gateway.server.should_exit)


def test_whoever_does_not_finish_in_time_is_cut_off() -> None:
    held = Held(ENDLESS)
    cascade = cascade_of(strong=held.model, learning="off")
    with served(cascade, drain_seconds=0) as gateway, asking(gateway) as inside:
        held.reached.wait(10)
        gateway.server.handle_exit(signal.SIGTERM, None)

        assert inside.result().status_code == 503
        assert eventually(lambda: held.model.cancelled == 1)


CONFIG = """
weak = "simulated"
strong = "simulated"
threshold = 0.99
[repository]
path = "strategies"
"""


def test_the_command_serves_stops_at_sigterm_and_keeps_the_lesson(tmp_path: Path) -> None:
    """From the file to the repository: what was deferred is learned before the process ends."""
    file = tmp_path / "cascade.toml"
    file.write_text(CONFIG, "utf-8")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "SERVE_KEY": "secret"}
    run = [sys.executable, "-m", "langchain_intercascade", "serve", "--config", str(file)]
    process = subprocess.Popen(
        [*run, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    with process:
        told = process.stdout.readline() if process.stdout else ""
        address = told.split()[2]
        question = problems(3, 1)[0].text
        body = {"model": "intercascade", "messages": [{"role": "user", "content": question}]}
        answer = httpx.post(f"{address}/chat/completions", json=body, timeout=40)
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read() if process.stdout else ""
        code = process.wait(40)

    assert answer.json()["inter_cascade"]["route"] == "strong"
    assert (code, rest) == (0, "")
    with EdgeRepository(tmp_path / "strategies") as repository:
        assert repository.count(tenant="default", states=[State.ACTIVE]) == 1


class SlowToLearn(Config):
    """A configuration of scripted models, the strong one of which takes its time to distil."""

    def cascade(self, **_: Any) -> InterCascade:
        def respond(messages: list[Any]) -> Reply:
            distil = is_distil_prompt(messages)
            return Reply(ADVICE, delay=0.3) if distil else Reply("They have five pears.")

        strong = ScriptedChatModel(respond=respond, model_name="strong-model")
        return cascade_of(strong=strong, learning="background", repository=REPOSITORIES[-1])


REPOSITORIES: list[EdgeRepository] = []
"""Where it learns."""


def ask_and_stop(address: str) -> None:
    """Ask, and stop the process that has answered; it knows how to take that."""
    with httpx.Client(base_url=address, timeout=20, verify=NO_CERTIFICATES) as http:
        for number in range(8):
            asked = [{"role": "user", "content": f"{number} and three pears?"}]
            http.post("/v1/chat/completions", json=BODY | {"messages": asked})
    os.kill(os.getpid(), signal.SIGTERM)


def test_lessons_that_wait_are_learned_before_the_end() -> None:
    config = SlowToLearn.load(
        environment={}, weak="simulated", strong="simulated", serve={"port": 0}
    )
    with EdgeRepository() as repository, ThreadPoolExecutor(1) as thread:
        REPOSITORIES.append(repository)
        left = serve(config, ready=lambda address: thread.submit(ask_and_stop, address))
        pending = repository.count(tenant="default", states=[State.PENDING])
        learned = repository.count(tenant="default", states=[State.ACTIVE])

    assert (left, pending) == (0, 0)
    assert learned


def config_of(**given: Any) -> Config:
    """A configuration of simulated models."""
    return Config.load(environment={}, weak="simulated", strong="simulated", **given)


def nobody(_: str) -> None:
    """Stand in for somebody who is told the address."""
    raise AssertionError


def test_it_does_not_open_to_others_without_a_key() -> None:
    with pytest.raises(ConfigurationError, match="there is no key"):
        serve(config_of(serve={"host": "0.0.0.0", "port": 0}), ready=nobody)  # noqa: S104 - refused


def test_a_port_that_is_taken_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match="--port"):
            serve(config_of(serve={"port": port}), ready=nobody)


def test_a_folder_that_another_process_owns_stops_it_at_the_start(tmp_path: Path) -> None:
    with EdgeRepository(tmp_path) as owner:
        owner.count(tenant="default")
        with pytest.raises(RepositoryLockedError):
            serve(config_of(repository={"path": str(tmp_path)}, serve={"port": 0}), ready=nobody)


def test_the_command_names_the_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERCASCADE_WEAK", "simulated")
    monkeypatch.setenv("INTERCASCADE_STRONG", "simulated")
    monkeypatch.setitem(sys.modules, "langchain_intercascade.serve.server", None)
    monkeypatch.delattr(langchain_intercascade.serve, "server")

    with pytest.raises(ConfigurationError, match=r"langchain-intercascade\[serve\]"):
        command(config=None)
