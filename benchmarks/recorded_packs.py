"""The packs of the second table: what each holds, in sentences, and how it is read.

p1   MMLU, with log-probabilities, tokens and dollars       p5   BIG-Bench-Hard, with and without
p2   Reasoning-Gym, three samples a model                        worked examples of the family
p3   GSM8K, one answer each of many models                  p6   runs with and without a memory
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.recorded_models import Case, tokens
from benchmarks.recorded_streams import Records, Told, drawn, helped, replay_of, without_help
from benchmarks.usefulness_streams import memory_corpora, transfer_corpus
from langchain_intercascade.costs import Prices
from langchain_intercascade.evaluation.pack import LogprobPack, LogprobRow, TransferPack, read_pack
from langchain_intercascade.evaluation.replay import recorded_scores
from langchain_intercascade.evaluation.rows import read_rows
from langchain_intercascade.testing.recorded import Recording

PACKS: Final = {
    "p1": "p1_gate_logprob_mmlu.jsonl.gz",
    "p2": "p2_families_easy.jsonl.gz",
    "p3": "p3_gsm8k_50_models.jsonl.gz",
    "p5": "p5_bbh_transfer.jsonl.gz",
    "p6": "p6_memory_runs.jsonl.gz",
}
"""The files, by the names they have in the table."""

MMLU_PAIRS: Final = {
    "mmlu_llama": ("llama3.1-8b", "llama3.1-405b"),
    "mmlu_gpt": ("gpt-4o-mini", "gpt-4o"),
}
GYM_PAIR: Final = ("mistralai_mistral-small-3.1-24b-instruct", "openai_o3-mini")
GSM_PAIR: Final = ("gpt-3.5-turbo-0125", "gpt-4o-2024-08-06")
GSM_OTHERS: Final = (
    *("Meta-Llama-3-8B-Instruct", "Qwen2-7B-Instruct"),
    *("Mistral-Nemo-Instruct-2407", "gemma-2-9b-it"),
)
"""Small models whose agreement stands for the confidence that was not recorded of GSM8K."""

MMLU_PRICES: Final = {
    "llama3.1-8b": (0.2, 0.2),
    "llama3.1-405b": (3.0, 3.0),
    "gpt-4o-mini": (0.15, 0.6),
    "gpt-4o": (2.5, 10.0),
}
"""Dollars per million tokens: with them every recorded cost follows from the recorded tokens."""


def records_in(folder: Path) -> Iterator[Records]:
    """Yield the records of the packs in `folder`, in the order of the table."""
    for name, read in _READERS.items():
        yield from read(folder / PACKS[name])


def mmlu(file: Path) -> Iterator[Records]:
    """Yield the pairs of p1; thresholds are fitted on its train split."""
    pack = read_pack(file)
    if not isinstance(pack, LogprobPack):
        msg = f"{file.name} holds no confidences."
        raise TypeError(msg)
    for key, (weak, strong) in MMLU_PAIRS.items():
        fitted = _once(pack.rows_of(weak, strong, "train"))
        scores = recorded_scores(fitted, weak)
        rights = [row.models[weak].correct for row in fitted]
        told = Told(
            (
                f"The answers of {weak} and {strong} to MMLU questions, right or wrong.",
                f"The confidence: the probability that {weak} gave its answer. Tokens and dollars.",
            ),
            (f"The threshold is fitted on the {len(fitted)} questions of the train split.",),
        )
        cases = [_mmlu_case(row, weak, strong) for row in _once(pack.rows_of(weak, strong, "test"))]
        yield Records(
            key=key,
            pack="p1",
            replay=replay_of(cases, weak, strong, without_help(told)),
            calibration=list(zip(scores, rights, strict=True)),
            prices=Prices({name: MMLU_PRICES[name] for name in (weak, strong)}),
        )


def gym(file: Path) -> Iterator[Records]:
    """Yield the pair of p2; the weak model's other samples stand for its confidence."""
    weak, strong = GYM_PAIR
    rows = [row.cells for row in read_rows(file)]
    both = [row for row in rows if {weak, strong} <= row["runs"].keys()]
    told = Told(
        (
            (
                f"Three answers of {weak} and one of {strong} to questions of Reasoning-Gym, with "
                "their scores; right is a score of 1."
            ),
            "The length of each reply in characters.",
        ),
        (
            (
                "The first of the three is the weak answer, and the share of the other two with "
                "the same words its confidence. What those two cost is counted in no arm."
            ),
        ),
    )
    cases = [_gym_case(row, weak, strong) for row in {r["question"]: r for r in both}.values()]
    yield drawn("gym", "p2", GYM_PAIR, cases, told)


