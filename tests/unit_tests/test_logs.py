"""Logs can be searched by fields, and hold no content: neither in words nor in fields."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_intercascade import StrongModelError
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import ADVICE, FlakyRepository, Host, cascade_of, strong_model

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "langchain_intercascade"
PAGE = (ROOT / "docs/observability.md").read_text("utf-8")
OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

CANARY = "heliotrope"
ASKED = [SystemMessage(f"Speak of {CANARY}-system."), HumanMessage(f"What is {CANARY}-query?")]
ADVISED = json.dumps({**json.loads(ADVICE), "title": f"Treating of {CANARY}"})


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of a logger in the package, with the file that it is in."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"logger\.(debug|info|warning|error|exception|critical|log)",
                ast.unparse(node.func),
            ):
                yield file.name, node


def fields(call: ast.Call) -> dict[str, ast.expr]:
    """Return the fields that are written out in `extra`."""
    (extra,) = [each.value for each in call.keywords if each.arg == "extra"]
    assert isinstance(extra, ast.Dict)
    return {
        ast.literal_eval(key): value
        for key, value in zip(extra.keys, extra.values, strict=True)
        if key is not None
    }


def test_every_line_has_an_event_of_its_own_that_the_page_names() -> None:
    """And words that were written here, never made up of what is logged."""
    found = list(calls())
    events = [ast.literal_eval(fields(call)["event"]) for _, call in found]

    assert len(found) > 8
    assert all(isinstance(call.args[0], ast.Constant) for _, call in found)
    assert sorted(set(events)) == sorted(events)
    rows = re.findall(r"^\| (`.*?) \| (?:info|warning|error) \|", PAGE, re.MULTILINE)
    assert set(events) == {word for row in rows for word in re.findall(r"`(\w+)`", row)}


def test_no_line_tells_of_an_error_more_than_its_type() -> None:
    """A message or a traceback of somebody's client may quote a prompt."""
    for file, call in calls():
        assert "exception" not in ast.unparse(call.func), file
        assert "exc_info" not in {each.arg for each in call.keywords}, file


def test_no_content_is_logged(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """At any level, in any field, while everything goes wrong."""
    unsure, unscored = Reply(f"{CANARY}-weak", logprob=-2.0), Reply(f"{CANARY}-weak", logprob=None)
    down = Reply(error=ConnectionError(f"could not send {CANARY}-query"))
    now = unsure
    weak = ScriptedChatModel(respond=lambda _: now)
    strong = strong_model(
        *(f"{CANARY}-strong" for _ in range(11)),
        TimeoutError(f"no answer to {CANARY}-query"),
        advice=ADVISED,
    )

    def agreement(*_: str) -> bool:
        raise ValueError(CANARY)

    error = RuntimeError(f"cannot search {CANARY}-query")
    with (
        caplog.at_level(logging.DEBUG, logger="langchain_intercascade"),
        FlakyRepository(error=error) as repository,
        cascade_of(weak, strong, repository=repository, agreement=agreement) as cascade,
    ):
        for now in (unsure, *[unscored] * 5, *[down] * 5):
            repository.failing = {"search"} if now is down else set()
            host.ask(cascade, ASKED)
        with pytest.raises(StrongModelError):
            host.ask(cascade, ASKED)
    told = [each for each in caplog.records if each.name.startswith("langchain_intercascade")]
    events = {each.__dict__["event"] for each in told}

    assert {
        "agreement_failed",
        "breaker_opened",
        "confidence_missing",
        "run_answered",
        "run_failed",
    } <= events
    opened = {
        each.__dict__["breaker"]: each.__dict__["error"]
        for each in told
        if each.__dict__["event"] == "breaker_opened"
    }

    assert {"weak model": "ConnectionError", "repository": "RuntimeError"} == opened
    assert CANARY not in repr([vars(each) for each in told])
    assert all(each.exc_info is None for each in told)


def test_a_run_is_found_by_its_fields(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="langchain_intercascade"), cascade_of() as cascade:
        _, record = host.ask(cascade)
    (line,) = [each for each in caplog.records if getattr(each, "event", "") == "run_answered"]
    added = {name: value for name, value in vars(line).items() if name not in OWN}

    assert added == {
        "event": "run_answered",
        "run_id": record["run_id"],
        "route": "strong",
        "reason": "low_confidence",
    }


def test_the_page_shows_how_to_write_lines_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Its code runs as it stands, and each line is JSON with the fields in it."""
    (code,) = (b for b in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "AsJson" in b)
    logger = logging.getLogger("langchain_intercascade")
    before = logger.level
    try:
        exec(compile(code, "observability.md", "exec", dont_inherit=True), {})  # noqa: S102 - our own page
        with cascade_of() as cascade:
            cascade.invoke("What is 2 + 2?")
    finally:
        logger.handlers.clear()
        logger.setLevel(before)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert ["run_answered"] == [line["event"] for line in lines]
    assert lines[0]["route"] == "strong"
