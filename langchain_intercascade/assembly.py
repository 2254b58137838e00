"""This is where a cascade is put together out of its parts.

Both hosts, the graph and the chat model, run the same `Parts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from langchain_intercascade._steps import Steps, nothing
from langchain_intercascade.agreement import (
    Agreement,
    AnswerAgreement,
    FirstToTell,
    JudgeAgreement,
    as_agreement,
)
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.costs import (
    BUNDLED,
    Accounts,
    Allowance,
    AlwaysStrong,
    Budget,
    Prices,
    StrongEstimate,
    accounts_of,
    check_priced,
    metered,
    provider_of,
)
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.learning.admission import Admission, AdmissionPolicy, Verifier
from langchain_intercascade.learning.aftermath import Aftermath
from langchain_intercascade.learning.books import Books
from langchain_intercascade.learning.canaries import Canaries
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.learning.leases import next_number, owner_name
from langchain_intercascade.learning.pledge import Pledge
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.learning.upkeep import Upkeep
from langchain_intercascade.models import Model, as_model, name_of, prepared_weak, terminal
from langchain_intercascade.nodes.accounting import accounted, thrifty, within_budget
from langchain_intercascade.nodes.advising import advising
from langchain_intercascade.nodes.afterwards import (
    after_accepting,
    after_deferring,
    asking_again,
    guarding_by,
    learning_by,
    replay_by,
)
from langchain_intercascade.nodes.confidence_gate import ToolCallPolicy, confidence_gate
from langchain_intercascade.nodes.distill_strategy import Distilling, distill_strategy
from langchain_intercascade.nodes.retrieve_strategies import (
    QueryFrom,
    last_human_text,
    retrieve_strategies,
)
from langchain_intercascade.nodes.store import Storing, store
from langchain_intercascade.nodes.strong_generate import OnStrongError, strong_generate
from langchain_intercascade.nodes.weak_generate import weak_generate
from langchain_intercascade.options import (
    DEFAULT_ADMISSION,
    DEFAULT_THRESHOLD,
    checked_cap,
    checked_floor,
    checked_k,
    checked_share,
)
from langchain_intercascade.parts import Nodes, Parts
from langchain_intercascade.prompts import VERSION as PROMPTS_VERSION
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.repository.fingerprint import fingerprinting
from langchain_intercascade.repository.retrieval import Floors
from langchain_intercascade.resilience.safeguards import Safeguards
from langchain_intercascade.state import Learning, Run
from langchain_intercascade.strategy import checked_tenant
from langchain_intercascade.telemetry.observer import Observer, observer_of
from langchain_intercascade.threshold.base import FixedThreshold, Threshold, ThresholdValue
from langchain_intercascade.threshold.binding import Binding
from langchain_intercascade.threshold.bounds import checked_delta, checked_target
from langchain_intercascade.threshold.file import threshold_of
from langchain_intercascade.threshold.self_calibrating import (
    AUDIT_RATE,
    REGIMES,
    SelfCalibrating,
    checked_abstain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.costs import Price
    from langchain_intercascade.nodes.distiller import Distilled
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.resilience.limits import Pool
    from langchain_intercascade.resilience.safeguards import Purpose
    from langchain_intercascade.strategy import Strategy
    from langchain_intercascade.threshold.watch import OnAbstain


def build_parts(
    weak: Model,
    strong: Model,
    *,
    repository: StrategyRepository | None = None,
    confidence: Any = "logprobs",
    threshold: Threshold | ThresholdValue | None = None,
    target_risk: float | None = None,
    delta: float = 0.1,
    on_abstain: OnAbstain = "wrong",
    tenant: str = "default",
    shared: str | None = None,
    k: int = 2,
    min_similarity: float | None = None,
    lexical: bool = False,
    admission: AdmissionPolicy = DEFAULT_ADMISSION,
    verifier: Verifier | None = None,
    agreement: Any = None,
    faithful: bool = False,
    keep_examples: bool = False,
    lifetime: timedelta | None = None,
    max_strategies: int | None = None,
    holdout: float = 0.0,
    audit_rate: float | None = None,
    learning: Learning = "inline",
    distiller: Model | None = None,
    on_strong_error: OnStrongError = "raise",
    query_from: QueryFrom | None = None,
    prices: Mapping[str, Price | tuple[float, float]] | Prices | None = None,
    budget: Budget | None = None,
    timeouts: Any = None,
    max_concurrency: Any = None,
    tool_calls: Any = "defer",
    strategies_with_tools: bool = False,
    advise: bool = False,
    telemetry: Observer | None = None,
    learner: Learner | None = None,
    accounts: Accounts | None = None,
    safeguards: Safeguards | None = None,
) -> Parts:
    """Put a cascade together; the arguments are those of `InterCascade`.

    Raises:
        ConfigurationError: Something can never work as configured.
    """
    observer = observer_of(telemetry)
    table = prices if isinstance(prices, Prices) else Prices(prices, table=BUNDLED)
    guards = safeguards or Safeguards(
        timeouts=timeouts,
        max_concurrency=max_concurrency,
        watched=None if observer is None else partial(observer.model, prices=table),
    )
    given_weak = as_model(weak, "weak")
    scored_by = guards.model(given_weak, "confidence", "weak")
    scorer = as_confidence(confidence).bound_to(scored_by)
    for_tools = _tool_call_policy(tool_calls, scored_by)
    given_strong = as_model(strong, "strong")
    ground = _Ground(
        weak=prepared_weak(given_weak, *_needs(scorer, for_tools)),
        strong=given_strong,
        teacher=as_model(distiller, "distiller") if distiller else terminal(given_strong),
        pool="distiller" if distiller else "strong",
        repository=repository if repository is not None else _temporary_repository(),
        prices=table,
        guards=guards,
    )
    where, floors = ground.repository, Floors(ground.repository)
    comparing = as_agreement(agreement)
    policy = checked_abstain(on_abstain)
    rate = AUDIT_RATE if audit_rate is None else audit_rate
    cut = (
        _threshold(threshold)
        if target_risk is None
        else _promise(
            where,
            tenant,
            threshold,
            weak_model=ground.weak_model,
            strong_model=ground.strong_model,
            confidence=scorer.method,
            agreement=comparing.method,
            prompts=str(PROMPTS_VERSION),
            target_risk=checked_target(target_risk),
            delta=checked_delta(delta),
            audit_rate=checked_share("audit_rate", rate),
            # Without strategies every answer is plain: no part of delta is kept for others.
            regimes=REGIMES if k else ("plain",),
            on_abstain=policy,
        )
    )
    cut.check(
        ground.binding(scorer),
        partial(fingerprinting, where, tenants=list(filter(None, (tenant, shared))), k=k),
    )
    audits = _audits(cut, audit_rate)
    accounts = accounts or _accounts(ground, budget)
    admitting = Admission(
        policy=admission,
        agreement=_admission_agreement(agreement, ground.teacher_for("replay")),
        replay=replay_by(ground.weak_for("replay")),
        verifier=verifier,
        weak_model=ground.weak_model,
        faithful=faithful,
        keep_examples=keep_examples,
        lifetime=lifetime,
    )
    canaries = Canaries(where, admitting)
    lessons = _lessons(ground, accounts, admitting, guarding_by(canaries, floors), floors)
    learner = learner or _learner(lessons, where, accounts, observer)
    upkeep = Upkeep(where, floors, learner, max_strategies=checked_cap(max_strategies))
    aftermath = Aftermath(
        where,
        Books(where, weak_model=ground.weak_model),
        admitting,
        learner,
        canaries,
        agreement=comparing,
        ask_strong=asking_again(ground.strong_for("audit")),
        weak_model=ground.weak_model,
        strong_model=ground.strong_model,
        accounts=accounts,
        shared=shared,
        audit_rate=audits,
        observers=(cut.observe,),
        settled=cut.syncing if isinstance(cut, Promise) else nothing,
        meeting=cut.meeting,
    )
    retrieve_body = retrieve_strategies(
        where,
        query_from=query_from or last_human_text,
        with_tools=strategies_with_tools,
        breaker=guards.breakers["repository"],
        guard=guards.guard("retrieval"),
        floors=floors,
        weak_model=ground.weak_model,
        shared=None if shared is None else checked_tenant(shared),
        holdout=checked_share("holdout", holdout),
        lexical=lexical,
        examples=faithful,
    )
    weak_body = weak_generate(
        ground.weak_for("weak"), prices=table, breaker=guards.breakers["weak"]
    )
    gate_body = confidence_gate(
        scorer,
        cut,
        always_strong=AlwaysStrong(table, ground.strong_model, ground.provider),
        prices=table,
        tool_calls=for_tools,
        guard=guards.guard("confidence"),
        accepted=after_accepting(aftermath),
    )
    helping = advising(
        ground.teacher_for("advise"),
        weak_body,
        gate_body,
        strong_model=ground.strong_model,
        prices=table,
    )
    strong_body = strong_generate(
        ground.strong_for("strong"),
        where,
        strong_model=ground.strong_model,
        prices=table,
        on_strong_error=on_strong_error,
        # A name of its own: what is learned before an answer is no business of the learner.
        owner=partial(owner_name, next_number()),
        advise=helping if advise else None,
        meeting=cut.meeting,
    )
    nodes = Nodes(
        retrieve_body,
        weak_body,
        gate_body,
        strong_body,
        distill_strategy(lessons.distilling, learner=learner, prices=table),
        store(lessons.storing, prices=table, afterwards=after_deferring(aftermath, upkeep)),
    )
    run = Run(
        tenant=checked_tenant(tenant),
        k=checked_k(k),
        min_similarity=checked_floor(min_similarity),
        learning=learning,
    )
    parts = Parts(
        _counted(nodes, ground, accounts, observer),
        run,
        where,
        learner,
        aftermath,
        accounts,
        guards,
        cut,
        ground.weak_model,
        ground.strong_model,
    )
    if observer is not None:
        observer.watch(parts)
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What every part stands on: who is asked, where strategies live, what tokens cost.

    Attributes:
        weak: The weak model, told to say what its confidence is measured by.
        strong: The strong model.
        teacher: Who distils, advises and judges.
        pool: Whose limit the teacher's calls keep to.
        repository: Where the strategies live.
        prices: What tokens cost.
        guards: Breakers, limits and counters.
    """

    weak: Runnable[Any, AIMessage]
    strong: Runnable[Any, AIMessage]
    teacher: Runnable[Any, AIMessage]
    pool: Pool
    repository: StrategyRepository
    prices: Prices
    guards: Safeguards

    @property
    def weak_model(self) -> str:
        """Name of the weak model."""
        return name_of(self.weak)

    @property
    def strong_model(self) -> str:
        """Name of the strong model; of a cascade, that of its last one."""
        return name_of(terminal(self.strong))

    @property
    def provider(self) -> str:
        """Whose prices are those of the strong model."""
        return provider_of(terminal(self.strong))

    def weak_for(self, purpose: Purpose) -> Runnable[Any, AIMessage]:
        """Return the weak model as it is called for `purpose`."""
        return self.guards.model(self.weak, purpose, "weak")

    def strong_for(self, purpose: Purpose) -> Runnable[Any, AIMessage]:
        """Return the strong model as it is called for `purpose`."""
        return self.guards.model(self.strong, purpose, "strong")

    def teacher_for(self, purpose: Purpose) -> Runnable[Any, AIMessage]:
        """Return the teacher as it is called for `purpose`."""
        return self.guards.model(self.teacher, purpose, self.pool)

    def binding(self, scorer: ConfidenceFunction) -> Binding:
        """Return what a threshold serves beside here."""
        return Binding(
            weak_model=self.weak_model,
            confidence=scorer.method,
            prompts=str(PROMPTS_VERSION),
            encoder=self.repository.encoder.label,
        )


