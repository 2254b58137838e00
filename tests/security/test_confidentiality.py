"""Whatever goes wrong, no prompt, answer or key gets into logs, errors or records."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, Final

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.tracers.context import tracing_v2_callback_var

from langchain_intercascade import (
    EdgeRepository,
    HashingEmbeddings,
    InterCascade,
    QdrantRepository,
)
from langchain_intercascade._steps import Fault
from langchain_intercascade.errors import InterCascadeError
from langchain_intercascade.testing import Reply, ScriptedChatModel
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from tests.cascades import (
    UNSURE,
    FlakyRepository,
    Host,
    cascade_of,
    strong_model,
    weak_model,
)
from tests.conftest import Colour
from tests.unit_tests.test_faults import StatusError

SECRET: Final = "zanzibar"  # noqa: S105 - what must not be told; it opens nothing
ASKED: Final = f"How many pears has {SECRET}, whose key is sk-{SECRET}1234567890?"


class Talkative(Exception):  # noqa: N818 - as clients' errors are called
    """An error that quotes what it was given, as clients' errors do."""

    def __init__(self) -> None:
        super().__init__(f"the request {ASKED!r} has failed")


def failing(*_: Any) -> Any:
    """Fail, and quote the query."""
    raise Talkative


class BrokenEncoder(Embeddings):
    """Fails once it is asked about a query."""

    def embed_query(self, text: str) -> list[float]:
        if SECRET in text:
            raise Talkative
        return HashingEmbeddings(64).embed_query(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def unsure(text: str, **options: Any) -> ScriptedChatModel:
    return weak_model(Reply(f"{text} {SECRET}", logprob=UNSURE, **options))


def sure_of(answer: str) -> ScriptedChatModel:
    return weak_model(Reply(answer, logprob=-0.01))


def made(
    weak: ScriptedChatModel | None = None, strong: ScriptedChatModel | None = None, **options: Any
) -> InterCascade:
    """A cascade over a repository that opens in no time, unless another is given."""
    return cascade_of(weak, strong, **({"repository": QdrantRepository(":memory:")} | options))


# What goes wrong, and the cascade in which it does.
FAULTS: Final[dict[str, Callable[[], InterCascade]]] = {
    "weak": lambda: made(weak_model(Talkative())),
    "weak, for ever": lambda: made(weak_model(StatusError(401, code=SECRET))),
    "weak, refused": lambda: made(unsure("no", finish_reason="content_filter")),
    "weak, cut off": lambda: made(unsure("five", finish_reason="length")),
    "weak, malformed call": lambda: made(
        weak_model(Reply("", tool_calls=[{"name": SECRET, "args": f"{{{SECRET}"}]))
    ),
    "strong": lambda: made(unsure("six"), strong_model(Talkative())),
    "strong, for ever": lambda: made(unsure("six"), strong_model(StatusError(401))),
    "strong, refused": lambda: made(
        unsure("six"), strong_model(Reply(SECRET, finish_reason="content_filter"))
    ),
    "strong, empty": lambda: made(unsure("six"), strong_model(Reply(""))),
    "strong, degraded": lambda: made(
        weak_model("six"), strong_model(Talkative()), on_strong_error="weak"
    ),
    "both": lambda: made(weak_model(Talkative()), strong_model(Talkative())),
    "distiller": lambda: made(strong=strong_model(advice=Talkative())),
    "distiller, no JSON": lambda: made(strong=strong_model(advice=f"no, {SECRET}")),
    "distiller, malformed": lambda: made(
        strong=strong_model(advice=f'{{"title": "{SECRET}", "steps": ["{SECRET}", 3]}}')
    ),
    "distiller, leak": lambda: made(
        strong=strong_model(
            advice=f'{{"title": "t", "when_to_use": "w", "steps": ["sk-{SECRET}1234567890"]}}'
        )
    ),
    "search": lambda: made(repository=FlakyRepository("search", error=Talkative())),
    "put": lambda: made(repository=FlakyRepository("put", error=Talkative())),
    "put active": lambda: made(repository=FlakyRepository("put_active", error=Talkative())),
    "get": lambda: made(repository=FlakyRepository("get", error=Talkative())),
    "encoder": lambda: made(repository=EdgeRepository(embeddings=BrokenEncoder())),
    "confidence": lambda: made(confidence=failing),
    "confidence, text": lambda: made(confidence=lambda *_: SECRET),
    "verifier": lambda: made(verifier=failing),
    "agreement": lambda: made(agreement=failing, admission="replay"),
    "admission": lambda: made(admission=failing),
    "calibrating": lambda: made(threshold=None, target_risk=0.1, agreement=failing),
    "audit": lambda: made(sure_of("six"), strong_model(Talkative()), audit_rate=1.0),
    "budget": lambda: made(
        weak_model(Talkative()),
        prices=dict.fromkeys(("weak-model", "strong-model"), (1e6, 1e6)),
        budget=_penny(),
    ),
}


def _penny() -> Any:
    from langchain_intercascade import Budget  # noqa: PLC0415 - only one of the faults needs it

    return Budget(per_call=1e-9)


@pytest.fixture(params=["chat_model", "graph"])
def place(request: pytest.FixtureRequest, colours: list[Colour]) -> tuple[Host, str]:
    """One host in the one colour, learning at once; and the other in the other, learning later."""
    here = {"chat_model": (colours[0], "inline"), "graph": (colours[1], "background")}
    colour, learning = here[request.param]
    return Host(request.param, colour), learning


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_tells_what_was_asked(
    place: tuple[Host, str], fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the error, nor the record, nor anything in the log at its most talkative."""
    caplog.set_level(logging.DEBUG, logger="langchain_intercascade")
    assert [] == said_about(FAULTS[fault](), *place, caplog)


@pytest.mark.parametrize("fault", ["search", "audit"])
def test_a_fault_that_quotes_is_caught_at_it(
    place: tuple[Host, str],
    fault: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The trap itself works: were faults told in full, it would be seen."""
    caplog.set_level(logging.DEBUG, logger="langchain_intercascade")
    monkeypatch.setattr(Fault, "__str__", lambda self: str(self.error))

    assert [] != said_about(FAULTS[fault](), *place, caplog)


def said_about(
    cascade: InterCascade, host: Host, learning: str, caplog: pytest.LogCaptureFixture
) -> list[str]:
    """Ask, and return all that was said of it in which the secret is."""
    told: list[str] = []
    try:
        _, record = host.ask(cascade, ASKED, learning=learning)
        told.append(str(record))
    except InterCascadeError as error:
        told += [str(error), repr(error)]
    finally:
        cascade.flush(1)
        told += [str(cascade.learner_stats()), str(cascade.spending()), repr(cascade.repository)]
        cascade.close()
        cascade.repository.close()

    return [each for each in (*told, caplog.text) if SECRET in each]


@pytest.mark.parametrize("engine", [EdgeRepository, lambda: QdrantRepository(":memory:")])
def test_what_is_damaged_is_named_and_not_quoted(
    engine: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A line in the log says which strategy it was."""
    from langchain_intercascade._steps import run  # noqa: PLC0415 - only here
    from tests.unit_tests.repository.stock import strategy  # noqa: PLC0415

    with engine() as repository, caplog.at_level(logging.DEBUG):
        repository.put(strategy(ASKED))
        (point,) = (
            each for each in run(repository.dumping()) if each.payload.get("tenant") == "acme"
        )
        damaged = {**point.payload, "keys": SECRET, "support": SECRET}
        run(repository.loading([type(point)(point.id, point.vectors, damaged)]))

        assert [] == repository.scan(tenant="acme")
        assert point.payload["id"] in caplog.text
        assert SECRET not in caplog.text


def test_nothing_is_traced_unless_it_is_asked_for(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Using a cascade turns no tracer on, and sets no variable that does."""
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    seen: list[Any] = []

    def respond(_: Any) -> str:
        seen.append(tracing_v2_callback_var.get())
        return "six"

    weak = ScriptedChatModel(respond=respond)
    with cascade_of(weak, threshold=ALWAYS_DEFER) as cascade:
        host.ask(cascade, ASKED)

    assert [None] == seen[:1]
    assert before == dict(os.environ)
