"""`langgraph dev` serves the cascade: what Studio asks of a server works, and nothing blocks it.

The development server raises `BlockingError` in whatever blocks its event loop.  The cascade
survives many an error, so besides the server's log every decision record must be free of faults.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen
from uuid import uuid4

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from langchain_intercascade import Settings
from langchain_intercascade.parts import Nodes
from langchain_intercascade.testing import SimulatedWeak, StubServer
from langchain_intercascade.testing.stub.reply import StubReply
from tests.cascades import ADVICE, QUERY

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not (find_spec("langgraph_cli") and find_spec("langgraph_api")),
        reason="needs the extra [studio]",
    ),
]

ROOT: Final = Path(__file__).parents[2]
CLI: Final = (sys.executable, "-m", "langgraph_cli")
START: Final = 60.0
"""Seconds that the server may take to start; it takes two to six on two busy cores."""

GRAPH: Final = "inter_cascade"
SCHEMAS: Final = ("input_schema", "output_schema", "state_schema", "context_schema")
QUESTION: Final = (
    "Noor has 5 baskets. Each holds 19 pencils. Noor gives away 25 single pencils. How many "
    "pencils are left?"
)
SIBLING: Final = (
    "Yuki has 8 jars. Each holds 12 nuts. Yuki gives away 15 single nuts. How many nuts are left?"
)
GUESS: Final = "Perhaps"
"""How the simulated weak model begins an answer that it has no idea of, and no other."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncLangGraphClient]:
    """A client of one server for the module, on which the simulated pair answers."""
    with serving(tmp_path_factory.mktemp("simulated")) as found:
        yield found


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test has taught anything."""
    return f"tenant-{uuid4()}"


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[SyncLangGraphClient]:
    """Serve the graph of `langgraph.json` from `folder`, and see to it that nothing blocks."""
    port = free_port()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*CLI, "dev", "--config", str(ROOT / "langgraph.json"), *listening_on(port)],
            cwd=folder,  # where the server keeps its threads, and looks for an .env
            env=surroundings(INTERCASCADE_PATH=str(folder / "strategies"), **environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_it_answers(process, address, log)
        with get_sync_client(url=address, api_key=None) as found:
            yield found
    finally:
        process.kill()
        process.wait()
    assert "BlockingError" not in log.read_text("utf-8")


def listening_on(port: int) -> list[str]:
    return ["--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port)]


def surroundings(**more: str) -> dict[str, str]:
    """The environment of a server that asks nobody anything and knows no models."""
    inherited = {name: text for name, text in os.environ.items() if "INTERCASCADE_" not in name}
    silent = {
        "LANGSMITH_TRACING": "false",
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
        "LANGGRAPH_NO_VERSION_CHECK": "1",
    }
    return inherited | silent | {"PYTHONPATH": str(ROOT)} | more


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_it_answers(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(f"{address}/ok", timeout=5).close()  # noqa: S310 - an address of our own
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"The server did not start:\n{log.read_text('utf-8')}")


def said(question: str) -> dict[str, Any]:
    return {"messages": [{"role": "human", "content": question}]}


def answered(
    client: SyncLangGraphClient, question: str, *, assistant: str = GRAPH, **context: Any
) -> dict[str, Any]:
    """Ask once, outside of any thread; return what the graph gives back."""
    return sound(client.runs.wait(None, assistant, input=said(question), context=context or None))


def sound(result: object) -> dict[str, Any]:
    """Return what a run gave back, which must be free of faults survived."""
    assert isinstance(result, dict)
    assert [] == result["record"]["faults"]
    return result


def system_assistant(client: SyncLangGraphClient) -> dict[str, Any]:
    (found,) = client.assistants.search(graph_id=GRAPH, metadata={"created_by": "system"})
    return dict(found)


def test_the_configuration_is_valid() -> None:
    """By the command's own check."""
    done = subprocess.run(
        [*CLI, "validate", "--config", str(ROOT / "langgraph.json")],
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    assert "warning" not in done.stdout + done.stderr


def test_simulated_models_are_called_simulated(client: SyncLangGraphClient) -> None:
    """In the list of assistants, where everybody begins."""
    found = system_assistant(client)

    assert "inter_cascade (simulated)" == found["name"]
    assert "INTERCASCADE_WEAK" in found["description"]


def test_the_drawing_shows_the_six_nodes(client: SyncLangGraphClient) -> None:
    """With the names of the two ways out of the gate."""
    drawing = client.assistants.get_graph(system_assistant(client)["assistant_id"], xray=True)
    names = [node["id"] for node in drawing["nodes"]]
    ways = {edge["data"]: edge["target"] for edge in drawing["edges"] if "data" in edge}

    assert ["__start__", *Nodes._fields, "__end__"] == names
    assert {"accept": "__end__", "defer": "strong_generate"} == ways


def test_the_schemas_show_what_goes_in_and_out(client: SyncLangGraphClient) -> None:
    """Messages in, the answer and its record out, every setting described, no working parts."""
    found = client.assistants.get_schemas(system_assistant(client)["assistant_id"])
    parts = {name: dict(found[name] or {}).get("properties", {}) for name in SCHEMAS}

    assert {"messages"} == parts["input_schema"].keys()
    assert {"messages", "record"} == parts["output_schema"].keys() == parts["state_schema"].keys()
    assert list(Settings.model_fields) == list(parts["context_schema"])
    assert all(field["description"] for field in parts["context_schema"].values())


@pytest.mark.parametrize(
    "modes",
    [
        ["updates", "messages-tuple"],
        ["values", "updates", "messages", "events", "debug", "tasks", "checkpoints", "custom"],
    ],
    ids=["what Studio streams", "everything"],
)
def test_a_rejected_answer_is_in_no_stream(
    client: SyncLangGraphClient, tenant: str, modes: list[Any]
) -> None:
    """Nor in the thread's state or history, which hold the strong answer only."""
    thread = client.threads.create()["thread_id"]
    stream = client.runs.stream(
        thread, GRAPH, input=said(QUESTION), context={"tenant": tenant}, stream_mode=modes
    )
    parts = [(part.event, part.data) for part in stream]
    state = sound(client.threads.get_state(thread)["values"])
    history = client.threads.get_history(thread)
    updated = [name for event, data in parts if event == "updates" for name in data]

    assert SimulatedWeak().invoke(QUESTION).text.startswith(GUESS)
    assert GUESS not in json.dumps([parts, state, history])
    assert list(Nodes._fields) == updated
    assert ("strong", "stored") == (state["record"]["route"], state["record"]["lesson"]["state"])
    assert "The answer is 70." in state["messages"][-1]["content"]


def test_the_strong_answer_arrives_in_tokens(client: SyncLangGraphClient, tenant: str) -> None:
    """From the node that writes it, each once."""
    stream = client.runs.stream(
        None, GRAPH, input=said(QUESTION), context={"tenant": tenant}, stream_mode="messages-tuple"
    )
    tokens = [part.data for part in stream if part.event == "messages"]
    text = "".join(chunk["content"] for chunk, _ in tokens)

    assert len(tokens) > 50
    assert {"strong_generate"} == {where["langgraph_node"] for _, where in tokens}
    assert 1 == text.count("The answer is 70.")


def test_the_next_turn_of_a_thread_is_answered_with_what_was_learned(
    client: SyncLangGraphClient, tenant: str
) -> None:
    """The conversation grows, and each turn has a record of its own."""
    thread = client.threads.create()["thread_id"]
    first, second = [
        sound(client.runs.wait(thread, GRAPH, input=said(question), context={"tenant": tenant}))
        for question in (QUESTION, SIBLING)
    ]

    assert ["human", "ai", "human", "ai"] == [each["type"] for each in second["messages"]]
    assert ["strong", "weak"] == [each["record"]["route"] for each in (first, second)]
    assert first["record"]["lesson"]["id"] == second["record"]["strategies"][0]["id"]


@pytest.mark.parametrize(("threshold", "route"), [(0, "weak"), ("always_defer", "strong")])
def test_an_assistants_threshold_decides_the_route(
    client: SyncLangGraphClient, tenant: str, threshold: object, route: str
) -> None:
    """Its settings hold for each of its runs."""
    settings: dict[str, Any] = {"threshold": threshold, "tenant": tenant, "learning": None}
    assistant = client.assistants.create(GRAPH, context=settings)
    record = answered(client, QUESTION, assistant=assistant["assistant_id"])["record"]

    assert (route, threshold, tenant) == (record["route"], record["threshold"], record["tenant"])


def test_a_run_may_be_told_otherwise(client: SyncLangGraphClient, tenant: str) -> None:
    """The settings of one run; what is learned in the background leaves the run at once."""
    weak = answered(client, QUESTION, tenant=tenant, force="weak")["record"]
    strong = answered(client, QUESTION, tenant=tenant, learning="background")["record"]

    assert ("weak", "forced") == (weak["route"], weak["reason"])
    assert ("strong", "queued") == (strong["route"], strong["lesson"]["state"])


def test_impossible_settings_are_refused(client: SyncLangGraphClient) -> None:
    """With the name of the setting, and no answer."""
    with pytest.raises(Exception, match="threshold"):
        answered(client, QUESTION, threshold=7)


def test_a_run_in_the_background_can_be_joined(client: SyncLangGraphClient, tenant: str) -> None:
    """Its result is the thread's state, and the history has a step for every node."""
    thread = client.threads.create()["thread_id"]
    run = client.runs.create(thread, GRAPH, input=said(QUESTION), context={"tenant": tenant})
    result = client.runs.join(thread, run["run_id"])
    history = client.threads.get_history(thread)
    next_nodes = [name for step in reversed(history) for name in step["next"]]

    assert "success" == client.runs.get(thread, run["run_id"])["status"]
    assert client.threads.get_state(thread)["values"] == result
    assert ["__start__", *Nodes._fields] == next_nodes


def test_an_attempt_can_be_judged_again(client: SyncLangGraphClient, tenant: str) -> None:
    """A fork from before the gate opens the sealed attempt again, and another threshold accepts."""
    thread = client.threads.create()["thread_id"]
    client.runs.wait(thread, GRAPH, input=said(QUESTION), context={"tenant": tenant})
    steps = client.threads.get_history(thread)
    (before_the_gate,) = [step for step in steps if step["next"] == ["confidence_gate"]]
    rerun = client.runs.wait(
        thread,
        GRAPH,
        input=None,
        checkpoint=before_the_gate["checkpoint"],
        context={"tenant": tenant, "threshold": 0},
    )
    result = sound(rerun)

    assert "weak" == result["record"]["route"]
    assert result["messages"][-1]["content"].startswith(GUESS)


def test_models_from_the_environment_do_not_block_either(tmp_path: Path) -> None:
    """The same over HTTP, with a real client and a model that a string names."""

    def strong(request: dict[str, Any]) -> StubReply:
        distil = "reusable strategies" in str(request["messages"][0]["content"])
        return StubReply(ADVICE if distil else "They have five pears.")

    with StubServer() as stub:
        stub.model("weak", lambda _: "CANARY six", logprob=-2.0)
        stub.model("strong", strong, logprob=None)
        with serving(
            tmp_path,
            INTERCASCADE_WEAK="openai:weak",
            INTERCASCADE_STRONG="openai:strong",
            INTERCASCADE_THRESHOLD="0.5",
            OPENAI_API_KEY="test",
            OPENAI_API_BASE=stub.base_url,
        ) as client:
            name = system_assistant(client)["name"]
            result = answered(client, QUERY)

    assert "inter_cascade" == name
    assert "They have five pears." == result["messages"][-1]["content"]
    assert "stored" == result["record"]["lesson"]["state"]
    assert (1, 2) == (stub.calls("weak"), stub.calls("strong"))
