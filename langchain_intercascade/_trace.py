"""Which run of the trace a call belongs to.

LangChain does not tell a chat model's `_stream` which run it is part of, so the
id is chosen beforehand and travels with the call; without it the models' runs
would be orphans, and their tokens would be counted nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.callbacks import CallbackManager
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.utils.uuid import uuid7

from langchain_intercascade._steps import QUIET

if TYPE_CHECKING:
    from uuid import UUID

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )

RunManager: TypeAlias = "CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None"


@dataclass(frozen=True, slots=True)
class Scope:
    """One run of the trace, and what its children inherit."""

    run_id: UUID
    callbacks: Any
    tags: list[str]
    metadata: dict[str, Any]

    @classmethod
    def of(cls, run_manager: RunManager) -> Scope | None:
        """Return the scope of a call that came in by `generate` or by event streaming."""
        if run_manager is None:
            return None
        return cls(
            run_manager.run_id,
            list(run_manager.inheritable_handlers),
            run_manager.inheritable_tags,
            run_manager.inheritable_metadata,
        )

    def config(self, run_manager: RunManager = None) -> RunnableConfig:
        """Return the config for the calls inside: children of this run, kept out of its stream.

        What the user sees streamed are the cascade's own tokens, once.

        Args:
            run_manager: That of this run, if LangChain has made one; it has found out already who
                listens.
        """
        if run_manager is not None and run_manager.run_id == self.run_id:
            manager = CallbackManager(
                list(run_manager.inheritable_handlers),
                inheritable_handlers=list(run_manager.inheritable_handlers),
                tags=list(run_manager.inheritable_tags),
                inheritable_tags=list(run_manager.inheritable_tags),
                metadata=dict(run_manager.inheritable_metadata),
                inheritable_metadata=dict(run_manager.inheritable_metadata),
            )
        else:
            manager = CallbackManager.configure(
                inheritable_callbacks=self.callbacks,
                inheritable_tags=self.tags,
                inheritable_metadata=self.metadata,
            )
        manager.parent_run_id = self.run_id
        return {"callbacks": manager, "tags": [QUIET]}


def scoped(config: RunnableConfig | None) -> tuple[RunnableConfig, Scope]:
    """Return the config for a run, with its id chosen, and the run as a scope."""
    config = ensure_config(config)
    run_id = config.get("run_id") or uuid7()
    config["run_id"] = run_id
    scope = Scope(
        run_id,
        config.get("callbacks"),
        config.get("tags") or [],
        config.get("metadata") or {},
    )
    return config, scope
