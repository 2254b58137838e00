"""What keeps the runs inside a cascade out of every stream, and the config of each run."""

from __future__ import annotations

from typing import Any, Final, cast

from langchain_core.callbacks import Callbacks
from langchain_core.runnables import RunnableConfig

QUIET: Final = "nostream"
"""Tag of runs that no user may see while they go on; LangGraph knows it too."""


def out_of_sight(callbacks: Callbacks) -> Callbacks:
    """Return `callbacks` without those that show a run to a user while it goes on.

    Event streams and LangGraph's message stream are callbacks too, and are known by
    their `tap_output_iter`.  Tracers and counters stay: they must see every run.
    """
    if callbacks is None:
        return None
    if isinstance(callbacks, list):
        return [each for each in callbacks if not hasattr(each, "tap_output_iter")]
    if not any(hasattr(each, "tap_output_iter") for each in callbacks.handlers):
        return callbacks
    quiet = callbacks.copy()
    quiet.handlers = [h for h in quiet.handlers if not hasattr(h, "tap_output_iter")]
    quiet.inheritable_handlers = [
        h for h in quiet.inheritable_handlers if not hasattr(h, "tap_output_iter")
    ]
    return quiet


def laid_over(base: RunnableConfig, changes: dict[str, Any]) -> RunnableConfig:
    """Return `base` with `changes`; tags and metadata are added to, the rest is replaced."""
    merged = cast("RunnableConfig", {**base, **changes})
    if "tags" in changes:
        merged["tags"] = [*(base.get("tags") or []), *changes["tags"]]
    if "metadata" in changes:
        merged["metadata"] = {**(base.get("metadata") or {}), **changes["metadata"]}
    if QUIET in (merged.get("tags") or ()):
        merged["callbacks"] = out_of_sight(base.get("callbacks"))
    return merged
