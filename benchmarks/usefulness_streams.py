"""What the usefulness benchmark streams: questions answered with help and without, by family.

A recording of help is a pair: what one model answered to a question without anything, and
what the same model answered with help of the question's own kind in its prompt.  The mean
difference over a family is the *recorded effect* that the ledger should find out about.
"""

from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from langchain_core.embeddings import Embeddings

from langchain_intercascade.evaluation.pack import TransferPack
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.testing.recorded import Recording

KINSHIP: Final = 0.8
"""Weight of the task in a vector of `ByTask`: questions of one task are then .64 alike at least."""

MEMORY: Final = (
    "DynamicCheatsheet_Cumulative",
    "DynamicCheatsheet_RetrievalSynthesis",
    "EmptyCheatsheet",
)
"""Which condition of the memory runs stands for help: the first that was recorded of a task.

`EmptyCheatsheet` is the control: the long prompt of the method with nothing learned in it.
Where only that was recorded, what is judged is a teacher who teaches just that prompt.
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """One question, answered by one model without help and with help of its own kind.

    Attributes:
        family: The kind of question.
        question: What was asked.
        gold: The right answer.
        plain: The answer without help, and whether it was right.
        helped: The answer with help, and whether it was right.
    """

    family: str
    question: str
    gold: str
    plain: tuple[str, bool]
    helped: tuple[str, bool]

    @property
    def gain(self) -> int:
        """What help did: +1 mended, -1 spoilt, 0 neither."""
        return self.helped[1] - self.plain[1]

    def recording(self) -> Recording:
        """Return the pair as a weak model plays it."""
        answer, right = self.helped
        helped = Recording(self.question, answer, correct=right, family=self.family)
        plain, correct = self.plain
        return Recording(self.question, plain, correct=correct, family=self.family, helped=helped)


class Remembering(HashingEmbeddings):
    """The built-in encoder, which does not compute a vector twice: many streams ask the same."""

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        super().__init__()
        self._known: dict[str, list[float]] = {}

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of `text`."""
        if text not in self._known:
            self._known[text] = super().embed_query(text)
        return self._known[text]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Pairs to stream.

    Attributes:
        name: What to call it.
        pairs: In the order of the file.
        embeddings: The encoder; by default the built-in one.
        help: What help was, by family.
        assumed: What is assumed of it beyond what holds for all, in sentences.
    """

    name: str
    pairs: Sequence[Pair]
    embeddings: Embeddings = field(default_factory=Remembering)
    help: Mapping[str, str] = field(default_factory=dict)
    assumed: Sequence[str] = ()

    @property
    def families(self) -> dict[str, list[Pair]]:
        """The pairs by family, in order of appearance."""
        found: dict[str, list[Pair]] = defaultdict(list)
        for pair in self.pairs:
            found[pair.family].append(pair)
        return dict(found)

    def recorded(self) -> dict[str, float]:
        """Return the recorded effect of each family: by how much help changes its share right."""
        return {name: fmean(pair.gain for pair in found) for name, found in self.families.items()}


class ByTask(Embeddings):
    """Vectors that know which task a recorded question belongs to.

    The recorded memories were kept by task and put into every prompt of it, so what is shown
    was not decided by the wording.  The task makes up `KINSHIP` of the vector, the built-in
    encoder the rest.
    """

    def __init__(self, tasks: Mapping[str, str]) -> None:
        """Know the task of each question in `tasks`."""
        self._tasks = dict(tasks)
        self._names = sorted(set(tasks.values()))
        self._wording = Remembering()

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of `text`; what is no recorded question belongs to no task."""
        task = self._tasks.get(text)
        place = [KINSHIP if name == task else 0.0 for name in self._names]
        rest = math.sqrt(1.0 - KINSHIP**2)
        return [*place, *(rest * each for each in self._wording.embed_query(text))]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of `texts`."""
        return [self.embed_query(text) for text in texts]


def transfer_corpus(pack: TransferPack) -> Corpus:
    """Return the pairs of a transfer pack."""
    pairs = [
        Pair(
            row.family,
            row.question,
            row.gold,
            (row.direct_out or "", row.direct_ok),
            (row.cot_out or "", row.cot_ok),
        )
        for row in pack.rows
    ]
    kept = _once(pairs)
    return Corpus(
        pack.name.partition(".")[0],
        kept,
        help={pair.family: "worked examples of the family" for pair in kept},
    )


def memory_corpora(file: Path) -> list[Corpus]:
    """Return the pairs of the memory runs in `file`, one corpus for each model."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    name = file.name.partition(".")[0]
    models = sorted({row["model"] for row in rows})
    return [_memory(name, model, [r for r in rows if r["model"] == model]) for model in models]


def _memory(name: str, model: str, rows: Sequence[Mapping[str, Any]]) -> Corpus:
    runs: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        runs[row["task"]][row["cond"]].append(row)
    condition = {task: next(c for c in MEMORY if c in runs[task]) for task in sorted(runs)}
    pairs = [
        pair
        for task, chosen in condition.items()
        for pair in _paired(task, runs[task]["Baseline"], runs[task][chosen])
    ]
    kept = _once(pairs)
    return Corpus(
        f"{name}: {model}",
        kept,
        embeddings=ByTask({pair.question: pair.family for pair in kept}),
        help=condition,
        assumed=(
            "What is shown is found by task, as in the recorded runs, not by wording.",
            "Where only the control (EmptyCheatsheet) was recorded, that prompt is what is taught.",
        ),
    )


def _paired(
    task: str, plain: Iterable[Mapping[str, Any]], helped: Iterable[Mapping[str, Any]]
) -> Iterable[Pair]:
    answers = {row["question"]: row for row in plain}
    for row in helped:
        if (bare := answers.get(row["question"])) is not None:
            yield Pair(task, row["question"], str(row["gold"]), _answer(bare), _answer(row))


def _answer(row: Mapping[str, Any]) -> tuple[str, bool]:
    return str(row["answer"]), bool(row["ok"])


def _once(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs without those whose question was asked before: it would be known."""
    return list({pair.question: pair for pair in reversed(list(pairs))}.values())[::-1]
