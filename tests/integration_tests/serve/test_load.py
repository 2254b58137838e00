"""The load test counts what it says it counts."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.gateway import Seen, row
from benchmarks.gateway_client import Load, latencies
from langchain_intercascade.testing import Reply
from tests.cascades import SURE, cascade_of, weak_model
from tests.integration_tests.serve.serving import served

LOAD = Load("a few", in_flight=3, calls=20)


def test_every_question_is_asked_once_and_answered() -> None:
    weak = weak_model(Reply("five", logprob=SURE))
    with served(cascade_of(weak), {"benchmark-key": "acme"}) as gateway:
        port = int(gateway.address.rpartition(":")[2])
        taken = asyncio.run(latencies(port, LOAD))

        assert (len(taken), weak.call_count) == (20, 20)
        assert min(taken) > 0


def test_an_answer_that_is_none_stops_the_measurement() -> None:
    with served(cascade_of(), {"another-key": "acme"}) as gateway:
        port = int(gateway.address.rpartition(":")[2])
        with pytest.raises(RuntimeError, match="not known"):
            asyncio.run(latencies(port, LOAD))


def test_a_ratio_is_the_median_of_those_of_each_round() -> None:
    """A round in which the machine was busy counts for both, and for no more than others."""
    names = ("passthrough", "cascade", "gateway")
    cpu = ([0.001, 0.010, 0.001], [0.002, 0.020, 0.002], [0.004, 0.040, 0.003])
    seen = {
        name: Seen(cpu=spent, rate=[10.0], taken=[0.001 * n for n in range(100)])
        for name, spent in zip(names, cpu, strict=True)
    }
    found = row(LOAD, "gateway", seen)

    assert (found["cpu_to_passthrough"], found["cpu_to_cascade"]) == (4.0, 2.0)
    assert (found["calls_per_second_and_core"], found["cpu_ms_per_call"]) == (250.0, 4.0)
    assert (found["p50_ms"], found["p99_ms"]) == (50.0, 99.0)
