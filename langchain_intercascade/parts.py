"""This is where a cascade is put together: its parts, their defaults, and what cannot work.

Both hosts, the graph and the chat model, run the same `Parts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, cast

from langchain_intercascade._steps import nothing
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
from langchain_intercascade.prompts import VERSION as PROMPTS_VERSION
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.repository.fingerprint import fingerprinting
from langchain_intercascade.repository.retrieval import Floors
from langchain_intercascade.resilience.safeguards import Safeguards
from langchain_intercascade.state import MAX_K, Body, Learning, Run
from langchain_intercascade.strategy import checked_tenant
from langchain_intercascade.telemetry.observer import Observer, observer_of
from langchain_intercascade.threshold.base import (
    FixedThreshold,
    Threshold,
    ThresholdValue,
)
from langchain_intercascade.threshold.bounds import checked_delta, checked_target
from langchain_intercascade.threshold.file import Binding, threshold_of
from langchain_intercascade.threshold.self_calibrating import (
    AUDIT_RATE,
    REGIMES,
    SelfCalibrating,
    checked_abstain,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.costs import Price
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.resilience.tally import CascadeStats
    from langchain_intercascade.threshold.watch import OnAbstain

DEFAULT_THRESHOLD = 0.9
"""Used when none is given, and named as uncalibrated in every record."""

DEFAULT_ADMISSION: AdmissionPolicy = "always"
"""Used when none is given: the paper's way."""


class Nodes(NamedTuple):
    """The bodies of the six nodes, in running order; the fields are the nodes' names."""

    retrieve_strategies: Body
    weak_generate: Body
    confidence_gate: Body
    strong_generate: Body
    distill_strategy: Body
    store: Body


class Options(TypedDict, total=False):
    """What a cascade may be told besides its two models; see `InterCascade` for each."""

    repository: StrategyRepository | None
    confidence: Any
    threshold: Threshold | ThresholdValue | None
    target_risk: float | None
    delta: float
    on_abstain: OnAbstain
    tenant: str
    shared: str | None
    k: int
    min_similarity: float | None
    lexical: bool
    admission: AdmissionPolicy
    verifier: Verifier | None
    agreement: Any
    faithful: bool
    keep_examples: bool
    lifetime: timedelta | None
    max_strategies: int | None
    holdout: float
    audit_rate: float | None
    learning: Learning
    distiller: Model | None
    on_strong_error: OnStrongError
    query_from: QueryFrom | None
    prices: Mapping[str, Price | tuple[float, float]] | Prices | None
    budget: Budget | None
    timeouts: Any
    max_concurrency: Any
    tool_calls: Any
    strategies_with_tools: bool
    advise: bool
    telemetry: Observer | None


