"""The cascade over a real OpenAI client and a real HTTP server, counted at the server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr

from langchain_intercascade import (
    ConfigurationError,
    EdgeRepository,
    InterCascade,
    RepositoryError,
    State,
    StrongModelError,
)
from langchain_intercascade.testing import Fault, StubReply, StubServer
from tests.cascades import ADVICE, QUERY, SIBLING
from tests.conftest import Colour
from tests.integration_tests.conftest import MakeClient

MakeCascade = Callable[..., InterCascade]


@pytest.fixture
def server(listening: StubServer) -> StubServer:
    """The server with a sure weak model and a strong one that can also distil, and no history."""
    listening.reset()
    listening.model("weak", lambda _: "five pears", logprob=-0.01)
    listening.model("strong", strong_reply, logprob=None)
    return listening


def strong_reply(request: dict[str, Any]) -> StubReply:
    """Answer, or write a strategy if that is what the prompt asks for."""
    distil = "reusable strategies" in str(request["messages"][0]["content"])
    return StubReply(ADVICE if distil else "They have five pears.")


def unsure(server: StubServer) -> None:
    """Let the weak model be unsure from now on."""
    server.model("weak", lambda _: "CANARY six", logprob=-2.0)


@pytest.fixture
def cascade_of(client: MakeClient) -> Callable[..., InterCascade]:
    """Makes cascades over the server that learn before they answer."""

    def make(**options: Any) -> InterCascade:
        defaults: dict[str, Any] = {"threshold": 0.5, "learning": "inline"}
        return InterCascade(weak=client("weak"), strong=client("strong"), **(defaults | options))

    return make


def test_an_accepted_query_makes_one_call(
    server: StubServer, colour: Colour, cascade_of: MakeCascade
) -> None:
    """One HTTP chat call, with log-probabilities asked for and no streaming."""
    with cascade_of() as cascade:
        answer = colour.invoke(cascade, QUERY)

    assert answer.content == "five pears"
    assert (server.calls("weak"), server.calls("strong")) == (1, 0)
    assert server.requests[0].body["logprobs"] is True
    assert not server.requests[0].body.get("stream")


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_a_deferred_query_makes_three_calls(
    server: StubServer, colour: Colour, how: str, cascade_of: MakeCascade
) -> None:
    """Weak, strong and distil, and the caller's usage count equals the server's bill."""
    unsure(server)
    usage = UsageMetadataCallbackHandler()
    with cascade_of() as cascade:
        result = getattr(colour, how)(cascade, QUERY, {"callbacks": [usage]})
        answer = result if how == "invoke" else sum(result[1:], start=result[0])
        stored = cascade.repository.count(tenant="default", states=[State.ACTIVE])

    assert answer.content == "They have five pears."
    assert "CANARY" not in str(result)
    assert (server.calls("weak"), server.calls("strong"), stored) == (1, 2, 1)
    billed = {name: sum(server.tokens(name)) for name in ("weak", "strong")}
    assert {name: use["total_tokens"] for name, use in usage.usage_metadata.items()} == billed
    assert answer.usage_metadata["total_tokens"] == sum(billed.values())


def test_the_next_similar_query_carries_the_strategy(
    server: StubServer, colour: Colour, cascade_of: MakeCascade
) -> None:
    """In the weak model's request over the wire, in the user's message, and nowhere else."""
    unsure(server)
    with cascade_of() as cascade:
        colour.invoke(cascade, QUERY)
        colour.invoke(cascade, SIBLING)

    weak = [each.body["messages"] for each in server.requests if each.model == "weak"]
    strong = [each.body["messages"] for each in server.requests if each.model == "strong"]
    assert "Adding up two amounts" in weak[1][0]["content"]
    assert weak[1][0]["role"] == "user"
    assert "<strategies" not in str(strong)


def test_deleting_the_repository_in_mid_run_still_answers(
    server: StubServer, colour: Colour, tmp_path: Path, cascade_of: MakeCascade
) -> None:
    """What is lost is the memory, not the answer; closing says that it is lost."""
    unsure(server)
    repository = EdgeRepository(tmp_path / "store")
    with cascade_of(repository=repository) as cascade:
        colour.invoke(cascade, QUERY)
        shutil.rmtree(tmp_path / "store")
        answers = [colour.invoke(cascade, f"{SIBLING} ({i})") for i in range(3)]

    assert [answer.content for answer in answers] == ["They have five pears."] * 3
    with pytest.raises(RepositoryError):
        repository.close()


def test_a_wrong_key_is_raised_and_not_deferred_around(
    server: StubServer, colour: Colour, cascade_of: MakeCascade
) -> None:
    """The strong model is never called."""
    server.fail("weak", Fault(status=401))
    with cascade_of() as cascade, pytest.raises(ConfigurationError, match="key"):
        colour.invoke(cascade, QUERY)

    assert server.calls("strong") == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(status=500),
        Fault(status=503),
        Fault(body='{"choices": [{"message": '),
        Fault(body=""),
        Fault(cut_after=0),
    ],
)
def test_a_weak_outage_yields_the_strong_answer(
    server: StubServer, colour: Colour, fault: Fault, cascade_of: MakeCascade
) -> None:
    """Whatever goes wrong on the way to the weak model."""
    server.fail("weak", fault)
    with cascade_of() as cascade:
        answer = colour.invoke(cascade, QUERY)

    assert answer.content == "They have five pears."
    assert answer.response_metadata["inter_cascade"]["reason"] == "weak_failed"


def test_a_weak_timeout_yields_the_strong_answer(
    server: StubServer, colour: Colour, cascade_of: MakeCascade, client: MakeClient
) -> None:
    """The request is given up after the client's own timeout."""
    server.fail("weak", Fault(hang=30))
    weak = client("weak", timeout=0.2)
    with cascade_of() as cascade:
        impatient = InterCascade(
            weak=weak, strong=cascade.strong, repository=cascade.repository, learning="off"
        )
        answer = colour.invoke(impatient, QUERY)

    assert answer.content == "They have five pears."


def test_a_strong_outage_is_a_typed_error(
    server: StubServer, colour: Colour, cascade_of: MakeCascade
) -> None:
    """It carries the weak answer, and nothing is stored."""
    unsure(server)
    server.fail("strong", Fault(status=503))
    with cascade_of() as cascade:
        with pytest.raises(StrongModelError) as caught:
            colour.invoke(cascade, QUERY)

        assert caught.value.weak_answer is not None
        assert caught.value.weak_answer.content == "CANARY six"
        assert cascade.repository.count(tenant="default") == 0


def test_a_remote_encoder_is_asked_once_per_text(
    server: StubServer, cascade_of: MakeCascade
) -> None:
    """The vector of the query is used for the search and for the lesson."""
    unsure(server)
    embeddings = OpenAIEmbeddings(
        base_url=server.base_url,
        api_key=SecretStr("test"),
        model="embedding",
        check_embedding_ctx_length=False,
    )
    with EdgeRepository(embeddings=embeddings) as repository:
        with cascade_of(repository=repository) as cascade:
            cascade.invoke(QUERY)

        assert server.calls("embedding") == 2  # the probe and the query
        assert repository.count(tenant="default", states=[State.ACTIVE]) == 1


def test_the_responses_api_is_refused_when_it_is_built(client: MakeClient) -> None:
    """LangChain returns no log-probabilities through it, so the gate could never accept."""
    weak = client("weak", use_responses_api=True)
    with pytest.raises(ConfigurationError, match="use_responses_api=False"):
        InterCascade(weak=weak, strong=client("strong"))
