"""The cascades that the overhead is measured of, as chat model and as graph, and what they keep."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from langchain_core.embeddings import Embeddings
from langchain_core.runnables import Runnable

from benchmarks.overhead_pair import TENANTS, Instant, Teacher
from langchain_intercascade import InterCascade, create_inter_cascade
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.operations import Count, Operation, Point, Read, Swap, Write

STRATEGIES: Final = 1000
K: Final = 2


def cascade(
    repository: StrategyRepository, threshold: float, *, delay: float = 0.0
) -> InterCascade:
    """Return a cascade of two instant models that learns in the background."""
    return InterCascade(**_parts(repository, threshold, delay))


def graph(
    repository: StrategyRepository, threshold: float, *, delay: float = 0.0
) -> Runnable[Any, Any]:
    """Return the same as a graph, which learns before the answer returns."""
    return create_inter_cascade(**_parts(repository, threshold, delay)).compile()


def _parts(repository: StrategyRepository, threshold: float, delay: float) -> dict[str, Any]:
    return {
        "weak": Instant(delay=delay),
        "strong": Instant(model_name="gpt-4o"),
        "distiller": Teacher(),
        "repository": repository,
        "threshold": threshold,
        "tenant": TENANTS[0],
        "k": K,
    }


class Pointing(Embeddings):
    """Encodes everything as the same direction, at once."""

    def embed_query(self, text: str) -> list[float]:  # noqa: ARG002 - in the contract
        """Return the direction."""
        return [1.0, 0.0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return it for each."""
        return [[1.0, 0.0] for _ in texts]

    async def aembed_query(self, text: str) -> list[float]:
        """Return the direction."""
        return self.embed_query(text)


class Stub(StrategyRepository):
    """A repository that finds nothing, and keeps what it is given in a dictionary: at once.

    What is asked of it is what the cascade needs, so what remains to be measured is the cascade.
    """

    engine: ClassVar[str] = "stub"
    exclusive: ClassVar[bool] = True

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(embeddings=Pointing())
        self._points: dict[str, Point] = {}

    @property
    def location(self) -> str:
        """Nowhere."""
        return "memory"

    def create(self, dimension: int) -> None:
        """There is room."""

    async def acreate(self, dimension: int) -> None:
        """There is room."""

    def execute(self, operation: Operation) -> Any:
        """Read and write single points; every search and list comes back empty."""
        match operation:
            case Swap(point, version):
                stored = self._points.get(point.id)
                if (stored.payload["version"] if stored else None) != version:
                    return False
                self._points[point.id] = point
                return True
            case Write(points):
                self._points |= {point.id: point for point in points}
                return None
            case Read(ids):
                return [self._points[each] for each in ids if each in self._points]
            case Count():
                return 0
        return []

    async def aexecute(self, operation: Operation) -> Any:
        """Do as `execute` does, which waits for nobody."""
        return self.execute(operation)
