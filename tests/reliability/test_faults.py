"""Whoever fails, at whichever call: what is promised holds; and what it took to make it hold."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import UsageMetadata

from benchmarks.reliability_faults import main, matrix
from benchmarks.reliability_faults_bench import Bench, bench
from benchmarks.reliability_faults_kinds import PanicException
from benchmarks.reliability_faults_scenarios import SCENARIOS, Scenario
from langchain_intercascade import HashingEmbeddings, QdrantRepository, State, StrongModelError
from langchain_intercascade._steps import Fault, Steps
from langchain_intercascade.costs import Prices
from langchain_intercascade.costs.table import Table, TablePrice
from langchain_intercascade.errors import PanicError
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.nodes import retrieve_strategies as first_node
from langchain_intercascade.strategy import Strategy
from langchain_intercascade.testing import Reply
from tests.cascades import QUERY, SURE, Host, cascade_of, strong_model, weak_model

ANSWER = "They have five pears."


@pytest.fixture(scope="module")
def opened() -> Iterator[Bench]:
    """One bench for all, because its folder takes a second to make."""
    with bench() as made:
        yield made


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_call_may_fail(opened: Bench, scenario: Scenario) -> None:
    """Each once, in a host, a colour and a way that were drawn; the thorough form tries all."""
    found = matrix(thorough=False, seed=7, scenarios=[scenario], on=opened)

    assert () == found.failures
    assert (0, 0) == (found.lost, found.leaked)
    assert found.injected == found.survived > 0


NO_QUERY = "tools / chat_model / sync: query_from fails at call 1 (timeout)"
NO_SEARCH = "accepted / chat_model / sync: repository fails at call 1 (timeout)"


def test_a_broken_promise_is_told_so_that_it_can_be_seen_again(
    opened: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Were a fault not survived, the line would say where; once it is mended, the line is well."""
    with monkeypatch.context() as patched:
        patched.setattr(first_node, "attempted", lambda call: call())
        found = matrix(thorough=True, seed=0, again=NO_QUERY, on=opened)

    assert f"{NO_QUERY}: raised TimeoutError" in found.failures
    assert (1, 0) == (found.injected, found.survived)
    assert main(["--again", NO_QUERY]) == 0
    assert "1 faults of 1 kinds in 1 runs: 1 survived" in capsys.readouterr().out


