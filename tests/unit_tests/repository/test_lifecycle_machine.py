"""Any sequence of changes leaves in an engine what it leaves in a plain dictionary.

`INTERCASCADE_STEPS=20 pytest ...` takes twenty times as many sequences.
"""

from __future__ import annotations

import os

from hypothesis.stateful import run_state_machine_as_test

from tests.unit_tests.repository.lifecycle_machine import OnEdge, OnQdrant, sequences

TIMES = int(os.environ.get("INTERCASCADE_STEPS", "1"))

TestOnEdge = OnEdge.TestCase
TestOnEdge.settings = sequences(2 * TIMES)
TestOnQdrant = OnQdrant.TestCase
TestOnQdrant.settings = sequences(5 * TIMES)


def test_each_step_is_counted() -> None:
    """What a long run says it did, it did: every step but the first look of each sequence."""
    before = OnQdrant.steps()
    run_state_machine_as_test(OnQdrant, settings=sequences(1))

    assert 0 < OnQdrant.steps() - before <= 40