@dataclass(frozen=True)
class Parts:
    """A cascade, ready to run.

    Attributes:
        nodes: The six bodies.
        run: How a query is run unless the call says otherwise.
        repository: Where the strategies live.
        learner: Learns in the background.
        aftermath: Finds out how weak answers were, and takes feedback.
        accounts: What was spent, and what is left of the budget.
        safeguards: Breakers, limits and counters.
        threshold: Says what is accepted.
        weak_model: Name of the weak model, for people.
        strong_model: Name of the strong model, for people.
    """

    nodes: Nodes
    run: Run
    repository: StrategyRepository
    learner: Learner
    aftermath: Aftermath
    accounts: Accounts
    safeguards: Safeguards
    threshold: Threshold
    weak_model: str
    strong_model: str

    def stats(self) -> CascadeStats:
        """Return what was done so far, and how breakers, limits and the learner stand."""
        guards = self.safeguards
        return guards.tally.stats(
            breakers={name: breaker.state() for name, breaker in guards.breakers.items()},
            slots={name: slots.state() for name, slots in guards.slots.items()},
            lessons=self.learner.stats(),
            promise=self.threshold.standings(),
        )


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
    strong_runnable = as_model(strong, "strong")
    teacher = as_model(distiller, "distiller") if distiller else terminal(strong_runnable)
    weak_runnable = prepared_weak(given_weak, *_needs(scorer, for_tools))
    where = repository if repository is not None else _temporary_repository()
    weak_model, strong_model = name_of(weak_runnable), name_of(terminal(strong_runnable))
    provider = provider_of(terminal(strong_runnable))
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
            weak_model=weak_model,
            strong_model=strong_model,
            confidence=scorer.method,
            agreement=comparing.method,
            prompts=str(PROMPTS_VERSION),
            target_risk=checked_target(target_risk),
            delta=checked_delta(delta),
            audit_rate=_checked_share("audit_rate", rate),
            # Without strategies every answer is plain: no part of delta is kept for others.
            regimes=REGIMES if k else ("plain",),
            on_abstain=policy,
        )
    )
    cut.check(
        Binding(
            weak_model=weak_model,
            confidence=scorer.method,
            prompts=str(PROMPTS_VERSION),
            encoder=where.encoder.label,
        ),
        partial(fingerprinting, where, tenants=list(filter(None, (tenant, shared))), k=k),
    )
    audits = _audits(cut, audit_rate)
    accounts = accounts or _accounts(
        table, budget, where, weak=weak_runnable, strong=strong_runnable, distiller=teacher
    )
    taught_by = partial(guards.model, teacher, pool="distiller" if distiller else "strong")
    floors = Floors(where)
    admitting = Admission(
        policy=admission,
        agreement=_admission_agreement(agreement, taught_by("replay")),
        replay=replay_by(guards.model(weak_runnable, "replay", "weak")),
        verifier=verifier,
        weak_model=weak_model,
        faithful=faithful,
        keep_examples=keep_examples,
        lifetime=lifetime,
    )
    canaries = Canaries(where, admitting)
    guarding = guarding_by(canaries, floors)
    distilling = Distilling(
        distiller=taught_by("distill"),
        repository=where,
        admission=admitting,
        guarding=guarding,
        floor=floors.reading,
        prices=table,
    )
    storing = Storing(where, admitting, guarding)
    frugal = thrifty(distilling, where, accounts)
    learning_one = learning_by(frugal, storing, accounts)
    if observer is not None:
        learning_one = observer.lesson(learning_one)
    learner = learner or Learner(
        learning_one, where, around=None if observer is None else observer.work
    )
    upkeep = Upkeep(where, floors, learner, max_strategies=_checked_cap(max_strategies))
    aftermath = Aftermath(
        where,
        Books(where, weak_model=weak_model),
        admitting,
        learner,
        canaries,
        agreement=comparing,
        ask_strong=asking_again(guards.model(strong_runnable, "audit", "strong")),
        weak_model=weak_model,
        strong_model=strong_model,
        accounts=accounts,
        shared=shared,
        audit_rate=audits,
        observers=(cut.observe,),
        settled=cut.syncing if isinstance(cut, Promise) else nothing,
        meeting=cut.meeting,
    )
    weak_body = weak_generate(
        guards.model(weak_runnable, "weak", "weak"), prices=table, breaker=guards.breakers["weak"]
    )
    gate_body = confidence_gate(
        scorer,
        cut,
        always_strong=AlwaysStrong(table, strong_model, provider),
        prices=table,
        tool_calls=for_tools,
        guard=guards.guard("confidence"),
        accepted=after_accepting(aftermath),
    )
    helping = advising(
        taught_by("advise"), weak_body, gate_body, strong_model=strong_model, prices=table
    )
    nodes = Nodes(
        retrieve_strategies(
            where,
            query_from=query_from or last_human_text,
            with_tools=strategies_with_tools,
            breaker=guards.breakers["repository"],
            guard=guards.guard("retrieval"),
            floors=floors,
            weak_model=weak_model,
            shared=None if shared is None else checked_tenant(shared),
            holdout=_checked_share("holdout", holdout),
            lexical=lexical,
            examples=faithful,
        ),
        weak_body,
        gate_body,
        strong_generate(
            guards.model(strong_runnable, "strong", "strong"),
            where,
            strong_model=strong_model,
            prices=table,
            on_strong_error=on_strong_error,
            # A name of its own: what is learned before an answer is no business of the learner.
            owner=partial(owner_name, next_number()),
            advise=helping if advise else None,
            meeting=cut.meeting,
        ),
        distill_strategy(frugal, learner=learner, prices=table),
        store(storing, prices=table, afterwards=after_deferring(aftermath, upkeep)),
    )
    run = Run(
        tenant=checked_tenant(tenant),
        k=_checked_k(k),
        min_similarity=_checked_floor(min_similarity),
        learning=learning,
    )
    estimate = StrongEstimate(
        table, strong_model, provider, of_cascade=accounts_of(strong_runnable) is not None
    )
    nodes = _accounted(nodes, accounts, estimate)
    nodes = Nodes(**{n: guards.tally.counted(n, body) for n, body in nodes._asdict().items()})
    if observer is not None:
        nodes = Nodes(**{n: observer.node(n, body) for n, body in nodes._asdict().items()})
    parts = Parts(
        nodes, run, where, learner, aftermath, accounts, guards, cut, weak_model, strong_model
    )
    if observer is not None:
        observer.watch(parts)
    return parts