def test_what_quotes_a_prompt_is_caught_at_it(
    opened: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trap itself works."""
    monkeypatch.setattr(Fault, "__str__", lambda self: str(self.error))

    assert matrix(thorough=True, seed=0, again=NO_SEARCH, on=opened).leaked > 0


# What the matrix has found, each by itself.


class Panicking(HashingEmbeddings):
    """An encoder whose library panics over queries."""

    def embed_query(self, text: str) -> list[float]:
        if text == QUERY:
            raise PanicException
        return super().embed_query(text)


def test_a_panic_of_an_encoder_is_a_fault_like_any_other(host: Host) -> None:
    """It is no `Exception`, and would otherwise end the program."""
    repository = QdrantRepository(":memory:", embeddings=Panicking(16))
    with repository, cascade_of(repository=repository) as cascade:
        answer, record = host.ask(cascade)

    assert ANSWER == answer.content
    assert {"where": "retrieve_strategies", "error": "PanicError"} in record["faults"]


def test_a_panic_of_the_strong_model_is_a_typed_error(host: Host) -> None:
    """The strong model's faults are the caller's, panics too."""
    with (
        memory() as repository,
        cascade_of(strong=strong_model(PanicException()), repository=repository) as cascade,
        pytest.raises(StrongModelError) as caught,
    ):
        host.ask(cascade)

    # LangChain makes something else of one that was awaited.
    assert isinstance(caught.value.__cause__, PanicError | AttributeError)


class BrokenTable(Table):
    """A table of prices that fails at looking up, or at adding up, or says what is no price."""

    def __init__(self, price: TablePrice | None = None) -> None:
        self._price = price

    def of(self, model: str, provider: str = "") -> TablePrice | None:  # noqa: ARG002 - a contract
        if self._price is None:
            raise TimeoutError
        return self._price


class BrokenPrice(TablePrice):
    """Never says how much."""

    def of(self, usage: UsageMetadata) -> float | None:
        raise KeyError(str(usage))


class NoPrice(TablePrice):
    """Says what is no amount of money."""

    def of(self, usage: UsageMetadata) -> float | None:  # noqa: ARG002 - a contract
        return float("nan")


@pytest.mark.parametrize("price", [None, BrokenPrice("", "", "here"), NoPrice("", "", "here")])
def test_no_answer_is_lost_for_want_of_its_price(host: Host, price: TablePrice | None) -> None:
    """Its cost is unknown, which is not 0; and all calls are counted."""
    prices = Prices(table=BrokenTable(price))
    with memory() as repository, cascade_of(prices=prices, repository=repository) as cascade:
        answer, record = host.ask(cascade)

        assert ANSWER == answer.content
        assert record["cost"] is None
        assert record["usage"]["strong"]["calls"] == 1
        assert cascade.spending().cost is None


def test_a_query_function_that_fails_costs_strategies_and_lesson_only(host: Host) -> None:
    """Nothing is looked for by the wrong text, and nothing is learned under it."""

    def broken(messages: list[BaseMessage]) -> str:
        raise LookupError(messages[0].text)

    with memory() as repository, cascade_of(query_from=broken, repository=repository) as cascade:
        answer, record = host.ask(cascade)

        assert ANSWER == answer.content
        assert [{"where": "retrieve_strategies", "error": "LookupError"}] == record["faults"]
        assert record["lesson"]["state"] == "unresolved"
        assert repository.count(tenant="default") == 0


def test_an_answer_needs_no_thread_to_learn_in(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no more threads can be had the lesson waits, and `flush` tries again."""
    start = threading.Thread.start
    to_be_had = threading.Event()

    def starting(thread: threading.Thread) -> None:
        if thread.name == "inter-cascade-learner" and not to_be_had.is_set():
            msg = "can't start new thread"
            raise RuntimeError(msg)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starting)
    with (
        memory() as repository,
        cascade_of(repository=repository, learning="background") as cascade,
    ):
        answer, record = host.ask(cascade)

        assert (ANSWER, "queued") == (answer.content, record["lesson"]["state"])
        assert not cascade.flush()
        to_be_had.set()
        assert cascade.flush(5)
        assert repository.count(tenant="default", states=(State.ACTIVE,)) == 1


