"""The card's figures are those that were measured, on the weights that are shipped."""

from __future__ import annotations

import json

import pytest

from benchmarks.lab_model import CARD, CURVE, OUT, wilson
from benchmarks.lab_model_card import figures, read_curve, replaced
from benchmarks.lab_model_cells import SHOWN, WHOSE, draw_trials
from langchain_intercascade.lab.engine import SHIPPED
from langchain_intercascade.lab.weights import read_weights

REPORT = json.loads(OUT.read_text("utf-8"))


def test_the_card_holds_the_measured_figures() -> None:
    card = CARD.read_text("utf-8")

    assert card == replaced(card, figures(REPORT, read_curve(CURVE)))


def test_the_figures_are_of_the_weights_that_are_shipped() -> None:
    weights = read_weights(SHIPPED)

    assert REPORT["model"]["bytes"] == SHIPPED.stat().st_size
    assert REPORT["model"]["steps"] == weights.about["steps"] == str(read_curve(CURVE)[-1]["steps"])


@pytest.mark.parametrize("whose", WHOSE)
def test_cells_ask_the_same_problems(whose: str) -> None:
    """They differ in what is shown alone, so a difference between cells is due to that."""
    asked = {shown: [t.question for t in draw_trials(whose, shown, 5, seed=1)] for shown in SHOWN}

    assert len({tuple(questions) for questions in asked.values()}) == 1


def test_a_poisoned_strategy_never_leads_to_the_right_code() -> None:
    for trial in draw_trials("new name", "poisoned", 50, seed=2):
        assert trial.misled not in {None, trial.answer}
        assert trial.misled.startswith("0")


@pytest.mark.parametrize(("hits", "count"), [(0, 5), (5, 5), (150, 300)])
def test_the_interval_holds_the_share(hits: int, count: int) -> None:
    low, high = wilson(hits, count)

    assert -1e-9 <= low <= hits / count <= high <= 1 + 1e-9