def gsm(file: Path) -> Iterator[Records]:
    """Yield the pair of p3; the answers of other small models stand for a confidence."""
    told = Told(
        (
            f"One answer of {' and of '.join(GSM_PAIR)} to each question of GSM8K, right or wrong.",
            "The length of each reply in characters.",
        ),
        (
            (
                "No confidence was recorded: the share of four other small models "
                f"({', '.join(GSM_OTHERS)}) with the same number stands for it. What those cost "
                "is counted in no arm."
            ),
        ),
    )
    cases = [_gsm_case(row.cells) for row in read_rows(file)]
    yield drawn("gsm8k", "p3", GSM_PAIR, cases, told)


def transfer(file: Path) -> Iterator[Records]:
    """Yield p5: one model, with and without worked examples of the question's family."""
    pack = read_pack(file)
    if not isinstance(pack, TransferPack):
        msg = f"{file.name} holds no answers with help."
        raise TypeError(msg)
    yield helped("bbh", "p5", transfer_corpus(pack), "code-davinci-002")


def memory(file: Path) -> Iterator[Records]:
    """Yield p6: two models, with and without a memory of what they had done before."""
    for corpus in memory_corpora(file):
        model = corpus.name.partition(": ")[2]
        yield helped(f"memory_{model.partition('-')[0]}", "p6", corpus, model)


_READERS: Final[Mapping[str, Callable[[Path], Iterator[Records]]]] = {
    "p1": mmlu,
    "p2": gym,
    "p3": gsm,
    "p5": transfer,
    "p6": memory,
}


def _once(rows: Iterable[LogprobRow]) -> list[LogprobRow]:
    """Return each prompt once: what was asked before would be known."""
    return list({row.prompt: row for row in rows}.values())


def _mmlu_case(row: LogprobRow, weak: str, strong: str) -> Case:
    def recording(model: str) -> Recording:
        said = row.models[model]
        counted = (said.tok.read, said.tok.written) if said.tok else None
        return Recording(
            row.prompt, said.answer, correct=said.correct, logprob=said.conf_logp, tokens=counted
        )

    return Case(recording(weak), recording(strong), system=row.system)


def _gym_case(row: Mapping[str, Any], weak: str, strong: str) -> Case:
    question = row["question"]

    def recording(said: Mapping[str, Any]) -> Recording:
        return Recording(
            question,
            said["a"],
            correct=said["s"] == 1,
            family=row["family"],
            tokens=(tokens(question), tokens("-" * said["n"])),
        )

    first, *others = row["runs"][weak]
    same = Counter(each["a"] for each in others)[first["a"]]
    score = None if first["a"] is None else same / len(others)
    return Case(recording(first), recording(row["runs"][strong][0]), score)


def _gsm_case(row: Mapping[str, Any]) -> Case:
    question = row["question"]

    def recording(model: str) -> Recording:
        number, right, length = row["out"][model]
        counted = (tokens(question), tokens("-" * length))
        said = None if number is None else f"{number:g}"
        return Recording(question, said, correct=bool(right), tokens=counted)

    weak, strong = map(recording, GSM_PAIR)
    mine, *numbers = (row["out"][name][0] for name in (GSM_PAIR[0], *GSM_OTHERS))
    score = None if mine is None else numbers.count(mine) / len(numbers)
    return Case(weak, strong, score)
