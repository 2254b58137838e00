"""What is fuzzed: every reader of something that somebody else wrote, and what it promises."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from benchmarks.fuzz_inputs import LEAVES, VALUES, as_json, documents, encoded, garbled, mutants
from langchain_intercascade.conclusion import conclusion, same_answer
from langchain_intercascade.confidence.judge import probability_of_true
from langchain_intercascade.confidence.verbalized import stated
from langchain_intercascade.equipment import misfit
from langchain_intercascade.errors import ConfigurationError, InterCascadeError
from langchain_intercascade.evaluation.pack import read_pack
from langchain_intercascade.evaluation.questions import read_questions
from langchain_intercascade.nodes.distiller import parse_advice
from langchain_intercascade.reply import flaw
from langchain_intercascade.repository.admission import check_leaks, check_secrets
from langchain_intercascade.repository.export_file import Header, canonical
from langchain_intercascade.repository.import_file import verified
from langchain_intercascade.serve import asking
from langchain_intercascade.serve.prompt import prompt_of
from langchain_intercascade.serve.refusal import RefusedError
from langchain_intercascade.strategy import (
    Advice,
    Lesson,
    Origin,
    State,
    Strategy,
    now,
    storable,
    strategy_id,
)
from langchain_intercascade.testing import StubServer
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.binding import Binding
from langchain_intercascade.threshold.calibrate import calibrate_threshold
from langchain_intercascade.threshold.file import load_thresholds, save_thresholds

Check = Callable[[Any], object]


class BrokenPromiseError(AssertionError):
    """A reader returned what it should have refused."""


@dataclass(frozen=True, slots=True)
class Target:
    """A reader under attack.

    Attributes:
        inputs: What it is given.
        check: Reads an input, and raises `BrokenPromiseError` if what comes out is not sound.
        typed: The errors that it may answer with.
    """

    inputs: st.SearchStrategy[Any]
    check: Check
    typed: tuple[type[Exception], ...] = ()

    def attack(self, given: Any) -> None:
        """Let it read; whatever comes out of here is a finding."""
        try:
            self.check(given)
        except self.typed:
            return


def _hold(condition: object, promise: str) -> None:
    if not condition:
        raise BrokenPromiseError(promise)


ADVICE: Final = {
    "title": "Sums",
    "when_to_use": "Two amounts are given.",
    "when_not_to_use": "",
    "steps": ["Find both.", "Add them."],
    "pitfalls": ["Do not subtract."],
    "checks": [],
}
_PITFALL: Final = {**ADVICE, "kind": "pitfall", "steps": []}
_QUERY: Final = "How many pears?"
_LESSON: Final = Lesson(query=_QUERY, answer="The answer is 42.")


def _strategy() -> Strategy:
    return Strategy(
        id=strategy_id(tenant="acme", query=_QUERY, strong_model="m"),
        tenant="acme",
        state=State.ACTIVE,
        keys=(_QUERY,),
        advice=Advice.model_validate(ADVICE),
        lesson=_LESSON,
        origin=Origin(run_id="r", strong_model="m", prompt_version=1),
        created_at=now(),
        updated_at=now(),
    )


_PAYLOAD: Final = _strategy().model_dump(mode="json", exclude={"stamps"})


def _distillation(text: str) -> None:
    advice = parse_advice(text)
    _hold(advice.steps or advice.pitfalls, "advice says something")
    told = advice.text()
    _hold(told == storable(told), "advice can be stored")


def _guarded(texts: tuple[str, str, str]) -> None:
    query, answer, told = texts
    advice = Advice(title="t", when_to_use="w", steps=(told[:400].strip() or "s",))
    check_secrets(f"{query}\n{answer}")
    lesson = Lesson(query=query, answer=answer)
    check_leaks(_strategy().model_copy(update={"advice": advice, "lesson": lesson}))


# Files.  All of them are written into one folder, which goes with the process.

_FOLDER: Final = tempfile.TemporaryDirectory(prefix="intercascade-fuzz-")


def written(name: str, data: bytes) -> Path:
    """Return a file with `data` in it."""
    file = Path(_FOLDER.name) / name
    file.write_bytes(data)
    return file


def _line(value: Any) -> bytes:
    """Return a line with a strategy, its checksum right whatever it says."""
    try:
        digest = sha256(canonical(value)).hexdigest()
    except ValueError:
        digest = "0" * 64
    return as_json({"sha256": digest, "strategy": value}).encode("utf-8", "replace") + b"\n"


def _export(lines: list[bytes]) -> bytes:
    """Return a whole file of these lines, sealed as our own export would seal it."""
    head = Header(package="1", tenant="acme", encoder="e", created_at=now(), count=len(lines))
    body = canonical(head.model_dump()) + b"\n" + b"".join(lines)
    tail = {"count": len(lines), "sha256": sha256(body).hexdigest()}
    return body + canonical(tail) + b"\n"


_SEALED: Final = st.lists(mutants(_PAYLOAD).map(_line), max_size=3).map(_export)
_TORN: Final = encoded(garbled(_SEALED.map(lambda data: data.decode("utf-8", "replace"))))


def _import(data: bytes) -> None:
    found = verified(written("fuzz.jsonl", data))
    for each in found.strategies():
        _hold(each.tenant == found.header.tenant, "a strategy is of the file's tenant")
        _hold(each == Strategy.from_payload(each.payload()), "it can be stored and read back")


def _thresholds() -> dict[str, Any]:
    file = Path(_FOLDER.name) / "valid.json"
    scores, right = [0.9] * 60 + [0.1] * 20, [True] * 60 + [False] * 20
    report = calibrate_threshold(scores, right, target_risk=0.1, on=date(2026, 1, 1))
    save_thresholds(report, file, bound_to=Binding(weak_model="w", confidence="c", prompts="1"))
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def _threshold(data: bytes) -> None:
    loaded = load_thresholds(written("fuzz-thresholds.json", data))
    loaded.check(loaded.bound_to)
    for cut in (loaded.cut("plain"), loaded.cut("augmented")):
        can_be_met = cut.value == ALWAYS_DEFER or 0.0 <= float(cut.value) <= 1.0
        _hold(can_be_met, "a threshold can be met")


_ROW: Final = {"prompt": "2+2?", "models": {"w": {"answer": "4", "correct": True, "conf_logp": -1}}}
_TRANSFER: Final = {
    "family": "sums",
    "question": "2+2?",
    "gold": "4",
    "direct_out": "5",
    "direct_ok": False,
    "cot_out": "4",
    "cot_ok": True,
}
_QUESTION: Final = {"question": "2+2?", "answer": "4", "family": "sums", "system": ""}


def _packed(data: bytes) -> None:
    read_pack(written("fuzz.pack", data))
    read_pack(written("fuzz.pack", gzip.compress(data, 1)))


def _questions(given: tuple[str, bytes]) -> None:
    name, data = given
    found = read_questions(written(f"questions{name}", data))
    _hold(all(each.question.strip() for each in found.rows), "a question asks something")


_LINES: Final = st.lists(documents(_QUESTION), max_size=3).map("\n".join)
_NAMED: Final = st.tuples(
    st.sampled_from([".jsonl", ".json", ".csv", ".jsonl.gz"]),
    encoded(
        st.one_of(_LINES, documents([_QUESTION, _QUESTION]), garbled(st.just("question\n2?\n")))
    ),
)


# Replies of models.


def _stated(text: str) -> None:
    found = stated(text)
    _hold(found is None or 0.0 <= found <= 1.0, "a stated confidence lies in [0, 1]")


def _judged(given: tuple[str, Any]) -> None:
    text, metadata = given
    score = probability_of_true(AIMessage(text, response_metadata={"logprobs": metadata}))
    _hold(score.value is None or 0.0 <= score.value <= 1.0, "a score lies in [0, 1]")


def _agreed(texts: tuple[str, str]) -> None:
    one, other = texts
    _hold(same_answer(one, other) == same_answer(other, one), "agreement has no direction")
    conclusion(one)


_ENTRY: Final = {
    "token": "True",
    "logprob": -0.1,
    "top_logprobs": [{"token": "False", "logprob": -3}],
}
_SCHEMA: Final = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"$ref": "http://127.0.0.1:9/schema"}},
    "required": ["a"],
}


def _called(given: tuple[Any, Any, str]) -> None:
    args, schema, text = given
    arguments = args if isinstance(args, dict) else {"a": args}
    answer = AIMessage(text, tool_calls=[{"name": "f", "args": arguments, "id": "1"}])
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    flaw(answer)
    misfit(answer, {"tools": tools})
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    misfit(AIMessage(text), {"response_format": form})


# HTTP.

_REQUEST: Final = {
    "model": "m",
    "messages": [{"role": "user", "content": "2+2?"}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA}},
    "logprobs": True,
    "stream": False,
}
_GATEWAY: Final = {
    **_REQUEST,
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "2+2?"}]},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "4"},
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "stream": True,
    "stream_options": {"include_usage": True},
    "stop": ["."],
    "inter_cascade": {"k": 1, "threshold": 0.5},
}
_SHAPED: Final = {
    "model": "m",
    "messages": [{"role": "user", "content": "2+2?"}],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "description": "d", "schema": _SCHEMA, "strict": True},
    },
}
_server: list[StubServer] = []


def _served(body: bytes) -> None:
    asked = asking.read(body, "m")
    prompt_of(asked.messages)
    asked.call()


def _asked(given: tuple[str, bytes]) -> None:
    if not _server:
        _server.append(StubServer())
        _server[0].start()
    path, body = given
    connection = HTTPConnection("127.0.0.1", _server[0].port, timeout=10)
    try:
        connection.request("POST", path, body=body)
        reply = connection.getresponse()
        reply.read()
    finally:
        connection.close()
    _hold(reply.status in (200, 400, 404, 422), f"the stub answers, and not with {reply.status}")


_PATHS: Final = st.sampled_from(["/v1/chat/completions", "/v1/embeddings", "/v1/../etc/passwd"])
_WORDS: Final = st.one_of(
    st.text(max_size=60), garbled(st.sampled_from(["I am 85% sure", "8/10", "9" * 400]))
)
_SAID: Final = st.one_of(
    st.text(max_size=60),
    garbled(
        st.sampled_from(["The answer is $\\boxed{\\frac{1}{2}}$.", "#### 1,000.50", '{"a": 1e999}'])
    ),
)

TARGETS: Final[dict[str, Target]] = {
    "distillation": Target(documents(ADVICE, _PITFALL), _distillation, (InterCascadeError,)),
    "leak_guard": Target(st.tuples(_SAID, _SAID, _SAID), _guarded, (InterCascadeError,)),
    "import": Target(st.one_of(_SEALED, _TORN), _import, (InterCascadeError,)),
    "threshold_file": Target(encoded(documents(_thresholds())), _threshold, (ConfigurationError,)),
    "pack": Target(encoded(documents(_ROW, _TRANSFER)), _packed, (InterCascadeError,)),
    "question_file": Target(_NAMED, _questions, (ConfigurationError,)),
    "stated_confidence": Target(_WORDS, _stated),
    "judge_reply": Target(
        st.tuples(
            st.sampled_from(["True", "false.", "True False", ""]),
            st.one_of(VALUES, mutants({"content": [_ENTRY]}, [_ENTRY])),
        ),
        _judged,
    ),
    "agreement": Target(st.tuples(_SAID, _SAID), _agreed),
    "tool_call": Target(
        st.tuples(st.one_of(VALUES, mutants({"a": 1})), mutants(_SCHEMA), documents({"a": 1})),
        _called,
        (ConfigurationError,),
    ),
    "payload": Target(
        mutants(_PAYLOAD).filter(lambda value: isinstance(value, dict)),
        Strategy.from_payload,
        (InterCascadeError,),
    ),
    "gateway_http": Target(encoded(documents(_GATEWAY, _SHAPED)), _served, (RefusedError,)),
    "stub_http": Target(st.tuples(_PATHS, encoded(documents(_REQUEST))), _asked),
}
"""Every reader by its name."""

__all__ = ["LEAVES", "TARGETS", "BrokenPromiseError", "Target", "written"]
