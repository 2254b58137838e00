"""This is where an experiment is described: models, questions, gate, and the arms to run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.runnables import Runnable

from langchain_intercascade.chat_model import InterCascade
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.costs import Prices
from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.evaluation.arms import Grader
from langchain_intercascade.evaluation.grading import grader_of
from langchain_intercascade.evaluation.labelling import labels_only
from langchain_intercascade.evaluation.recall import RecallingModel
from langchain_intercascade.evaluation.streams import Stream
from langchain_intercascade.models import name_of
from langchain_intercascade.options import DEFAULT_ADMISSION, DEFAULT_THRESHOLD
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.embeddings import Encoder, HashingEmbeddings
from langchain_intercascade.threshold.bounds import checked_target

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.messages import AIMessage

    from langchain_intercascade.evaluation.journal import Memory
    from langchain_intercascade.evaluation.report import Kind

Model: TypeAlias = "Runnable[Any, AIMessage]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """All that decides what comes out.

    Attributes:
        stream: What is asked.
        models: The models, cheapest first; two or more.
        grader: Judges answers: the name of one, see `grading.grader_of`, or a function of
            question and answer.
        seeds: Each fixes an order, or a stream.
        thresholds: One for each model but the last.
        target_risk: In place of thresholds: each cascade finds its own, so that at most this
            share of the accepted answers says something else than the strong model.
        k: How many strategies (or examples) are shown at most.
        min_similarity: Least similarity of one that is shown; measured if `None`.
        confidence: As for a cascade.
        options: More options of the cascades; see `InterCascade`.
        prices: What the models cost.
        warm: Folder of a repository that each learning arm begins with a copy of.
        embeddings: The encoder; the built-in one if `None`.
        judge: Makes a judge out of its name.
        kind: What the models are.
    """

    stream: Stream
    models: Sequence[Model]
    grader: str | Grader = "auto"
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    thresholds: Sequence[Any] = ()
    target_risk: float | None = None
    k: int = 2
    min_similarity: float | None = None
    confidence: Any = "logprobs"
    options: Mapping[str, Any] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    warm: Path | None = None
    embeddings: Embeddings | None = None
    judge: Callable[[str], Model] | None = None
    kind: Kind = "live"

    def __post_init__(self) -> None:
        """Refuse what can never be run."""
        if len(self.models) < 2:  # noqa: PLR2004 - a weak and a strong one
            msg = f"An experiment needs two models or more, cheapest first, not {len(self.models)}."
            raise ConfigurationError(msg)
        if any(isinstance(model, InterCascade) for model in self.models):
            msg = "A model of an experiment is a cascade itself: name the models in it instead."
            raise ConfigurationError(msg)
        if not self.seeds:
            msg = "An experiment needs a seed or more: it runs once for each."
            raise ConfigurationError(msg)
        if self.thresholds and len(self.thresholds) != len(self.models) - 1:
            msg = (
                f"There are {how_many(len(self.models), 'model')} and "
                f"{how_many(len(self.thresholds), 'threshold')}: give one for each model but the "
                "last."
            )
            raise ConfigurationError(msg)
        if self.target_risk is not None:
            checked_target(self.target_risk)
            if self.thresholds:
                msg = (
                    f"There are thresholds and a target risk of {self.target_risk:g}: give one or "
                    "the other."
                )
                raise ConfigurationError(msg)

    @property
    def cuts(self) -> list[Any]:
        """The threshold of each gate; `None` where it finds its own."""
        gates = len(self.models) - 1
        if self.target_risk is not None:
            return [None] * gates
        return list(self.thresholds) or [DEFAULT_THRESHOLD] * gates

    @property
    def threshold_told(self) -> Any:
        """The thresholds as a report tells them."""
        if self.target_risk is not None:
            return f"found for a target risk of {self.target_risk:g}"
        return self.cuts[0] if len(self.cuts) == 1 else self.cuts

    @property
    def admission(self) -> str:
        """How strategies are admitted, in a word."""
        given = self.options.get("admission", DEFAULT_ADMISSION)
        return given if isinstance(given, str) else "by a function"

    @property
    def levels(self) -> list[str]:
        """What the models are called: "weak", "middle" ("middle2" ...), "strong"."""
        middle = [f"middle{at if at > 1 else ''}" for at in range(1, len(self.models) - 1)]
        return ["weak", *middle, "strong"]

    @property
    def names(self) -> dict[str, str]:
        """The models' names by level."""
        return dict(zip(self.levels, map(name_of, self.models), strict=True))

    @property
    def grader_name(self) -> str:
        """What judges, in a word."""
        if isinstance(self.grader, str):
            return self.grader
        return getattr(self.grader, "__name__", type(self.grader).__name__)

    def settings(self) -> dict[str, object]:
        """Return what a kept reply depends on, besides what was asked.

        Arms and seeds are not among it: more of them can be added to a run.
        """
        return {
            "models": list(self.names.values()),
            "data": self.stream.name,
            "sha256": self.stream.digest,
            "grader": self.grader_name,
            "thresholds": [str(cut) for cut in self.cuts],
            "k": self.k,
            "min_similarity": self.min_similarity,
            "confidence": as_confidence(self.confidence).method,
            "encoder": Encoder(self.embeddings or HashingEmbeddings()).label,
            "warm": None if self.warm is None else str(self.warm.absolute()),
            "options": {name: _plainly(value) for name, value in self.options.items()},
            # Only if there is one, so that runs begun before there was such a setting go on.
            **({} if self.target_risk is None else {"target_risk": self.target_risk}),
        }

    def grading(self, memory: Memory) -> Grader:
        """Return the grader; a judge is remembered by `memory`.

        Raises:
            ConfigurationError: There is no such grader.
        """
        if not isinstance(self.grader, str):
            return self.grader
        make = self.judge

        def judge(name: str) -> Model:
            if make is None:
                msg = (
                    f"judge:{name}: nobody said how to make a judge of it. Give the experiment "
                    "`judge=`, a function that makes a model of a name."
                )
                raise ConfigurationError(msg)
            return RecallingModel(inner=make(name), memory=memory, level="judge")

        return grader_of(self.grader, judge)

    def recalling(self, memory: Memory) -> list[RecallingModel]:
        """Return the models, each remembering by `memory`."""
        pairs = zip(self.levels, self.models, strict=True)
        return [RecallingModel(inner=model, memory=memory, level=level) for level, model in pairs]

    @contextmanager
    def cascade(
        self, memory: Memory, make: type[InterCascade] = InterCascade, **options: Any
    ) -> Iterator[InterCascade]:
        """Build a cascade on a repository of its own, and take both down at the end."""
        given = {
            "confidence": self.confidence,
            "prices": self.prices,
            "k": self.k,
            "min_similarity": self.min_similarity,
            "learning": "off",
            **self.options,
            **options,
        }
        models, learns = self.recalling(memory), given["learning"] != "off"
        with self._repository(warm=learns) as where:
            if self.target_risk is not None:
                given |= {"target_risk": self.target_risk, **({} if learns else labels_only(where))}
            with make.from_models(
                models, thresholds=self.cuts, repository=where, **given
            ) as cascade:
                yield cascade

    @contextmanager
    def _repository(self, *, warm: bool) -> Iterator[EdgeRepository]:
        """Open an empty repository, or a copy of the one to begin with."""
        if not warm or self.warm is None:
            with EdgeRepository(embeddings=self.embeddings) as empty:
                yield empty
            return
        with tempfile.TemporaryDirectory(prefix="inter-cascade-bench-") as folder:
            copy = shutil.copytree(self.warm, Path(folder) / "warm")
            with EdgeRepository(copy, embeddings=self.embeddings) as warmed:
                yield warmed


def _plainly(value: Any) -> str:
    """Return what can be compared in another process: an object's address cannot."""
    plain = isinstance(value, str | int | float | bool | None | list | tuple)
    return repr(value) if plain else type(value).__name__
