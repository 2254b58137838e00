"""Nothing that is stored, imported or taught makes the package open a connection or a file."""

from __future__ import annotations

import builtins
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.messages import HumanMessage

from langchain_intercascade import EdgeRepository
from langchain_intercascade.equipment import misfit
from langchain_intercascade.repository import custody
from langchain_intercascade.strategy import Advice, Example, Origin
from langchain_intercascade.testing import Reply
from tests.cascades import Host, cascade_of, strong_model, weak_model
from tests.unit_tests.repository.stock import strategy

URLS: Final = (
    "http://169.254.169.254/latest/meta-data/",
    "https://127.0.0.1:9/steal?x={query}",
    "file:///etc/passwd",
    "ftp://example.org/a",
    "![a](https://example.org/pixel.png)",
    "<img src='http://example.org/pixel.png'>",
    "\\\\example.org\\share",
)
TOLD: Final = " ".join(URLS)[:390]
HOSTILE: Final = Advice(
    title=TOLD[:150], when_to_use=TOLD, when_not_to_use=TOLD, steps=URLS, pitfalls=URLS[:4]
)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every attempt to resolve a name, to connect, or to open what a URL names."""
    seen: list[str] = []
    opened = builtins.open

    def refuse(*args: Any, **_: Any) -> Any:
        seen.append(str(args[1:] or args))
        msg = "refused by the test"
        raise OSError(msg)

    def watched(file: Any, *args: Any, **kwargs: Any) -> Any:
        if "etc/passwd" in str(file) or "example.org" in str(file):
            seen.append(str(file))
        return opened(file, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    yield seen
    assert [] == seen


def test_an_attempt_would_be_seen(attempts: list[str]) -> None:
    """The trap itself works."""
    with pytest.raises(OSError, match="refused by the test"):
        socket.create_connection(("127.0.0.1", 9), 0.1)
    with pytest.raises(FileNotFoundError):
        Path("/nowhere/example.org").read_text("utf-8")

    assert 2 == len(attempts)
    attempts.clear()


@pytest.mark.usefixtures("attempts")
def test_addresses_in_strategies_are_words(host: Host) -> None:
    """They are shown as they stand, learned from and merged, and never followed."""
    example = Example(query=TOLD, answer=TOLD)
    hostile = strategy(
        f"pears {TOLD}",
        tenant="default",
        advice=HOSTILE,
        example=example,
        origin=Origin(run_id=URLS[0], strong_model=URLS[1], prompt_version=1, source=URLS[2]),
    )
    weak = weak_model(Reply(TOLD, logprob=-2.0))
    strong = strong_model(Reply(TOLD), advice=json.dumps(HOSTILE.model_dump(mode="json")))
    with (
        EdgeRepository() as repository,
        cascade_of(
            weak, strong, repository=repository, min_similarity=0.0, faithful=True
        ) as cascade,
    ):
        repository.put(hostile)
        _, record = host.ask(cascade, f"pears {TOLD}?")
        picture = {"type": "image_url", "image_url": {"url": URLS[0]}}
        host.ask(cascade, [HumanMessage([{"type": "text", "text": "pears"}, picture])])

    assert [each["id"] for each in record["strategies"]] == [hostile.id]
    assert URLS[0] in weak.calls[0][-1].text


@pytest.mark.usefixtures("attempts")
def test_addresses_in_imported_files_are_words(tmp_path: Path) -> None:
    """Whatever the file calls itself, its tenant, its encoder."""
    file = tmp_path / "strategies.jsonl"
    with EdgeRepository() as there, EdgeRepository() as here:
        there.put(strategy(TOLD, tenant=URLS[0], advice=HOSTILE))
        custody.export_strategies(there, file, tenant=URLS[0])
        done = custody.import_strategies(here, file, tenant="acme")
        (found,) = here.scan(tenant="acme")

    assert (1, HOSTILE) == (done.written, found.advice)


@pytest.mark.usefixtures("attempts")
@pytest.mark.parametrize("url", [URLS[0], URLS[1], URLS[2]])
def test_addresses_in_schemas_are_not_followed(url: str) -> None:
    """A schema that refers to another document fits nothing, or is refused."""
    schema = {"type": "object", "properties": {"a": {"$ref": url}}, "$schema": url}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    answer = weak_model(Reply("", tool_calls=[{"name": "f", "args": {"a": 1}}])).invoke("x")

    with pytest.raises(ValueError, match="not valid JSON schema"):
        misfit(answer, {"tools": tools})
