"""What the guide of the gateway says is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.serve.asking import Asked
from langchain_intercascade.testing import Reply
from tests.cascades import SURE, cascade_of, weak_model
from tests.integration_tests.serve.serving import Served, served

GUIDE = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text("utf-8")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Served]:
    """A gateway that knows the answer."""
    with served(cascade_of(weak_model(Reply("It is 391.", logprob=SURE)))) as found:
        yield found


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
def test_its_python_runs(gateway: Served, block: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(block.replace("http://127.0.0.1:8000/v1", gateway.base_url), names)  # noqa: S102 - ours
    client = names.get("client") or names["model"].root_client
    client.close()

    assert capsys.readouterr().out.startswith("It is 391.")


def test_its_paths_and_metrics_are_those_of_the_gateway(gateway: Served) -> None:
    routes = {getattr(each, "path", "") for each in gateway.gateway.app().routes}
    for path in routes:
        # Of a path with parts that vary, what comes before them.
        assert f"{path.partition('/{')[0]}" in GUIDE, path
    text = gateway.get("/metrics").text
    for name in re.findall(r"`_(\w+)(?:\{.*?\})?`", GUIDE):
        assert f"# TYPE intercascade_{name} " in text, name


def test_parameters_of_the_guide_are_read() -> None:
    section = GUIDE.partition("What a request says")[2].partition("## ")[0]
    named = set(re.findall(r"`(\w+)`", section)) - {"off"}
    wishes = {"threshold", "k", "min_similarity", "learning", "force"}

    assert named <= set(Asked.model_fields) | wishes
