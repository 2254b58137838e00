"""`intercascade bench`: measure a cascade beside its rivals, on your questions or a recording."""

from __future__ import annotations

import typer

from langchain_intercascade.cli import given
from langchain_intercascade.cli.bench_options import (
    Admission,
    AdmissionOption,
    AnswerColumnOption,
    ArmsOption,
    ConcurrencyOption,
    ConfidenceOption,
    DataOption,
    FamilyColumnOption,
    GraderOption,
    JsonOutOption,
    KOption,
    LimitOption,
    MaxCostOption,
    MiddleOption,
    ModelOption,
    PackOption,
    PriceOption,
    QuestionColumnOption,
    QuestionsOption,
    RunOption,
    SeedOption,
    SeedsOption,
    SimilarityOption,
    SplitOption,
    StrongOption,
    TargetRiskOption,
    ThresholdsOption,
    TitleOption,
    WarmOption,
    WeakOption,
)
from langchain_intercascade.cli.bench_pack import PackAsked, refuse, replay_pack
from langchain_intercascade.cli.bench_run import Asked, run_bench
from langchain_intercascade.cli.options import EmbeddingsOption
from langchain_intercascade.cli.typed import as_typed, typed
from langchain_intercascade.errors import InterCascadeError
from langchain_intercascade.evaluation.questions import Columns

ONLY_LIVE = (
    *("middle", "model", "question_column", "answer_column", "family_column", "grader", "arms"),
    *("questions", "seeds", "confidence", "warm", "embeddings", "price", "max_cost"),
    *("concurrency", "run", "title", "target_risk", "admission"),
)
"""What makes no sense for a pack."""


def bench(
    *,
    context: typer.Context,
    data: DataOption = None,
    pack: PackOption = None,
    weak: WeakOption = None,
    middle: MiddleOption = None,
    strong: StrongOption = None,
    model: ModelOption = None,
    question_column: QuestionColumnOption = None,
    answer_column: AnswerColumnOption = None,
    family_column: FamilyColumnOption = None,
    questions: QuestionsOption = 300,
    limit: LimitOption = None,
    split: SplitOption = None,
    grader: GraderOption = "auto",
    arms: ArmsOption = None,
    seeds: SeedsOption = 3,
    seed: SeedOption = 0,
    threshold: ThresholdsOption = None,
    target_risk: TargetRiskOption = None,
    admission: AdmissionOption = Admission.ALWAYS,
    confidence: ConfidenceOption = "logprobs",
    k: KOption = 2,
    min_similarity: SimilarityOption = None,
    embeddings: EmbeddingsOption = given.HASHING,
    warm: WarmOption = None,
    price: PriceOption = None,
    max_cost: MaxCostOption = None,
    concurrency: ConcurrencyOption = 4,
    run: RunOption = None,
    json: JsonOutOption = None,
    title: TitleOption = "",
) -> None:
    """Measure a cascade beside its rivals: on your questions, or on recorded answers.

    With --data your models answer your questions, in several orders: the weak one alone, the
    strong one alone, the cascade without strategies, with retrieved ones, with random ones, with
    past answers as examples, with a neutral prompt; and, where the file tells families, with a
    strategy of the right family every time. With --run it can be stopped at any time, goes on when
    the same command is given again, and pays for no call twice; with --target-risk in place of
    --threshold each cascade finds its threshold itself:

    \b
      intercascade bench --data questions.jsonl --weak openai:gpt-4o-mini \\
          --strong openai:gpt-4o --threshold 0.8 --run runs/first --max-cost 5
      intercascade bench --weak simulated --strong simulated --questions 100
      intercascade bench --weak lab --strong lab --target-risk 0.1 --admission replay

    With --pack no model is called: a pack holds what real models answered, and the real cascade
    decides on it. A pack with confidences (keys: prompt, models) needs two models and a
    threshold. The first line lists the models, the second suggests thresholds:

    \b
      intercascade bench --pack answers.jsonl.gz
      intercascade bench --pack answers.jsonl.gz --weak small --strong large
      intercascade bench --pack answers.jsonl.gz --weak small --strong large --threshold 0.6

    A pack with answers without and with help (keys: family, question, gold, direct_out,
    direct_ok, cot_out, cot_ok) shows a cascade that learns:

    \b
      intercascade bench --pack families.jsonl.gz --json report.json
      intercascade bench --pack families.jsonl.gz --limit 500 --seed 1 --k 1
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    if pack is not None:
        _replay(
            context,
            PackAsked(
                pack=pack,
                weak=weak,
                strong=strong,
                threshold=threshold,
                split=split,
                seed=seed,
                limit=limit,
                k=k,
                min_similarity=min_similarity,
                json=json,
            ),
        )
        return
    run_bench(
        Asked(
            data=data,
            columns=Columns(question=question_column, answer=answer_column, family=family_column),
            models=given.model_names(weak, middle, strong, model),
            questions=questions,
            limit=limit,
            grader=grader,
            arms=arms,
            seeds=range(seed, seed + seeds),
            threshold=threshold,
            target_risk=target_risk,
            admission=admission.value,
            confidence=confidence,
            k=k,
            min_similarity=min_similarity,
            embeddings=embeddings,
            warm=warm,
            price=tuple(price or ()),
            max_cost=max_cost,
            concurrency=concurrency,
            run=run,
            json=json,
            title=title,
            command=as_typed(context),
        )
    )


def _replay(context: typer.Context, asked: PackAsked) -> None:
    alien = [option for name, option in typed(context).items() if name in ONLY_LIVE]
    if alien:
        refuse(f"{alien[0]} is not for a pack, whose answers are recorded; leave it out.")
    try:
        replay_pack(asked)
    except InterCascadeError as error:
        refuse(str(error))