class _Lessons(NamedTuple):
    """What is done with a pending lesson: it is distilled, then stored."""

    distilling: Callable[[Strategy], Steps[Distilled]]
    storing: Storing


def _lessons(
    ground: _Ground,
    accounts: Accounts,
    admission: Admission,
    guarding: Callable[[Strategy], Steps[Strategy]],
    floors: Floors,
) -> _Lessons:
    distilling = Distilling(
        distiller=ground.teacher_for("distill"),
        repository=ground.repository,
        admission=admission,
        guarding=guarding,
        floor=floors.reading,
        prices=ground.prices,
    )
    return _Lessons(
        thrifty(distilling, ground.repository, accounts),
        Storing(ground.repository, admission, guarding),
    )


def _learner(
    lessons: _Lessons,
    repository: StrategyRepository,
    accounts: Accounts,
    observer: Observer | None,
) -> Learner:
    learning = learning_by(lessons.distilling, lessons.storing, accounts)
    if observer is None:
        return Learner(learning, repository)
    return Learner(observer.lesson(learning), repository, around=observer.work)


def _needs(*scorers: ToolCallPolicy | ConfidenceFunction) -> tuple[bool, int]:
    """Return whether any of `scorers` needs log-probabilities, and of how many candidates."""
    asked = [each for each in scorers if not isinstance(each, str)]
    return any(each.needs_logprobs for each in asked), max(each.top_logprobs for each in asked)


