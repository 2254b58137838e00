"""What an engine provides: room for vectors, and eight small operations in two colours.

It knows nothing of models, prompts or strategies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from langchain_intercascade._steps import Steps, either
from langchain_intercascade.repository.operations import Operation


class Engine(ABC):
    """Something that keeps points and finds the nearest ones."""

    engine: ClassVar[str]
    """Short name of the engine, for records and messages."""

    lists: ClassVar[bool] = True
    """Whether the engine can list what it holds; if not, `scan` and `count` raise."""

    swaps: ClassVar[bool] = True
    """Whether two processes that change one strategy at once can be told apart by the engine."""

    exclusive: ClassVar[bool] = False
    """Whether no other process can be at work on the same strategies."""

    keeps_after_delete: ClassVar[str] = ""
    """What may be left of a deleted strategy, in words, for the receipt of `forget`."""

    @abstractmethod
    def create(self, dimension: int) -> None:
        """Make room for vectors of `dimension`, unless there is room already.

        Raises:
            EncoderMismatchError: There is room, but for vectors of another length.
            RepositoryCorruptError: What is there is not a strategy repository.
        """

    @abstractmethod
    async def acreate(self, dimension: int) -> None:
        """Do as `create` does, without blocking the event loop."""

    @abstractmethod
    def execute(self, operation: Operation) -> Any:
        """Carry out one operation; the reply is stated at the operation's class."""

    @abstractmethod
    async def aexecute(self, operation: Operation) -> Any:
        """Carry out one operation without blocking the event loop."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Where the strategies lie, for people: a folder, a URL, or "memory"."""

    def stored_dimension(self) -> int | None:
        """Return the length of the stored vectors; `None` if there are none, or nobody knows."""
        return None

    def close(self) -> None:  # noqa: B027 - not every engine holds something
        """Give back what the engine holds; closing twice is harmless."""

    async def aclose(self) -> None:
        """Do as `close` does, without blocking the event loop."""
        self.close()

    def _executing(self, operation: Operation) -> Steps[Any]:
        return either(lambda: self.execute(operation), lambda: self.aexecute(operation))
