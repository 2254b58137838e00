"""What every front offers besides answering: waiting for what is learned, and closing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from langchain_intercascade.learning.learner import LearnerStats
    from langchain_intercascade.parts import Parts


class Face:
    """Mixed into the fronts that own `Parts`; usable in `with` and `async with` blocks."""

    _parts: Parts
    _owns_repository: bool

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every queued lesson is learned; say whether that came to pass.

        Args:
            timeout: Seconds to wait at most; for ever if `None`.
        """
        return self._parts.learner.flush(timeout)

    async def aflush(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the twin of `flush`
        """See `flush`."""
        return await asyncio.to_thread(self.flush, timeout)

    def recover(self, tenant: str | None = None) -> int:
        """Queue the lessons that an earlier process left pending; say how many.

        Args:
            tenant: Whose lessons; those of the cascade's own tenant if `None`.
        """
        return self._parts.learner.recover(tenant or self._parts.run.tenant)

    def learner_stats(self) -> LearnerStats:
        """Return what the background learner has done so far."""
        return self._parts.learner.stats()

    def close(self) -> None:
        """Stop learning after the lesson in progress, and give back a temporary repository.

        Lessons that were not learned yet stay pending in the repository.
        """
        self._parts.learner.close()
        if self._owns_repository:
            self._parts.repository.close()

    async def aclose(self) -> None:
        """See `close`."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.aclose()