def _accounts(ground: _Ground, budget: Budget | None) -> Accounts:
    """Return accounts in which nothing is spent yet.

    Raises:
        ConfigurationError: `budget` is no budget, or the price of one of the models is unknown.
    """
    if budget is not None:
        if not isinstance(budget, Budget):
            msg = f"budget={budget!r} must be a Budget, such as Budget(per_day=20)."
            raise ConfigurationError(msg)
        models = {"weak": ground.weak, "strong": ground.strong, "distiller": ground.teacher}
        named = {role: (model, name_of(model)) for role, model in models.items()}
        check_priced(ground.prices, named)
    encoder = ground.repository.encoder
    free = isinstance(encoder.embeddings, HashingEmbeddings)
    meter, uncounted = metered(encoder.embeddings, ground.prices, label=encoder.label, free=free)
    inside = (accounts_of(ground.weak), accounts_of(ground.strong))
    return Accounts(
        ground.prices,
        allowance=None if budget is None else Allowance(budget),
        beneath=[each for each in inside if each is not None],
        embedding=meter,
        uncounted=uncounted,
    )


def _counted(nodes: Nodes, ground: _Ground, accounts: Accounts, observer: Observer | None) -> Nodes:
    """Return `nodes` with what they spend and do counted, and kept within a budget."""
    retrieve, *others = nodes._asdict().items()
    bodies = dict([retrieve]) | {name: accounted(name, body, accounts) for name, body in others}
    if accounts.allowance is not None:
        is_cascade = accounts_of(ground.strong) is not None
        estimate = StrongEstimate(
            ground.prices, ground.strong_model, ground.provider, of_cascade=is_cascade
        )
        bodies["strong_generate"] = within_budget(
            bodies["strong_generate"], accounts, estimate, accounts.allowance
        )
    bodies = {name: ground.guards.tally.counted(name, body) for name, body in bodies.items()}
    if observer is not None:
        bodies = {name: observer.node(name, body) for name, body in bodies.items()}
    return Nodes(**bodies)


