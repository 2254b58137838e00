"""What a model has said is kept, handed out again in its order, and paid for once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_intercascade.costs import Prices
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.arms import ModelFaultError
from langchain_intercascade.evaluation.journal import (
    FILE,
    HOPELESS,
    HopelessError,
    Journal,
    Told,
    as_told,
    digest_of_prompt,
)
from langchain_intercascade.evaluation.purse import Purse, StoppedError
from langchain_intercascade.evaluation.recall import RecallingModel
from langchain_intercascade.evaluation.timing import timed
from langchain_intercascade.testing import Reply, ScriptedChatModel


def journal(folder: Path | None = None, ceiling: float | None = None) -> Journal:
    """Return a journal; whatever reports a cost is paid for."""
    return Journal(folder, {"k": 1}, purse=Purse(Prices(), ceiling=ceiling))


def says(text: str, cost: float = 1.0) -> Callable[[], Told]:
    """Return a call that is answered like this."""
    reply = AIMessage(text, response_metadata={"total_cost": cost})
    return lambda: as_told(reply, 5.0)


def fails() -> Told:
    """Be a call that fails."""
    return Told(1.0, fault="TimeoutError")


def test_the_same_asked_again_is_another_sample(tmp_path: Path) -> None:
    """In one memory; another one begins anew, and gets the same replies in the same order."""
    book = journal(tmp_path)
    first = book.memory()
    said = [first.told("weak", "p", says(text)).message.text for text in "ab"]
    second, later = book.memory(), journal(tmp_path).memory()

    for memory in (second, later):
        assert said == [memory.told("weak", "p", says("?")).message.text for _ in "ab"]
    assert "c" == later.told("weak", "p", says("c")).message.text
    assert "d" == second.told("strong", "p", says("d")).message.text


def test_a_judge_says_the_same_however_often_it_is_asked() -> None:
    """So it is asked once."""
    memory = journal().memory(once=True)

    assert ["a", "a"] == [memory.told("judge", "p", says(text)).message.text for text in "ab"]


def test_who_asks_while_somebody_asks_waits_for_the_answer() -> None:
    """Two arms that come to the same question at once pay for it once."""
    book, calls = journal(), []
    begun = threading.Event()

    def slow() -> Told:
        calls.append(1)
        begun.set()
        time.sleep(0.05)
        return says("slow")()

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(book.memory().told, "weak", "p", slow)
        begun.wait(5)
        others = [threads.submit(book.memory().told, "weak", "p", slow) for _ in range(3)]
        texts = {each.result().message.text for each in (first, *others)}

    assert ({"slow"}, 1) == (texts, len(calls))
    assert 1.0 == book.purse.spent


def test_a_failure_is_kept_once_the_model_answers_again(tmp_path: Path) -> None:
    """Until then it is known in this run only, so that the next one asks again."""
    book = journal(tmp_path)
    memory = book.memory()
    assert "TimeoutError" == memory.told("weak", "p", fails).fault
    memory.told("strong", "p", says("fine"))
    assert 1 == journal(tmp_path).kept
    assert "TimeoutError" == book.memory().told("weak", "p", says("mended")).fault

    memory.told("weak", "q", says("fine"))

    again = journal(tmp_path)
    assert 3 == again.kept
    assert "TimeoutError" == again.memory().told("weak", "p", says("mended")).fault


def test_a_model_that_always_fails_is_given_up() -> None:
    """What another model says meanwhile changes nothing."""
    memory = journal().memory()
    for number in range(HOPELESS - 1):
        memory.told("weak", str(number), fails)
        memory.told("strong", str(number), says("fine"))

    with pytest.raises(HopelessError, match=r"calls of the weak model failed \(TimeoutError\)"):
        memory.told("weak", "last", fails)


def test_the_ceiling_goes_by_the_dearest_call() -> None:
    """What is known already may always be had."""
    memory = journal(ceiling=3.5).memory(once=True)
    memory.told("weak", "a", says("dear", cost=2.0))

    with pytest.raises(StoppedError, match="ceiling"):
        memory.told("weak", "b", says("cheap", cost=0.1))
    assert "dear" == memory.told("weak", "a", says("?")).message.text


def test_what_was_spent_before_counts(tmp_path: Path) -> None:
    """A ceiling is on the whole run."""
    journal(tmp_path).memory().told("weak", "a", says("dear", cost=2.0))
    again = journal(tmp_path, ceiling=2.0)

    assert 2.0 == again.purse.spent
    with pytest.raises(StoppedError):
        again.memory().told("weak", "b", says("?"))


@pytest.mark.parametrize(
    "line", ['{"model": "weak"}', '{"model": 1, "prompt": "p", "nth": 0, "ms": 1, "reply": {}}']
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    """Rather than being passed over: what it held was paid for."""
    journal(tmp_path).memory().told("weak", "a", says("fine"))
    with (tmp_path / FILE).open("a") as file:
        file.write(line + "\n")

    with pytest.raises(
        ConfigurationError, match=r"journal.jsonl, line 3 is damaged.*Delete the line"
    ):
        journal(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", "utf-8")

    with pytest.raises(
        ConfigurationError, match=r"--run .*taken cannot be made a folder.*Name a folder"
    ):
        journal(tmp_path / "taken")


def test_a_digest_tells_what_is_asked_and_not_who_asked() -> None:
    """Ids and names do not matter; words, roles and options do."""
    asked = [HumanMessage("a", id="1")]

    assert digest_of_prompt(asked, {}) == digest_of_prompt([HumanMessage("a", id="2")], {})
    others: list[tuple[list[BaseMessage], dict[str, object]]] = [
        ([HumanMessage("b")], {}),
        ([AIMessage("a")], {}),
        ([*asked], {"stop": ["x"]}),
    ]
    digests = {digest_of_prompt(messages, options) for messages, options in others}
    assert 3 == len(digests - {digest_of_prompt(asked, {})})


def test_a_model_is_told_what_the_cascade_has_set() -> None:
    """Log-probabilities come where they are asked for, and the reply is the model's own."""
    inner = ScriptedChatModel(replies=[Reply("four", logprob=-0.5, cost=0.25)], repeat_last=True)
    model = RecallingModel(inner=inner, memory=journal().memory(), level="weak")

    with timed() as calls:
        plain = model.invoke("2+2?", {"run_name": "weak"})
        scored = model.model_copy(update={"logprobs": True}).invoke("2+2?")

    assert "logprobs" not in plain.response_metadata
    assert -0.5 == scored.response_metadata["logprobs"]["content"][0]["logprob"]
    assert ("scripted", 0.25) == (model.model_name, plain.response_metadata["total_cost"])
    assert ["weak", "weak"] == [each.run for each in calls]
    assert 2 == inner.call_count


def test_a_sampler_may_set_the_temperature() -> None:
    """Another temperature is another question; the model given is not changed."""

    class Warm(ScriptedChatModel):
        temperature: float | None = 0.0

    inner = Warm(respond=lambda _: "fine")
    model = RecallingModel(inner=inner, memory=journal().memory(once=True), level="weak")

    assert 0.0 == model.temperature
    model.invoke("?")
    model.model_copy(update={"temperature": 0.7}).invoke("?")
    assert (2, 0.0) == (inner.call_count, inner.temperature)


def test_a_failure_is_raised_by_its_name() -> None:
    """Nothing of what the provider said is kept."""
    inner = ScriptedChatModel(replies=[TimeoutError("secret")], repeat_last=True)
    model = RecallingModel(inner=inner, memory=journal().memory(once=True), level="weak")

    for _ in range(2):
        with pytest.raises(ModelFaultError, match=r"^TimeoutError$"):
            model.invoke("?")
    assert 1 == inner.call_count
