"""The chat model as a LangChain citizen: streams, traces, usage, copies, and mistakes."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, Runnable, RunnableConfig
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run

from langchain_intercascade import (
    ConfigurationError,
    EdgeRepository,
    InterCascade,
    State,
    StrongModelError,
    TenantError,
)
from langchain_intercascade.testing import Reply
from tests.cascades import QUERY, SIBLING, SURE, UNSURE, cascade_of, strong_model, weak_model
from tests.conftest import Colour


class Trace(BaseTracer):
    """Keeps the root runs."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)


def test_a_strong_answer_streams_in_tokens_and_ends_with_the_record(colour: Colour) -> None:
    """The pieces add up to the invoked answer, the rejected weak answer is in none of them."""
    with cascade_of(weak_model(Reply("CANARY words here", logprob=UNSURE))) as cascade:
        pieces = colour.stream(cascade, QUERY)
        whole = sum(pieces[1:], start=pieces[0])

        assert [p.content for p in pieces if p.content] == ["They", " have", " five", " pears."]
        assert "CANARY" not in str(pieces)
        assert whole.content == "They have five pears."
        assert whole.response_metadata["inter_cascade"]["lesson"]["state"] == "stored"
        assert len({piece.id for piece in pieces}) == 1


def test_an_accepted_weak_answer_arrives_in_one_piece(colour: Colour) -> None:
    """The gate has to see all of it first."""
    with cascade_of(weak_model(Reply("five pears", logprob=SURE))) as cascade:
        pieces = colour.stream(cascade, QUERY)

        assert [p.content for p in pieces if p.content] == ["five pears"]
        assert pieces[-1].response_metadata["inter_cascade"]["route"] == "weak"


def test_who_has_read_the_whole_answer_can_rely_on_the_lesson(colour: Colour) -> None:
    """A consumer that stops reading after the last word loses nothing that was paid for."""
    with cascade_of(learning="background") as cascade:

        def read(_: Any = None) -> str:
            text = ""
            for piece in cascade.stream(QUERY):
                text += str(piece.content)
                if text.endswith("pears."):
                    break
            return text

        async def aread() -> str:
            text = ""
            async for piece in cascade.astream(QUERY):
                text += str(piece.content)
                if text.endswith("pears."):
                    break
            return text

        assert colour.run(read, aread) == "They have five pears."
        assert cascade.repository.count(tenant="default") == 1


def test_a_consumer_that_stops_half_way_teaches_nothing(colour: Colour) -> None:
    """An incomplete answer is never learned from, and the model's stream is closed."""
    strong = strong_model()
    with cascade_of(strong=strong) as cascade:

        def read() -> None:
            pieces = iter(cascade.stream(QUERY))
            next(pieces)
            pieces.close()  # type: ignore[attr-defined]  # it is a generator

        async def aread() -> None:
            pieces = cascade.astream(QUERY)
            await anext(pieces)
            await pieces.aclose()  # type: ignore[attr-defined]  # it is a generator
            for _ in range(10):  # LangChain leaves the inner generator to the event loop
                await asyncio.sleep(0)

        colour.run(read, aread)

        assert strong.cancelled == 1
        assert cascade.repository.count(tenant="default") == 0


def test_a_stream_that_breaks_is_an_error_and_nothing_is_spliced_in(colour: Colour) -> None:
    """After the first word of the strong answer no other model may continue it."""
    broken = Reply("They have five", error=ConnectionError("cut"))
    with cascade_of(strong=strong_model(broken), on_strong_error="weak") as cascade:
        seen: list[AIMessageChunk] = []

        def read() -> None:
            seen.extend(cascade.stream(QUERY))

        async def aread() -> None:
            async for piece in cascade.astream(QUERY):
                seen.append(piece)  # noqa: PERF401 - what was seen before the error counts

        with pytest.raises(StrongModelError):
            colour.run(read, aread)

        assert "six" not in str(seen)
        assert cascade.repository.count(tenant="default") == 0


