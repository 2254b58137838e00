"""Any LangChain vector store can keep strategies: three kinds of store, and what they differ in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from qdrant_client import QdrantClient, models

from langchain_intercascade import State, VectorStoreRepository
from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import (
    ConfigurationError,
    EncoderMismatchError,
    RepositoryCorruptError,
    RepositoryError,
)
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.learning.lesson import Learned
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.repository.operations import Scope
from langchain_intercascade.repository.points import META_ID, Hit, point_id
from langchain_intercascade.strategy import Advice, Lesson, Origin, Strategy, pending_lesson
from langchain_intercascade.testing.material import Factory
from langchain_intercascade.testing.repository_contract import check_repository
from tests.cascades import QUERY, SIBLING, Host, cascade_of, weak_model
from tests.conftest import Colour

Filter = Callable[[Scope], Any]

PROMISES = [check.name for check in check_repository(EdgeRepository, reopen=EdgeRepository)]
ADVICE = Advice(title="Sums", when_to_use="Adding.", steps=("Add.",))


def in_memory(embeddings: Embeddings | None = None) -> InMemoryVectorStore:
    return InMemoryVectorStore(embeddings or HashingEmbeddings(64))


def filter_in_memory(scope: Scope) -> Callable[[Document], bool]:
    return lambda document: (
        document.metadata["tenant"] == scope.tenant and document.metadata["state"] in scope.states
    )


def filter_in_qdrant(scope: Scope) -> models.Filter:
    states = [state.value for state in scope.states]
    return models.Filter(
        must=[
            models.FieldCondition(
                key="metadata.tenant", match=models.MatchValue(value=scope.tenant)
            ),
            models.FieldCondition(key="metadata.state", match=models.MatchAny(any=states)),
        ]
    )


def strategy(query: str = QUERY, *, tenant: str = "acme", state: State = State.ACTIVE) -> Strategy:
    origin = Origin(run_id="r", strong_model="m", prompt_version=1)
    lesson = Lesson(query=query, answer="five")
    pending = pending_lesson(tenant=tenant, query=query, lesson=lesson, origin=origin)
    return pending.changed(state=state)


def put(colour: Colour, repository: VectorStoreRepository, one: Strategy) -> None:
    colour.run(lambda: repository.put(one), lambda: repository.aput(one))


def search(colour: Colour, repository: StrategyRepository, query: str, k: int = 1) -> list[Hit]:
    return colour.run(
        lambda: repository.search(query, tenant="acme", k=k),
        lambda: repository.asearch(query, tenant="acme", k=k),
    )


def found(colour: Colour, repository: StrategyRepository, query: str, k: int = 1) -> list[str]:
    return [hit.strategy.keys[0] for hit in search(colour, repository, query, k)]


# The contract, over three kinds of store.


@pytest.fixture
def memory() -> Factory:
    store = in_memory()
    return lambda: VectorStoreRepository(store)


@pytest.fixture
def filtered_memory() -> Factory:
    store = in_memory()
    return lambda: VectorStoreRepository(store, filter_for=filter_in_memory)


@pytest.fixture
def qdrant() -> Iterator[Factory]:
    """Qdrant's local mode, which is not thread-safe: concurrent use needs `one_at_a_time`."""
    module = pytest.importorskip("langchain_qdrant")
    with closing(QdrantClient(":memory:")) as client:
        size = models.VectorParams(size=64, distance=models.Distance.COSINE)
        client.create_collection("strategies", vectors_config=size)
        store = module.QdrantVectorStore(client, "strategies", embedding=HashingEmbeddings(64))
        yield lambda: VectorStoreRepository(store, filter_for=filter_in_qdrant, one_at_a_time=True)