def _needs(*scorers: ToolCallPolicy | ConfidenceFunction) -> tuple[bool, int]:
    """Return whether any of `scorers` needs log-probabilities, and of how many candidates."""
    asked = [each for each in scorers if not isinstance(each, str)]
    return any(each.needs_logprobs for each in asked), max(each.top_logprobs for each in asked)


def _accounts(
    prices: Prices,
    budget: Budget | None,
    repository: StrategyRepository,
    **models: Runnable[Any, AIMessage],
) -> Accounts:
    """Return accounts in which nothing is spent yet.

    Raises:
        ConfigurationError: `budget` is no budget, or the price of one of `models` is unknown.
    """
    if budget is not None:
        if not isinstance(budget, Budget):
            msg = f"budget={budget!r} must be a Budget, such as Budget(per_day=20)."
            raise ConfigurationError(msg)
        check_priced(prices, {role: (model, name_of(model)) for role, model in models.items()})
    encoder = repository.encoder
    free = isinstance(encoder.embeddings, HashingEmbeddings)
    meter, uncounted = metered(encoder.embeddings, prices, label=encoder.label, free=free)
    inside = (accounts_of(models["weak"]), accounts_of(models["strong"]))
    return Accounts(
        prices,
        allowance=None if budget is None else Allowance(budget),
        beneath=[each for each in inside if each is not None],
        embedding=meter,
        uncounted=uncounted,
    )


def _accounted(nodes: Nodes, accounts: Accounts, estimate: StrongEstimate) -> Nodes:
    """Return `nodes` with their spending counted, and kept within the budget if there is one."""
    first, *others = nodes._asdict().items()
    counted = {name: accounted(name, body, accounts) for name, body in others}
    if accounts.allowance is not None:
        counted["strong_generate"] = within_budget(
            counted["strong_generate"], accounts, estimate, accounts.allowance
        )
    return Nodes(first[1], **counted)


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
        return _checked_share("audit_rate", given)
    calibrating = cut.calibrating if isinstance(cut, Promise) else cut
    return calibrating.audit_rate if isinstance(calibrating, SelfCalibrating) else 0.0


def _temporary_repository() -> StrategyRepository:
    from langchain_intercascade.repository.edge import EdgeRepository  # noqa: PLC0415 - 14 MB nobody needs who brings a repository

    return EdgeRepository()


def _checked_floor(min_similarity: float | None) -> float | None:
    if min_similarity is None:
        return None
    if isinstance(min_similarity, int | float) and -1 <= min_similarity <= 1:  # false for NaN
        return min_similarity
    msg = (
        f"min_similarity={min_similarity!r} must be a cosine similarity, from -1 to 1, or None for "
        "the floor that is measured from the repository."
    )
    raise ConfigurationError(msg)


def _checked_share(name: str, value: float) -> float:
    if isinstance(value, int | float) and 0 <= value <= 1:  # false for NaN
        return value
    msg = f"{name}={value!r} must be a share of the queries, from 0 to 1."
    raise ConfigurationError(msg)


def _checked_cap(max_strategies: int | None) -> int | None:
    if max_strategies is None or (isinstance(max_strategies, int) and max_strategies > 0):
        return max_strategies
    msg = f"max_strategies={max_strategies!r} must be a whole number above 0, or None for no cap."
    raise ConfigurationError(msg)


def _admission_agreement(given: Any, teacher: Runnable[Any, AIMessage]) -> Agreement:
    """Return who judges replays: what the caller gave, else the text, else the teacher."""
    if given is not None:
        return as_agreement(given)
    return FirstToTell(AnswerAgreement(), JudgeAgreement(teacher))


def _checked_k(k: int) -> int:
    if isinstance(k, int) and 0 <= k <= MAX_K:
        return k
    msg = f"k={k!r} must be a whole number from 0 (show nothing) to {MAX_K}."
    raise ConfigurationError(msg)