async def test_cancelling_stops_the_model_and_leaves_nothing_behind() -> None:
    """No lesson, no task, no half-written point."""
    weak = weak_model(Reply("slow", delay=30))
    with cascade_of(weak) as cascade:
        task = asyncio.create_task(cascade.ainvoke(QUERY))
        while not weak.calls:  # noqa: ASYNC110 - the model under test has no event to wait for
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert weak.cancelled == 1
        assert cascade.repository.count(tenant="default") == 0


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_there_is_one_trace_tree(colour: Colour, how: str) -> None:
    """The cascade's run is the parent of the weak, strong and distil runs; nobody is an orphan."""
    trace = Trace()
    run_id = uuid4()
    with cascade_of() as cascade:
        config = {"callbacks": [trace], "run_id": run_id}
        result = getattr(colour, how)(cascade, QUERY, config)
        answer = result if how == "invoke" else sum(result[1:], start=result[0])

    (root,) = trace.roots
    assert root.id == run_id
    assert answer.response_metadata["inter_cascade"]["run_id"] == str(run_id)
    assert [(each.name, each.parent_run_id) for each in root.child_runs] == [
        ("weak", run_id),
        ("strong", run_id),
        ("distill", run_id),
    ]


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_usage_is_counted_once(colour: Colour, how: str) -> None:
    """The callback sees each model call once; the answer shows their sum."""
    usage = UsageMetadataCallbackHandler()
    with cascade_of() as cascade:
        result = getattr(colour, how)(cascade, QUERY, {"callbacks": [usage]})
        answer = result if how == "invoke" else sum(result[1:], start=result[0])

    record = answer.response_metadata["inter_cascade"]
    counted = usage.usage_metadata
    assert set(counted) == {"weak-model", "strong-model"}
    total = sum(each["total_tokens"] for each in counted.values())
    assert answer.usage_metadata["total_tokens"] == total
    assert counted["weak-model"]["output_tokens"] == record["usage"]["weak"]["output_tokens"]


def test_background_learning_is_a_trace_of_its_own(colour: Colour) -> None:
    """The caller's trace is complete when the answer returns."""
    trace = Trace()
    with cascade_of(learning="background") as cascade:
        colour.invoke(cascade, QUERY, {"callbacks": [trace]})
        cascade.flush(timeout=10)

    (root,) = trace.roots
    assert [each.name for each in root.child_runs] == ["weak", "strong"]


def test_it_stands_in_a_chain(colour: Colour) -> None:
    """Prompt, cascade, parser: as with any chat model."""
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{query}")])
    with cascade_of() as cascade:
        chain: Runnable[Any, str] = prompt | cascade | StrOutputParser()

        assert colour.invoke(chain, {"query": QUERY}) == "They have five pears."
        assert "".join(colour.stream(chain, {"query": SIBLING})) == "They have five pears."


def test_batches_keep_their_order_and_their_counts(colour: Colour) -> None:
    """Eight at a time over one repository: one lesson of equal ones is paid for, none is lost."""
    queries: list[Any] = [f"{QUERY} (variant number {i}{i}{i})" for i in range(24)]
    with cascade_of(strong=strong_model("Five.")) as cascade:
        config = RunnableConfig(max_concurrency=8)
        answers = colour.run(
            lambda: cascade.batch(queries, config), lambda: cascade.abatch(queries, config)
        )

        assert [answer.content for answer in answers] == ["Five."] * 24
        assert cascade.flush(timeout=30)
        taught = cascade.repository.scan(tenant="default")
        # Whether it is still active depends on how many of the 24 were shown it: it helped none.
        assert [24] == [strategy.support for strategy in taught]


def test_stop_and_other_arguments_reach_both_models(colour: Colour) -> None:
    """But not the distiller, and the cascade's own settings reach neither."""
    weak, strong = weak_model(), strong_model()
    with cascade_of(weak, strong) as cascade:
        colour.invoke(cascade, QUERY, stop=["\n"], seed=7, tenant="acme")

    assert weak.kwargs_seen[0] == {"stop": ["\n"], "seed": 7}
    assert strong.kwargs_seen[0] == {"stop": ["\n"], "seed": 7}
    assert strong.kwargs_seen[1].get("seed") is None


def test_configured_copies_share_repository_and_learner(colour: Colour) -> None:
    """A threshold per call does not cost a repository per call."""
    with cascade_of() as cascade:
        configurable = cascade.configurable_fields(threshold=ConfigurableField(id="threshold"))
        colour.invoke(configurable, QUERY, {"configurable": {"threshold": 0.9}})
        accepted = colour.invoke(configurable, SIBLING, {"configurable": {"threshold": 0.05}})

        assert cascade.repository.count(tenant="default") == 1
        assert accepted.response_metadata["inter_cascade"]["route"] == "weak"


def test_a_cached_answer_is_not_counted_again(colour: Colour) -> None:
    """LangChain's cache in front of the cascade answers for free, and says so."""
    weak = weak_model()
    with cascade_of(weak, cache=InMemoryCache()) as cascade:
        first = colour.invoke(cascade, QUERY)
        second = colour.invoke(cascade, QUERY)

        assert len(weak.calls) == 1
        assert second.content == first.content
        assert first.usage_metadata is not None
        # All that LangChain's cache writes here is that the answer cost nothing.
        assert "input_tokens" not in (second.usage_metadata or {})