@pytest.fixture
def faiss() -> Factory:
    """The one local store of langchain-community that reads by id.

    It is not thread-safe and refuses an id that it has already.
    """
    pytest.importorskip("langchain_community")
    engine = pytest.importorskip("faiss")
    from langchain_community.docstore import InMemoryDocstore  # noqa: PLC0415 - an optional package
    from langchain_community.vectorstores import FAISS  # noqa: PLC0415 - an optional package

    index = engine.IndexFlatL2(64)
    store = FAISS(HashingEmbeddings(64), index, InMemoryDocstore(), {})
    return lambda: VectorStoreRepository(store, overwrites=False, one_at_a_time=True)


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize(
    "factory",
    [
        "memory",
        "filtered_memory",
        "qdrant",
        pytest.param(
            "faiss",
            # langchain-community says on import that it is no longer maintained, and the stubs of
            # FAISS's C code leave out what Python 3.12 expects.  Neither is ours to mend.
            marks=pytest.mark.filterwarnings(
                "ignore:.*langchain-community:DeprecationWarning",
                "ignore:builtin type [Ss]wig:DeprecationWarning",
            ),
        ),
    ],
)
def test_the_store_keeps_its_promise(
    request: pytest.FixtureRequest, factory: str, promise: str
) -> None:
    fresh: Factory = request.getfixturevalue(factory)
    checks = {check.name: check for check in check_repository(fresh, reopen=fresh)}

    checks[promise].run()


# The search.


def test_a_tenant_in_a_crowd_is_found_with_a_filter(colour: Colour) -> None:
    """Without one, the documents fetched are all somebody else's."""
    store = in_memory()
    own = "How many pears are there?"
    for number in range(30):
        VectorStoreRepository(store).put(strategy(tenant=f"other {number}"))
    put(colour, VectorStoreRepository(store), strategy(own))

    assert [own] == found(colour, VectorStoreRepository(store), own)
    assert [] == found(colour, VectorStoreRepository(store), QUERY)
    assert [own] == found(colour, VectorStoreRepository(store, overfetch=31), QUERY)
    assert [own] == found(colour, VectorStoreRepository(store, filter_for=filter_in_memory), QUERY)


@pytest.mark.parametrize("filter_for", [None, filter_in_memory])
def test_what_is_out_of_use_takes_no_place(colour: Colour, filter_for: Filter | None) -> None:
    """Pending lessons are documents too, and most like their own query."""
    repository = VectorStoreRepository(in_memory(), filter_for=filter_for)
    put(colour, repository, strategy(QUERY, state=State.PENDING))
    put(colour, repository, strategy(SIBLING))

    assert [SIBLING] == found(colour, repository, QUERY)


def test_documents_of_somebody_else_are_left_alone(colour: Colour) -> None:
    """A store may hold more than strategies."""
    store = in_memory()
    store.add_documents([Document(QUERY)], ids=["theirs"])
    repository = VectorStoreRepository(store)
    put(colour, repository, strategy(SIBLING))

    assert [SIBLING] == found(colour, repository, QUERY, k=5)
    assert [Document(id="theirs", page_content=QUERY)] == store.get_by_ids(["theirs"])


def test_a_filter_that_lets_others_through_is_refused(colour: Colour) -> None:
    """Some stores ignore what they do not know."""
    repository = VectorStoreRepository(in_memory(), filter_for=lambda _: None)
    put(colour, repository, strategy(tenant="globex"))

    with pytest.raises(RepositoryError, match="does not apply the filter"):
        found(colour, repository, QUERY)


