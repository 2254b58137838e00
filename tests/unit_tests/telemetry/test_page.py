"""The page about all this: its code runs as it stands, and Prometheus knows the names in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from langchain_intercascade.testing.stub.server import StubServer

pytest.importorskip("opentelemetry.exporter.prometheus", reason="needs the Prometheus exporter")
pytest.importorskip("langchain_openai", reason="the page's models are OpenAI's")

PAGE = (Path(__file__).parents[3] / "docs/observability.md").read_text("utf-8")

ASKED = """
cascade.invoke("When does the train leave?", force="weak")
cascade.invoke("When does the train leave?", force="strong", learning="inline")
cascade.flush()
"""
SHOWN = """
from prometheus_client import generate_latest
print(generate_latest().decode())
cascade.close()
"""


def test_the_code_runs_and_prometheus_knows_the_names(openai: StubServer) -> None:
    """In a process of its own: what is set for all of OpenTelemetry cannot be taken back."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    totals, traces, prometheus = (b for b in blocks if "AsJson" not in b)
    prometheus = prometheus.replace("9464", "0")  # whichever port is free
    code = prometheus + traces + ASKED + totals + SHOWN
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    told = set(re.findall(r"^(inter_cascade_\w+?)(?:_bucket)?\{", run.stdout, re.MULTILINE))
    queries = "\n".join(b for b in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if "rate" in b)
    asked = set(re.findall(r"(inter_cascade_\w+)[{\[ ]", queries))

    assert run.returncode == 0, run.stderr
    assert openai.calls("gpt-4o") >= 1
    assert '"name": "invoke_agent inter_cascade"' in run.stdout
    assert 'inter_cascade_route="strong"' in run.stdout
    seldom = {"inter_cascade_promises"}  # there is none without `target_risk`
    assert len(asked) > 4
    assert asked - told - seldom == set()
