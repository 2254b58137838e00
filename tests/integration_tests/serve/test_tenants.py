"""Keys say whose a request is; nobody sees, rates or changes what is another's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from langchain_intercascade import ConfigurationError, State
from langchain_intercascade.serve.door import Keys, Room, check_address
from langchain_intercascade.serve.refusal import RefusedError
from tests.cascades import cascade_of
from tests.integration_tests.serve.serving import Served, served

KEYS = {
    "key-of-ann": "ann",
    "second-of-ann": "ann",
    "key-of-bob": "bob",
    "key-of-eve": "eve",  # who never asks
}
HIDDEN = ("/v1/models", "/dashboard.json", "/metrics", "/v1/nothing")
OPEN = ("/healthz", "/readyz", "/")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Served]:
    """A gateway of two tenants that has answered each of them once."""
    with served(cascade_of(), KEYS) as found:
        yield found


@pytest.mark.parametrize("key", ["", "wrong", "key-of-an", "key-of-annn", "KEY-OF-ANN"])
def test_without_a_key_nobody_comes_in(gateway: Served, key: str) -> None:
    asked = gateway.cascade.stats().runs
    answers = [gateway.ask(key), *(gateway.get(path, key) for path in HIDDEN)]

    assert {401} == {each.status_code for each in answers}
    assert {"invalid_api_key"} == {each.json()["error"]["code"] for each in answers}
    assert gateway.cascade.stats().runs == asked


def test_health_and_the_empty_page_are_open(gateway: Served) -> None:
    assert [200] * 3 == [gateway.get(path, "").status_code for path in OPEN]


def test_a_key_is_sent_as_a_bearer(gateway: Served) -> None:
    for authorization in ("key-of-ann", "Basic key-of-ann"):
        headers = {"authorization": authorization}
        assert gateway.http.get("/v1/models", headers=headers).status_code == 401
    headers = {"authorization": "bearer key-of-ann"}
    assert gateway.http.get("/v1/models", headers=headers).status_code == 200


def test_a_lesson_belongs_to_the_tenant_of_the_key(gateway: Served) -> None:
    """Another key of the same tenant profits from it, another tenant's does not."""
    asked = [{"role": "user", "content": "A very special question, of nobody else?"}]
    first, second, other = (
        gateway.ask(key, messages=asked).json()["inter_cascade"]
        for key in ("key-of-ann", "second-of-ann", "key-of-bob")
    )
    lesson = first["lesson"]["id"]

    assert ["ann", "ann", "bob"] == [each["tenant"] for each in (first, second, other)]
    assert gateway.cascade.repository.get(lesson, tenant="ann").state is State.ACTIVE
    assert gateway.cascade.repository.get(lesson, tenant="bob") is None
    assert lesson in {each["id"] for each in second["strategies"]}
    assert lesson not in {each["id"] for each in other["strategies"]}


def test_feedback_is_taken_from_whose_run_it_was(gateway: Served) -> None:
    answer = gateway.ask("key-of-ann").json()
    body = {"run_id": answer["id"], "correct": True}
    stolen = gateway.post("/v1/feedback", body, "key-of-bob")
    unknown = gateway.post("/v1/feedback", body | {"run_id": "nothing"}, "key-of-bob")
    own = gateway.post("/v1/feedback", body, "second-of-ann")

    assert [404, 404] == [stolen.status_code, unknown.status_code]
    assert stolen.json() == unknown.json()
    assert own.status_code == 200
    assert own.json()["run_id"] == answer["inter_cascade"]["run_id"]


def test_feedback_without_anything_said(gateway: Served) -> None:
    answer = gateway.ask("key-of-ann").json()
    refused = gateway.post("/v1/feedback", {"run_id": answer["id"]}, "key-of-ann")

    assert refused.status_code == 422


def test_the_right_answer_is_taken_as_a_lesson(gateway: Served) -> None:
    run_id = gateway.ask("key-of-bob").json()["id"]
    body = {"run_id": run_id, "correct": False, "answer": "They have six pears."}
    told = gateway.post("/v1/feedback", body, "key-of-bob")

    assert told.json()["weak_was_right"] is not None


def test_the_dashboard_and_decisions_are_of_one_tenant(gateway: Served) -> None:
    gateway.ask("key-of-ann")
    strategy = gateway.get("/dashboard.json", "key-of-ann").json()["strategies"][0]
    seen = gateway.get("/dashboard.json", "key-of-bob")
    stolen = gateway.post(f"/v1/strategies/{strategy['id']}/archive", {}, "key-of-bob")
    nothing = gateway.get("/dashboard.json", "key-of-eve").json()

    assert strategy["id"] not in seen.text
    assert seen.json()["tenant"] == "bob"
    assert (nothing["answers"], nothing["curve"], nothing["strategies"]) == (0, [], [])
    assert nothing["spending"]["roles"] == {}
    assert stolen.status_code == 404
    assert gateway.cascade.repository.get(strategy["id"], tenant="ann").state is State.ACTIVE


def test_no_tenant_is_named_to_prometheus(gateway: Served) -> None:
    gateway.ask("key-of-ann")
    text = gateway.get("/metrics", "key-of-bob").text

    assert "ann" not in text.replace("channel", "")
    assert 'intercascade_answers_total{route="strong"}' in text
    assert 'intercascade_requests_total{path="/v1/chat/completions",status="200"}' in text
    assert "CANARY" not in text


# Without keys.


def test_without_keys_only_this_machine_may_listen() -> None:
    none, some = Keys({}, otherwise="default"), Keys({"k": "t"}, otherwise="default")
    for host in ("127.0.0.1", "localhost", "::1"):
        check_address(host, none)
    check_address("0.0.0.0", some)  # noqa: S104 - with a key it may

    for host in ("0.0.0.0", "::", "10.0.0.5", "example.org"):  # noqa: S104 - refused here
        with pytest.raises(ConfigurationError, match="api_keys"):
            check_address(host, none)


def test_a_page_of_the_web_cannot_ask_behind_its_users_back() -> None:
    """Neither by a name that points here, nor by a form, nor for a decision without a header."""
    with served() as gateway:
        port = gateway.address.rpartition(":")[2]
        rebound = gateway.http.get("/v1/models", headers={"host": f"attacker.example:{port}"})
        form = gateway.http.post("/v1/chat/completions", headers={"content-type": "text/plain"})
        nameless = gateway.post("/v1/strategies/x/archive", {}, key="")
        local = gateway.http.get("/v1/models", headers={"host": f"localhost:{port}"})

    assert [403, 415, 401, 200] == [each.status_code for each in (rebound, form, nameless, local)]
    assert not any("access-control-allow-origin" in each.headers for each in (rebound, local))


# Limits.


def test_a_tenant_may_come_so_often_in_a_minute() -> None:
    now = 0.0
    room = Room(concurrent=100, per_minute=2, clock=lambda: now)
    room.enter("ann")
    room.enter("ann")
    with pytest.raises(RefusedError) as refused:
        room.enter("ann")
    room.enter("bob")
    now = 30.0
    room.enter("ann")

    assert refused.value.status == 429
    assert refused.value.headers["retry-after"] == "30"
    with pytest.raises(RefusedError):
        room.enter("ann")
    assert room.inside == 4


def test_the_rate_is_told_to_the_client() -> None:
    with served(per_minute=1) as gateway:
        statuses = [gateway.ask().status_code for _ in range(2)]

    assert statuses == [200, 429]