class DotProducts(InMemoryVectorStore):
    """Scores on a scale of its own and returns the farthest first."""

    def similarity_search_with_score_by_vector(
        self, *args: Any, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        nearest = super().similarity_search_with_score_by_vector(*args, **kwargs)
        return [(document, 100.0 * score) for document, score in reversed(nearest)]


def test_similarity_does_not_depend_on_the_store(colour: Colour) -> None:
    strategies = [strategy(QUERY), strategy("How many pears are there?")]
    with EdgeRepository() as edge:
        repositories = [
            VectorStoreRepository(InMemoryVectorStore(HashingEmbeddings())),
            VectorStoreRepository(DotProducts(HashingEmbeddings())),
            edge,
        ]
        for repository in repositories:
            for each in strategies:
                repository.put(each)
        one, other, exact = (search(colour, each, SIBLING, k=2) for each in repositories)

    assert one == other
    assert strategies == [hit.strategy for hit in one]
    similarities = [hit.similarity for hit in exact]
    assert similarities == pytest.approx([hit.similarity for hit in one], abs=1e-4)


class Counting(HashingEmbeddings):
    """Counts the texts that it encodes."""

    encoded = 0

    def embed_query(self, text: str) -> list[float]:
        self.encoded += 1
        return super().embed_query(text)


def test_a_search_encodes_only_the_query(colour: Colour) -> None:
    """The vectors of the keys come with the documents, in a process that never saw the keys too."""
    store = in_memory(embeddings := Counting())
    writer = VectorStoreRepository(store)
    for number in range(5):
        put(colour, writer, strategy(f"{QUERY} {number}"))
    reader = VectorStoreRepository(store)
    found(colour, reader, "warm up")
    before = embeddings.encoded

    assert 5 == len(found(colour, reader, QUERY, k=5))
    assert 1 == embeddings.encoded - before


# What a document holds.


def test_a_document_is_readable_by_its_owner(colour: Colour) -> None:
    """The key as text, so that the store may encode it; tenant and state for filters."""
    store = in_memory()
    put(colour, VectorStoreRepository(store), strategy())
    (document,) = store.get_by_ids([point_id("acme", strategy().id)])

    assert QUERY == document.page_content
    assert ("acme", "active") == (document.metadata["tenant"], document.metadata["state"])
    assert all(isinstance(value, str) for value in document.metadata.values())
    payload = json.loads(document.metadata["inter_cascade"])["payload"]
    assert strategy().id == Strategy.from_payload(payload).id


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"id": 1, "vectors": ["*"], "payload": {}}'])
def test_a_damaged_document_is_said_to_be_damaged(colour: Colour, damage: str) -> None:
    store = in_memory()
    repository = VectorStoreRepository(store)
    put(colour, repository, strategy())
    store.store[point_id("acme", strategy().id)]["metadata"]["inter_cascade"] = damage

    with pytest.raises(RepositoryCorruptError, match=r"damaged.*Restore .*or delete it"):
        found(colour, repository, QUERY)


def test_a_document_without_vectors_is_said_to_be_damaged(colour: Colour) -> None:
    store = in_memory()
    repository = VectorStoreRepository(store)
    put(colour, repository, strategy())
    metadata = store.store[point_id("acme", strategy().id)]["metadata"]
    metadata["inter_cascade"] = json.dumps(json.loads(metadata["inter_cascade"]) | {"vectors": []})

    with pytest.raises(RepositoryCorruptError, match="damaged"):
        found(colour, repository, QUERY)


def test_an_encoder_of_another_length_is_refused(colour: Colour) -> None:
    store = in_memory()
    put(colour, VectorStoreRepository(store), strategy())
    other = VectorStoreRepository(store, embeddings=HashingEmbeddings(32))

    with pytest.raises(EncoderMismatchError, match="Use the old encoder"):
        found(colour, other, QUERY)

    assert store.get_by_ids([META_ID])


# What stores cannot do.


class Silent(InMemoryVectorStore):
    """Does not tell what it encodes with."""

    @property
    def embeddings(self) -> Any:
        return None


def test_a_store_that_does_not_tell_its_embeddings_needs_them(colour: Colour) -> None:
    with pytest.raises(ConfigurationError, match="Pass the embeddings"):
        VectorStoreRepository(Silent(HashingEmbeddings()))

    repository = VectorStoreRepository(Silent(HashingEmbeddings()), embeddings=HashingEmbeddings())
    put(colour, repository, strategy())
    assert [QUERY] == found(colour, repository, QUERY)


def test_fetching_fewer_than_are_wanted_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not 0"):
        VectorStoreRepository(in_memory(), overfetch=0)


class WriteOnly(InMemoryVectorStore):
    """Leaves to the base class what the base class does not do."""

    get_by_ids = VectorStore.get_by_ids
    aget_by_ids = VectorStore.aget_by_ids


