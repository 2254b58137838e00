"""The page shows a tenant what it has, in a real browser, and lets a person decide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from langchain_intercascade import State
from langchain_intercascade.costs import Spending
from langchain_intercascade.record import DecisionRecord, amended, new_record
from langchain_intercascade.serve.figures import POINTS, REMEMBERED, Figures
from langchain_intercascade.strategy import Advice, Strategy
from langchain_intercascade.testing import PRICES, Reply, ScriptedChatModel
from tests.cascades import SURE, cascade_of
from tests.integration_tests.serve.browsing import BROWSER, browser
from tests.integration_tests.serve.serving import Served, served
from tests.lessons import lesson

EVIL = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
KEY = "key-of-acme"


def strategy(state: State, title: str) -> Strategy:
    """One of acme's strategies, with markup where a model could have put some."""
    advice = Advice(title=title, when_to_use=EVIL, steps=(EVIL, "Add."), pitfalls=(EVIL,))
    return lesson(title).changed(state=state, advice=advice, lesson=None, reason=EVIL)


def new_gateway() -> AbstractContextManager[Served]:
    """A gateway whose weak model is unsure at first."""
    weak = ScriptedChatModel(
        replies=[Reply("five", logprob=-3.0), Reply("five", logprob=SURE)],
        repeat_last=True,
        model_name="simulated-weak",
    )
    prices = {**PRICES, "strong-model": (2.5, 10.0)}
    return served(cascade_of(weak, prices=prices), {KEY: "acme"})


@pytest.fixture(scope="module")
def gateway() -> Iterator[Served]:
    """One gateway for the module."""
    with new_gateway() as found:
        yield found


@pytest.mark.skipif(not BROWSER, reason="there is no Chromium here")
def test_a_person_sees_and_decides_in_a_browser(tmp_path: Path) -> None:
    with new_gateway() as gateway, browser(tmp_path) as page:
        for _ in range(4):
            gateway.ask(KEY).raise_for_status()
        repository = gateway.cascade.repository
        for state, title in ((State.CANDIDATE, EVIL), (State.ACTIVE, "In use")):
            repository.put(strategy(state, title))
        page.open(f"{gateway.address}/")
        page.until("document.querySelector('#said').textContent.includes('not known')")
        page.value(f"at('key').value = {KEY!r}; document.querySelector('#form button').click()")
        page.until("document.body.dataset.shown === 'yes'")
        titles = page.value("[...document.querySelectorAll('h3')].map((each) => each.textContent)")
        tiles = page.value("at('tiles').innerText")
        lines = page.value("document.querySelectorAll('#curve polyline').length")
        page.screenshot(tmp_path / "page.png", wide=390, high=800, scheme="dark")
        wide = page.value("document.documentElement.scrollWidth")
        markup = page.value("document.querySelectorAll('main img, main script').length")
        page.value("document.querySelector('[data-action=approve]').click()")
        page.until("document.querySelectorAll('.tag.candidate').length === 0")
        approved = repository.count(tenant="acme", states=[State.CANDIDATE])
        page.value("document.querySelector('[data-action=archive]').click()")
        page.until("at('counts').textContent.includes('1 archived')")
        archived = repository.count(tenant="acme", states=[State.ARCHIVED])
        title = page.value("document.title")
        errors = [each for each in page.errors if "401" not in each]

    assert titles[0] == EVIL
    assert "In use" in titles
    assert "75 %" in tiles
    assert (lines, markup, approved, title, errors) == (2, 0, 0, "intercascade", [])
    assert wide <= 390
    assert (tmp_path / "page.png").stat().st_size > 5000
    assert archived == 1


def test_the_page_fetches_nothing_and_runs_nothing_but_its_own(gateway: Served) -> None:
    answer = gateway.get("/", "")
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = answer.text.replace("http://www.w3.org/2000/svg", "")
    assert not [word for word in ("http://", "https://", "innerHTML", "eval(") if word in page]


@pytest.mark.parametrize(
    ("action", "state", "status"),
    [
        ("approve", State.CANDIDATE, 200),
        ("approve", State.ACTIVE, 422),
        ("suspend", State.ACTIVE, 200),
        ("suspend", State.SUSPENDED, 422),
        ("archive", State.SUSPENDED, 200),
        ("archive", State.ARCHIVED, 422),
        ("delete", State.ACTIVE, 404),
    ],
)
def test_what_can_be_decided(gateway: Served, action: str, state: State, status: int) -> None:
    one = strategy(state, f"{action} what is {state.value}")
    gateway.cascade.repository.put(one)
    answer = gateway.post(f"/v1/strategies/{one.id}/{action}", {"by": "ines"}, KEY)
    after = gateway.cascade.repository.get(one.id, tenant="acme")

    assert answer.status_code == status
    assert after is not None
    if status == 200:
        assert "ines" in after.history[-1].what
        assert answer.json()["state"] == after.state.value != state.value
    else:
        assert after.state is state


def test_a_decision_about_nothing(gateway: Served) -> None:
    assert gateway.post("/v1/strategies/none/approve", {}, KEY).status_code == 404
    assert gateway.post("/v1/strategies/none/approve", {"by": 3}, KEY).status_code == 400


# The figures.


def spending(_: str) -> Spending:
    """Nothing was spent."""
    return Spending(
        answers=0,
        degraded=0,
        by_role={},
        background={},
        by_tenant={},
        cost=0.0,
        unanswered=0.0,
        always_strong_cost=1.0,
        prices={},
        uncounted=(),
        budget=(),
    )


def record(number: int, tenant: str = "acme") -> DecisionRecord:
    """The record of an accepted answer."""
    made = new_record(run_id=str(number), tenant=tenant, encoder="e")
    return amended(made, route="weak", reason="accepted")


def test_a_curve_stays_small_and_spans_all_answers() -> None:
    """Thinned out evenly: neither the start nor the end is lost."""
    figures = Figures(spending)
    for number in range(3000):
        figures.note(record(number))
    found = figures.of("acme")
    answers = [point["answers"] for point in found["curve"]]

    assert found["answers"] == 3000
    assert POINTS / 2 <= len(answers) <= POINTS
    assert answers == list(range(answers[0], 3001, answers[1] - answers[0]))
    assert answers[0] <= 32
    assert figures.of("other")["curve"] == []


def test_runs_are_remembered_for_a_while() -> None:
    figures = Figures(spending)
    for number in range(REMEMBERED + 1):
        figures.note(record(number, tenant=f"t{number % 2}"))

    assert figures.owner("0") is None
    assert figures.owner("1") == "t1"
    assert figures.owner(str(REMEMBERED)) == "t0"
