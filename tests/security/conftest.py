"""What several of the security tests use."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

ENOUGH = 5.0
"""Seconds of computing, not of the clock: a hundred times what is needed, a tenth of what was."""


@pytest.fixture
def quick() -> Callable[[Callable[[], object]], None]:
    """Run something, and fail if it computes for longer than anybody should be able to ask for."""

    def run(call: Callable[[], object]) -> None:
        began = time.process_time()
        call()

        assert time.process_time() - began < ENOUGH

    return run
