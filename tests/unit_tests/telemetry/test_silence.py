"""No content in anything that is told; and nothing at all unless it was asked for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from langchain_intercascade import Config, ConfigurationError, StrongModelError
from langchain_intercascade.telemetry.otel import OpenTelemetry
from langchain_intercascade.telemetry.runs import Open, Runs
from langchain_intercascade.testing import Reply
from tests.cascades import ADVICE, SURE, Host, cascade_of, strong_model, weak_model
from tests.unit_tests.telemetry.conftest import Told

CANARY = "heliotrope"
ASKED = [SystemMessage(f"Speak of {CANARY}-system."), HumanMessage(f"What is {CANARY}-query?")]
ADVISED = json.dumps(
    {**json.loads(ADVICE), "title": f"Treating of {CANARY}", "when_to_use": f"Of {CANARY}"}
)


def test_no_content_is_told(host: Host, told: Told) -> None:
    """Not of queries, answers, strategies, errors or names that a service made up."""
    weak = weak_model(
        Reply(f"{CANARY}-weak", logprob=-2.0),
        Reply(f"{CANARY}-weak", logprob=SURE),
        Reply(f"{CANARY}-weak", finish_reason=f"stop after {CANARY} " * 9),
        ConnectionError(f"could not send {CANARY}-query"),
    )
    strong = strong_model(
        *(f"{CANARY}-strong" for _ in range(4)),
        TimeoutError(f"no answer to {CANARY}-query"),
        advice=ADVISED,
    )
    with cascade_of(weak, strong, telemetry=told.telemetry(), audit_rate=1.0) as cascade:
        for _ in range(4):
            host.ask(cascade, ASKED)
            cascade.flush()
        with pytest.raises(StrongModelError):
            host.ask(cascade, ASKED)
        cascade.recover()
        cascade.flush()
        taught = [s.advice.title for s in cascade.repository.scan(tenant="default") if s.advice]
    everything = told.everything()

    assert any(CANARY in title for title in taught)
    assert "ConnectionError" in everything
    assert len(told.spans("audit")) >= 1
    assert CANARY not in everything
    assert all(span.events == () for span in told.spans())


def test_telemetry_is_not_even_imported_unless_asked_for() -> None:
    code = (
        "import json, sys\n"
        "from langchain_intercascade.testing import ScriptedChatModel as Model\n"
        "from langchain_intercascade import InterCascade\n"
        "weak, strong = Model(replies=['four']), Model(replies=['4'])\n"
        "with InterCascade(weak=weak, strong=strong) as cascade:\n"
        "    cascade.invoke('What is 2 + 2?')\n"
        "print(json.dumps([name for name in sys.modules if 'telemetry' in name]))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = [name for name in json.loads(run.stdout) if name.startswith("langchain_intercascade")]

    assert set(ours) <= {
        "langchain_intercascade.telemetry",
        "langchain_intercascade.telemetry.observer",
    }


def span(number: int) -> NonRecordingSpan:
    return NonRecordingSpan(SpanContext(number, number, is_remote=False, trace_flags=TraceFlags(1)))


def test_runs_that_never_end_do_not_pile_up() -> None:
    """A graph that is interrupted for good leaves its run open; the first ones are given up."""
    runs = Runs(limit=2, remembered=3)
    for number in range(1, 6):
        runs.begin(f"run {number}", Open(span(number)))

    assert [runs.end(f"run {number}") is None for number in range(1, 6)] == [
        *(True, True, True),
        *(False, False),
    ]
    linked = [[link.context.span_id for link in runs.links(f"run {n}")] for n in range(1, 6)]
    assert linked == [[], [], [3], [4], [5]]


def test_a_node_of_a_run_that_began_elsewhere_stands_alone() -> None:
    """As after a graph was resumed by another process."""
    runs = Runs()

    assert runs.within("unknown") is None
    assert runs.links("unknown") == []
    assert runs.end("unknown") is None


def test_a_configuration_can_ask_for_telemetry() -> None:
    """It tells the global providers; nothing is set up here, so nobody hears."""
    models = {"weak": "simulated", "strong": "simulated"}
    silent = Config.load(environment={}, **models)
    watched = Config.load(environment={"INTERCASCADE_TELEMETRY": "opentelemetry"}, **models)

    assert "telemetry" not in silent.arguments()
    assert isinstance(watched.arguments()["telemetry"], OpenTelemetry)


def test_telemetry_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_intercascade.telemetry.otel", None)
    config = Config.load(
        environment={}, weak="simulated", strong="simulated", telemetry="opentelemetry"
    )

    with pytest.raises(ConfigurationError, match=r"telemetry.*langchain-intercascade\[otel\]"):
        config.arguments()
