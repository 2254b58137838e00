"""Peers that put two chat models behind one, as they come, with the same models inside."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any, Final

from langchain_core.runnables import Runnable

from benchmarks.overhead_pair import Instant

PACKAGES: Final = ("cascadeflow", "langchain-model-router")
"""What has to be installed for all of them; `with_fallbacks` is LangChain's own."""


def peers() -> tuple[dict[str, Runnable[Any, Any]], list[str]]:
    """Return the peers that can be imported, by name, and the packages that cannot."""
    weak, strong = Instant(), Instant(model_name="gpt-4o")
    found: dict[str, Runnable[Any, Any]] = {"with_fallbacks": weak.with_fallbacks([strong])}
    missing = []
    for package, make in zip(PACKAGES, (_cascadeflow, _router), strict=True):
        try:
            found |= make(weak, strong)
        except ImportError:
            missing.append(package)
    return found, missing


def _cascadeflow(weak: Instant, strong: Instant) -> dict[str, Runnable[Any, Any]]:
    flow = import_module("cascadeflow.integrations.langchain").CascadeFlow
    logging.getLogger("cascadeflow").setLevel(logging.ERROR)
    # Its validator scores the answer and then accepts whatever the score is, as ours does.
    pair = {"drafter": weak, "verifier": strong, "quality_threshold": 0.0}
    return {
        "cascadeflow": flow(**pair),
        "cascadeflow without pre-router": flow(**pair, enable_pre_router=False),
    }


def _router(weak: Instant, strong: Instant) -> dict[str, Runnable[Any, Any]]:
    module = import_module("langchain_model_router")
    router = module.ChatRouter(
        routes={"weak": weak, "strong": strong},
        default_route="weak",
        strategy=module.HeuristicStrategy("weak", "strong"),
    )
    return {"langchain-model-router": router}