def test_the_models_given_are_not_changed(colour: Colour) -> None:
    """The cascade works on a copy that does not stream and returns log-probabilities."""
    weak = weak_model()
    with cascade_of(weak) as cascade:
        colour.invoke(cascade, QUERY)

    assert weak.disable_streaming is False
    assert weak.logprobs is None


def test_a_cascade_may_be_the_strong_model_of_another(colour: Colour) -> None:
    """Three levels; the strategies are written by the last model, never through a gate."""
    middle = weak_model(Reply("middle says five", logprob=SURE))
    top = strong_model()
    with cascade_of(middle, top) as inner, cascade_of(strong=inner) as outer:  # type: ignore[arg-type]  # any model will do
        answer = colour.invoke(outer, QUERY)

        assert answer.content == "middle says five"
        assert [call[0].type for call in top.calls] == ["system"]
        assert outer.repository.count(tenant="default", states=[State.ACTIVE]) == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"threshold": 1.5}, "1.5"),
        ({"threshold": float("nan")}, "nan"),
        ({"threshold": True}, "True"),
        ({"k": 4}, "k=4"),
        ({"tool_calls": "maybe"}, "tool_calls='maybe'"),
        ({"min_similarity": float("nan")}, "min_similarity=nan"),
        ({"min_similarity": 5}, "min_similarity=5"),
        ({"confidence": 3}, "confidence=3"),
        ({"weak": 7}, "weak=7"),
        ({"prices": {"m": (-1, 2)}}, "-1"),
    ],
)
def test_what_can_never_work_fails_when_it_is_built(options: dict[str, Any], named: str) -> None:
    """With the value, what was expected, and what to do."""
    models = {"weak": weak_model(), "strong": strong_model()}
    with pytest.raises(ConfigurationError, match=named):
        InterCascade(**(models | options))


@pytest.mark.parametrize("tenant", ["", "  "])
def test_an_empty_tenant_is_an_error(tenant: str) -> None:
    """It would mean everybody."""
    with pytest.raises(TenantError):
        cascade_of(tenant=tenant)


@pytest.mark.parametrize(
    "setting", [{"threshold": 2}, {"k": 9}, {"tenant": ""}, {"learning": "never"}, {"force": "x"}]
)
def test_a_wrong_setting_of_one_call_is_named(colour: Colour, setting: dict[str, Any]) -> None:
    """Before any model is called."""
    weak = weak_model()
    with cascade_of(weak) as cascade, pytest.raises(ConfigurationError, match=next(iter(setting))):
        colour.invoke(cascade, QUERY, **setting)

    assert weak.calls == []


def test_lessons_of_an_earlier_process_are_picked_up(tmp_path: Any) -> None:
    """What was pending when the process ended is learned by the next one."""
    with (
        EdgeRepository(tmp_path / "store") as repository,
        cascade_of(strong=strong_model(advice="no"), repository=repository) as first,
    ):
        first.invoke(QUERY)
    with EdgeRepository(tmp_path / "store") as repository:
        with cascade_of(repository=repository, learning="background") as second:
            assert second.recover() == 1
            assert second.flush(timeout=10)

        (strategy,) = repository.scan(tenant="default")
        assert strategy.state is State.ACTIVE


def test_the_drawing_shows_the_six_nodes_and_both_edges() -> None:
    """Accept and defer are on the arrows."""
    with cascade_of() as cascade:
        drawing = cascade.get_graph().draw_mermaid()

    order = [
        "retrieve_strategies",
        "weak_generate",
        "confidence_gate",
        "strong_generate",
        "distill_strategy",
        "store",
    ]
    assert [drawing.index(f"{name}({name})") for name in order] == sorted(
        drawing.index(f"{name}({name})") for name in order
    )
    assert "confidence_gate -. &nbsp;accept&nbsp; .-> __end__" in drawing
    assert "confidence_gate -. &nbsp;defer&nbsp; .-> strong_generate" in drawing