@pytest.mark.parametrize("error", [asyncio.CancelledError, PanicException, SystemExit])
def test_a_learner_outlives_what_is_no_exception(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends a piece of work, nobody waits for it for ever, and the next is done."""

    def ended() -> Steps[None]:
        yield from ()
        raise error

    done, thread_ended = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: thread_ended.set())

    def well() -> Steps[None]:
        yield from ()
        done.set()

    with memory() as repository:
        learner = Learner(learning_nothing, repository)
        learner.do("work", ended)
        assert learner.flush(5)
        assert error is not SystemExit or thread_ended.wait(5)
        learner.do("work", well)
        assert learner.flush(5)
        learner.close()

    assert done.is_set()
    assert (error is not SystemExit, 1) == (learner.stats().task_errors, learner.stats().tasks)


def learning_nothing(pending: Strategy) -> Steps[Any]:
    """Learn nothing."""
    yield from ()
    return pending


def interrupted(*_: object) -> bool:
    """Stand in for a user who has waited long enough."""
    raise KeyboardInterrupt


def test_what_was_paid_for_before_an_interruption_is_in_the_accounts() -> None:
    """Also what was paid for in the very node that was interrupted."""
    weak, strong = weak_model(), strong_model()
    how = {"admission": "replay", "agreement": interrupted}
    with memory() as repository, cascade_of(weak, strong, repository=repository, **how) as cascade:
        with pytest.raises(KeyboardInterrupt):
            cascade.invoke(QUERY)

        assert calls_of(cascade) == weak.call_count + strong.call_count == 4


def test_what_was_paid_for_before_the_repository_failed_is_in_the_accounts() -> None:
    """Of a lesson in the background too, which ends in an error."""

    class Full(QdrantRepository):
        def updating(self, strategy_id: str, *, tenant: str, change: Callable[..., Any]) -> Any:
            def but_not_in_use(stored: Strategy) -> Strategy | None:
                changed: Strategy | None = change(stored)
                if changed is not None and changed.state is not State.PENDING:
                    raise OSError
                return changed

            return super().updating(strategy_id, tenant=tenant, change=but_not_in_use)

    weak, strong = weak_model(), strong_model()
    how: dict[str, Any] = {"admission": "replay", "agreement": lambda *_: True}
    with Full(":memory:") as repository:
        cascade = cascade_of(weak, strong, repository=repository, learning="background", **how)
        cascade.invoke(QUERY)
        cascade.close(5)

        assert calls_of(cascade) == weak.call_count + strong.call_count == 4
        assert cascade.learner_stats().errors == 1


REFUSED = Reply("I cannot help with that.", finish_reason="content_filter")


def test_a_refused_audit_says_nothing_about_the_weak_answer() -> None:
    """To find that it is not what the weak model said would count an innocent answer as wrong."""
    judged: list[str] = []

    def differing(query: str, *_: str) -> bool:
        judged.append(query)
        return False

    weak, strong = weak_model(Reply(ANSWER, logprob=SURE)), strong_model(REFUSED)
    how = {"audit_rate": 1.0, "agreement": differing, "learning": "background"}
    with memory() as repository, cascade_of(weak, strong, repository=repository, **how) as cascade:
        cascade.invoke(QUERY)
        assert cascade.flush(5)

        assert strong.call_count == 1
        assert [] == judged
        assert repository.count(tenant="default") == 0


def test_a_refused_replay_is_no_verdict_on_a_strategy(host: Host) -> None:
    """It is on probation then; to archive it would be for good."""
    weak = weak_model(Reply("six pears", logprob=-2.0), REFUSED)
    how: dict[str, Any] = {"admission": "replay", "agreement": lambda *_: False}
    with memory() as repository, cascade_of(weak, repository=repository, **how) as cascade:
        _, record = host.ask(cascade)

    assert record["lesson"]["state"] == "candidate"
    assert "cannot be told" in record["lesson"]["reason"]


def test_a_repository_that_cannot_be_looked_up_in_is_a_fault_in_the_record(host: Host) -> None:
    """It is looked up in only where a lesson of the same query is there already."""

    class Forgetful(QdrantRepository):
        def getting(self, strategy_id: str, *, tenant: str) -> Steps[Strategy | None]:
            if self.failing:
                raise OSError
            return (yield from super().getting(strategy_id, tenant=tenant))

        failing = True

    with Forgetful(":memory:") as repository, cascade_of(repository=repository) as cascade:
        _, first = host.ask(cascade, learning="background")
        _, second = host.ask(cascade, learning="background")
        repository.failing = False

    assert ([], "queued") == (first["faults"], first["lesson"]["state"])
    assert {"where": "strong_generate", "error": "OSError"} in second["faults"]
    assert ("known", first["lesson"]["id"]) == (second["lesson"]["state"], second["lesson"]["id"])


def memory() -> QdrantRepository:
    """Return a repository that is open in no time."""
    return QdrantRepository(":memory:")


def calls_of(cascade: Any) -> int:
    """Return how many calls of models are in the accounts."""
    return sum(use["calls"] for use in cascade.spending().by_role.values())