def test_a_store_that_cannot_read_by_id_says_so_at_first_contact(host: Host) -> None:
    """It can never work, so it is raised rather than answered around."""
    repository = VectorStoreRepository(WriteOnly(HashingEmbeddings()))

    with (
        cascade_of(repository=repository) as cascade,
        pytest.raises(
            ConfigurationError, match=r"WriteOnly does not implement `get_by_ids`.*EdgeRepository"
        ),
    ):
        host.ask(cascade)


class Faulty(InMemoryVectorStore):
    """Breaks when it is searched, and does not delete."""

    def similarity_search_by_vector(self, *_: Any, **__: Any) -> list[Document]:
        msg = "secret"
        raise ZeroDivisionError(msg)

    async def asimilarity_search_by_vector(self, *_: Any, **__: Any) -> list[Document]:
        return self.similarity_search_by_vector()

    def delete(self, *_: Any, **__: Any) -> Any:
        return False

    async def adelete(self, *_: Any, **__: Any) -> Any:
        return False


def test_whatever_a_store_raises_becomes_our_error(colour: Colour) -> None:
    """With the store's own error as its cause, and without its text."""
    repository = VectorStoreRepository(Faulty(HashingEmbeddings()))
    with pytest.raises(
        RepositoryError, match=r"ZeroDivisionError.*See that the store is up"
    ) as caught:
        found(colour, repository, QUERY)

    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_store_that_does_not_delete_is_not_believed(colour: Colour) -> None:
    repository = VectorStoreRepository(Faulty(HashingEmbeddings()))
    put(colour, repository, strategy())

    with pytest.raises(
        RepositoryError, match=r"could not delete 1 document.*may be written to, and try again"
    ):
        colour.run(
            lambda: repository.remove(strategy().id, tenant="acme"),
            lambda: repository.aremove(strategy().id, tenant="acme"),
        )


# The cascade.


def test_a_cascade_learns_and_retrieves(host: Host) -> None:
    weak = weak_model()
    repository = VectorStoreRepository(
        InMemoryVectorStore(HashingEmbeddings()), filter_for=filter_in_memory
    )
    with cascade_of(weak, repository=repository) as cascade:
        _, first = host.ask(cascade)
        _, second = host.ask(cascade, SIBLING)

        assert "stored" == first["lesson"]["state"]
        assert [first["lesson"]["id"]] == [each["id"] for each in second["strategies"]]
        assert "Adding up two amounts" in weak.calls[1][-1].text
        assert [] == [*first["faults"], *second["faults"]]


def test_background_learning_works_without_recovery(host: Host) -> None:
    """What an earlier process left cannot be looked for; what this one is taught is learned."""
    repository = VectorStoreRepository(InMemoryVectorStore(HashingEmbeddings()))
    with cascade_of(repository=repository, learning="background") as cascade:
        _, first = host.ask(cascade)
        while not cascade.learner_stats().stored:
            cascade.flush(timeout=0.05)  # not longer: the vain search for earlier lessons goes on
        _, second = host.ask(cascade, SIBLING)

        assert [first["lesson"]["id"]] == [each["id"] for each in second["strategies"]]
        with pytest.raises(RepositoryError, match="cannot list"):
            cascade.recover()


def test_a_learner_survives_that_it_cannot_recover() -> None:
    """Lessons are learned before and after it tried."""
    repository = VectorStoreRepository(in_memory())

    def learn(pending: Strategy) -> Steps[Learned]:
        active = pending.changed(state=State.ACTIVE, advice=ADVICE, lesson=None)
        yield from repository.putting(active)
        return Learned("stored", active)

    learner = Learner(learn, repository, backoff=0.0)
    lessons = [strategy(text, state=State.PENDING) for text in (QUERY, SIBLING)]
    for lesson in lessons:
        repository.put(lesson)
        learner.submit(lesson)
        assert learner.flush(timeout=10)
    learner.close()

    assert 2 == learner.stats().stored
    for lesson in lessons:
        stored = repository.get(lesson.id, tenant="acme")
        assert stored is not None
        assert State.ACTIVE is stored.state