def test_three_models_make_a_cascade_that_is_taught_once(colour: Colour) -> None:
    """Every weaker level gets the strategy, under the caller's tenant, from one distillation."""
    first, second = weak_model(), weak_model()
    top = strong_model()
    with InterCascade.from_models(
        [first, second, top], thresholds=[0.5, 0.5], learning="inline"
    ) as cascade:
        answer = colour.invoke(cascade, QUERY, tenant="acme")
        colour.invoke(cascade, SIBLING, tenant="acme")
        stored = cascade.repository.count(tenant="acme", states=[State.ACTIVE])
        strays = cascade.repository.count(tenant="default")

    assert answer.content == "They have five pears."
    assert "Adding up two amounts" in first.calls[1][-1].text
    assert "Adding up two amounts" in second.calls[1][-1].text
    assert (stored, strays) == (1, 0)  # the second says the same as the first
    assert sum(call[0].type == "system" for call in top.calls) == 2


def test_a_cascade_of_one_model_is_refused() -> None:
    """As is a threshold too many."""
    with pytest.raises(ConfigurationError, match="two models"):
        InterCascade.from_models([weak_model()])
    with pytest.raises(ConfigurationError, match="2 thresholds"):
        InterCascade.from_models([weak_model(), strong_model()], thresholds=[0.1, 0.2])


def test_costs_of_an_inner_cascade_are_its_own_sum(colour: Colour) -> None:
    """Its tokens have several prices."""
    prices = {"weak-model": (1.0, 2.0), "strong-model": (10.0, 20.0)}
    usage = UsageMetadataCallbackHandler()
    with InterCascade.from_models(
        [weak_model(), weak_model(), strong_model()],
        thresholds=[0.5, 0.5],
        learning="off",
        prices=prices,
    ) as cascade:
        answer = colour.invoke(cascade, QUERY, {"callbacks": [usage]})
    due = sum(
        use["input_tokens"] * prices[name][0] + use["output_tokens"] * prices[name][1]
        for name, use in usage.usage_metadata.items()
    )

    record = answer.response_metadata["inter_cascade"]
    assert record["cost"] == pytest.approx(due / 1e6)
    assert record["inner"]["reason"] == "low_confidence"
    assert record["always_strong_cost"] == record["inner"]["usage"]["strong"]["cost"]
    assert answer.usage_metadata is not None
    total = sum(use["total_tokens"] for use in usage.usage_metadata.values())
    assert answer.usage_metadata["total_tokens"] == total


def test_a_weak_model_with_fallbacks_is_prepared_like_any_other(colour: Colour) -> None:
    """Each of them is asked for log-probabilities."""
    broken, spare = weak_model(ConnectionError("down")), weak_model(Reply("five", logprob=SURE))
    with cascade_of(broken.with_fallbacks([spare])) as cascade:  # type: ignore[arg-type]  # any runnable will do
        answer = colour.invoke(cascade, QUERY)

    assert answer.content == "five"


def test_a_batch_leaves_no_orphan_in_the_trace(colour: Colour) -> None:
    """One tree for each query."""
    trace = Trace()
    queries: list[Any] = [QUERY, SIBLING]
    config = RunnableConfig(callbacks=[trace])
    with cascade_of(learning="off") as cascade:
        colour.run(lambda: cascade.batch(queries, config), lambda: cascade.abatch(queries, config))

    assert [[run.name for run in root.child_runs] for root in trace.roots] == [
        ["weak", "strong"],
        ["weak", "strong"],
    ]


def test_an_alternative_may_stand_in_its_place(colour: Colour) -> None:
    """`configurable_alternatives`, and tenant, k and learning as configurable fields."""
    with cascade_of() as cascade:
        fields = {
            name: ConfigurableField(id=name) for name in ("tenant", "k", "learning", "threshold")
        }
        configurable = cascade.configurable_fields(**fields).configurable_alternatives(
            ConfigurableField(id="model"), default_key="cascade", plain=strong_model("plain")
        )
        changed = {"tenant": "acme", "k": 0, "learning": "off", "threshold": 0.7}
        answer = colour.invoke(configurable, QUERY, {"configurable": changed})
        plain = colour.invoke(configurable, QUERY, {"configurable": {"model": "plain"}})

    record = answer.response_metadata["inter_cascade"]
    assert (record["tenant"], record["threshold"]) == ("acme", 0.7)
    assert (record["regime"], record["lesson"]["state"]) == ("plain", "off")
    assert plain.content == "plain"


def test_its_traces_name_both_models(colour: Colour) -> None:
    """As `ls_provider` and `ls_model_name`."""
    trace = Trace()
    with cascade_of() as cascade:
        colour.invoke(cascade, QUERY, {"callbacks": [trace]})

    metadata = trace.roots[0].extra["metadata"]
    assert metadata["ls_provider"] == "inter_cascade"
    assert metadata["ls_model_name"] == "weak-model->strong-model"