def _tool_call_policy(
    given: Any, weak: Runnable[Any, AIMessage]
) -> ToolCallPolicy | ConfidenceFunction:
    if given in ("defer", "accept"):
        return cast("ToolCallPolicy", given)
    try:
        return as_confidence(given).bound_to(weak)
    except ConfigurationError as error:
        msg = f"tool_calls={given!r} must be 'defer', 'accept', or score tool calls; but {error}"
        raise ConfigurationError(msg) from error


def _threshold(given: Threshold | ThresholdValue | None) -> Threshold:
    if given is None:
        return FixedThreshold(DEFAULT_THRESHOLD, origin="default, not calibrated")
    return threshold_of(given)


def _promise(
    repository: StrategyRepository, tenant: str, threshold: object, **pledged: Any
) -> Promise:
    """Return the threshold that keeps by itself to the pledge that is made of `pledged`."""
    if threshold is not None:
        msg = (
            f"threshold={threshold!r} and target_risk={pledged['target_risk']!r} were both given: "
            "either the threshold is yours, or it is found for the risk that you allow."
        )
        raise ConfigurationError(msg)
    return Promise(Pledge(**pledged), repository, tenant=checked_tenant(tenant))


def _audits(cut: Threshold, given: float | None) -> float:
    """Return the share of accepted answers to audit: none, unless somebody needs them."""
    if given is not None:
        return checked_share("audit_rate", given)
    calibrating = cut.calibrating if isinstance(cut, Promise) else cut
    return calibrating.audit_rate if isinstance(calibrating, SelfCalibrating) else 0.0


def _temporary_repository() -> StrategyRepository:
    from langchain_intercascade.repository.edge import EdgeRepository  # noqa: PLC0415 - 14 MB nobody needs who brings a repository

    return EdgeRepository()


def _admission_agreement(given: Any, teacher: Runnable[Any, AIMessage]) -> Agreement:
    """Return who judges replays: what the caller gave, else the text, else the teacher."""
    if given is not None:
        return as_agreement(given)
    return FirstToTell(AnswerAgreement(), JudgeAgreement(teacher))
