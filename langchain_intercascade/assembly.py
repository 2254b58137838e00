"""This is where a cascade is put together out of its parts.

Both hosts, the graph and the chat model, run the same `Parts`.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack, cast

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
    AlwaysStrong,
    Prices,
    StrongEstimate,
    accounts_of,
)
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.ground import Ground, accounts_on, temporary_repository
from langchain_intercascade.learning.admission import Admission
from langchain_intercascade.learning.aftermath import Aftermath
from langchain_intercascade.learning.books import Books
from langchain_intercascade.learning.canaries import Canaries
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.learning.leases import next_number, owner_name
from langchain_intercascade.learning.pledge import Pledge
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.learning.upkeep import Upkeep
from langchain_intercascade.models import Model, as_model, prepared_weak, terminal
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
from langchain_intercascade.nodes.retrieve_strategies import last_human_text, retrieve_strategies
from langchain_intercascade.nodes.store import Storing, store
from langchain_intercascade.nodes.strong_generate import strong_generate
from langchain_intercascade.nodes.weak_generate import weak_generate
from langchain_intercascade.options import (
    DEFAULT_THRESHOLD,
    Options,
    Settings,
    checked_cap,
    checked_floor,
    checked_k,
    checked_share,
)
from langchain_intercascade.parts import Nodes, Parts
from langchain_intercascade.prompts import VERSION as PROMPTS_VERSION
from langchain_intercascade.repository.fingerprint import fingerprinting
from langchain_intercascade.repository.retrieval import Floors
from langchain_intercascade.resilience.safeguards import Safeguards
from langchain_intercascade.state import Body, Run
from langchain_intercascade.strategy import checked_tenant
from langchain_intercascade.telemetry.observer import observer_of
from langchain_intercascade.threshold.base import FixedThreshold, Threshold
from langchain_intercascade.threshold.bounds import checked_delta, checked_target
from langchain_intercascade.threshold.file import threshold_of
from langchain_intercascade.threshold.self_calibrating import (
    AUDIT_RATE,
    REGIMES,
    SelfCalibrating,
    checked_abstain,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.nodes.distiller import Distilled
    from langchain_intercascade.strategy import Strategy


def build_parts(
    weak: Model,
    strong: Model,
    *,
    learner: Learner | None = None,
    accounts: Accounts | None = None,
    safeguards: Safeguards | None = None,
    **options: Unpack[Options],
) -> Parts:
    """Put a cascade together.

    Args:
        weak: The cheap model.
        strong: The expensive model.
        learner: That of a cascade of which this is a configured copy; likewise the next two.
        accounts: What was spent, and what is left of the budget.
        safeguards: Breakers, limits and counters.
        **options: As for `InterCascade`.

    Raises:
        ConfigurationError: Something can never work as configured.
    """
    assembly = _Assembly(weak, strong, Settings(**options), safeguards)
    return assembly.parts(learner, accounts)


class _Lessons(NamedTuple):
    """What is done with a pending lesson: it is distilled, then stored."""

    distilling: Callable[[Strategy], Steps[Distilled]]
    storing: Storing


class _Assembly:
    """Makes the parts of one cascade, each out of those before it."""

    def __init__(
        self, weak: Model, strong: Model, told: Settings, safeguards: Safeguards | None
    ) -> None:
        self._told = told
        self._on_abstain = checked_abstain(told.on_abstain)
        self._observer = observer_of(told.telemetry)
        prices = told.prices
        self._prices = prices if isinstance(prices, Prices) else Prices(prices, table=BUNDLED)
        self._guards = safeguards or self._new_guards()
        cheap, expensive = as_model(weak, "weak"), as_model(strong, "strong")
        scored_by = self._guards.model(cheap, "confidence", "weak")
        self._scorer = as_confidence(told.confidence).bound_to(scored_by)
        self._for_tools = _tool_call_policy(told.tool_calls, scored_by)
        teacher = as_model(told.distiller, "distiller") if told.distiller else terminal(expensive)
        self._ground = Ground(
            weak=prepared_weak(cheap, *_needs(self._scorer, self._for_tools)),
            strong=expensive,
            teacher=teacher,
            pool="distiller" if told.distiller else "strong",
            repository=temporary_repository() if told.repository is None else told.repository,
            prices=self._prices,
            guards=self._guards,
        )
        self._floors = Floors(self._ground.repository)

    def parts(self, learner: Learner | None, accounts: Accounts | None) -> Parts:
        """Return the cascade, with a `learner` and `accounts` that it may share with others."""
        ground, cut = self._ground, self._threshold
        cut.check(ground.binding(self._scorer), self._fingerprinting())
        audits = self._audits()
        accounts = accounts or accounts_on(ground, self._told.budget)
        lessons = self._lessons(accounts)
        learner = learner or self._learner(lessons, accounts)
        aftermath = self._aftermath(learner, accounts, audits)
        nodes = self._nodes(lessons, learner, aftermath)
        parts = Parts(
            self._counted(nodes, accounts),
            self._run(),
            ground.repository,
            learner,
            aftermath,
            accounts,
            self._guards,
            cut,
            ground.weak_model,
            ground.strong_model,
        )
        if self._observer is not None:
            self._observer.watch(parts)
        return parts

    def _new_guards(self) -> Safeguards:
        watch = self._observer
        return Safeguards(
            timeouts=self._told.timeouts,
            max_concurrency=self._told.max_concurrency,
            watched=None if watch is None else partial(watch.model, prices=self._prices),
        )

    # What is accepted.

    @cached_property
    def _threshold(self) -> Threshold:
        told = self._told
        if told.target_risk is not None:
            return self._promise(told.target_risk)
        if told.threshold is None:
            return FixedThreshold(DEFAULT_THRESHOLD, origin="default, not calibrated")
        return threshold_of(told.threshold)

    def _promise(self, target_risk: float) -> Promise:
        """Return the threshold that keeps by itself to what is pledged."""
        told, ground = self._told, self._ground
        if told.threshold is not None:
            msg = (
                f"threshold={told.threshold!r} and target_risk={target_risk!r} were both given: "
                "either the threshold is yours, or it is found for the risk that you allow. Leave "
                "one out."
            )
            raise ConfigurationError(msg)
        rate = AUDIT_RATE if told.audit_rate is None else told.audit_rate
        pledge = Pledge(
            weak_model=ground.weak_model,
            strong_model=ground.strong_model,
            confidence=self._scorer.method,
            agreement=self._comparing.method,
            prompts=str(PROMPTS_VERSION),
            target_risk=checked_target(target_risk),
            delta=checked_delta(told.delta),
            audit_rate=checked_share("audit_rate", rate),
            # Without strategies every answer is plain: no part of delta is kept for others.
            regimes=REGIMES if told.k else ("plain",),
            on_abstain=self._on_abstain,
        )
        return Promise(pledge, ground.repository, tenant=checked_tenant(told.tenant))

    def _fingerprinting(self) -> Callable[[], Steps[Any]]:
        tenants = [each for each in (self._told.tenant, self._told.shared) if each]
        return partial(fingerprinting, self._ground.repository, tenants=tenants, k=self._told.k)

    def _audits(self) -> float:
        """Return the share of accepted answers to audit: none, unless somebody needs them."""
        if self._told.audit_rate is not None:
            return checked_share("audit_rate", self._told.audit_rate)
        cut = self._threshold
        calibrating = cut.calibrating if isinstance(cut, Promise) else cut
        return calibrating.audit_rate if isinstance(calibrating, SelfCalibrating) else 0.0

    # What is learned.

    @cached_property
    def _comparing(self) -> Agreement:
        return as_agreement(self._told.agreement)

    @cached_property
    def _admission(self) -> Admission:
        told, ground = self._told, self._ground
        return Admission(
            policy=told.admission,
            agreement=_admission_agreement(told.agreement, ground.teacher_for("replay")),
            replay=replay_by(ground.weak_for("replay")),
            verifier=told.verifier,
            weak_model=ground.weak_model,
            faithful=told.faithful,
            keep_examples=told.keep_examples,
            lifetime=told.lifetime,
        )

    @cached_property
    def _canaries(self) -> Canaries:
        return Canaries(self._ground.repository, self._admission)

    def _lessons(self, accounts: Accounts) -> _Lessons:
        ground, guarding = self._ground, guarding_by(self._canaries, self._floors)
        distilling = Distilling(
            distiller=ground.teacher_for("distill"),
            repository=ground.repository,
            admission=self._admission,
            guarding=guarding,
            floor=self._floors.reading,
            prices=self._prices,
        )
        return _Lessons(
            thrifty(distilling, ground.repository, accounts),
            Storing(ground.repository, self._admission, guarding),
        )

    def _learner(self, lessons: _Lessons, accounts: Accounts) -> Learner:
        learning = learning_by(lessons.distilling, lessons.storing, accounts)
        watch, repository = self._observer, self._ground.repository
        if watch is None:
            return Learner(learning, repository)
        return Learner(watch.lesson(learning), repository, around=watch.work)

    def _aftermath(self, learner: Learner, accounts: Accounts, audits: float) -> Aftermath:
        ground, cut = self._ground, self._threshold
        return Aftermath(
            ground.repository,
            Books(ground.repository, weak_model=ground.weak_model),
            self._admission,
            learner,
            self._canaries,
            agreement=self._comparing,
            ask_strong=asking_again(ground.strong_for("audit")),
            weak_model=ground.weak_model,
            strong_model=ground.strong_model,
            accounts=accounts,
            shared=self._told.shared,
            audit_rate=audits,
            observers=(cut.observe,),
            settled=cut.syncing if isinstance(cut, Promise) else nothing,
            meeting=cut.meeting,
        )

    # What runs.

    def _nodes(self, lessons: _Lessons, learner: Learner, aftermath: Aftermath) -> Nodes:
        cap = checked_cap(self._told.max_strategies)
        upkeep = Upkeep(self._ground.repository, self._floors, learner, max_strategies=cap)
        retrieve, weak, gate = self._retrieve(), self._weak(), self._gate(aftermath)
        return Nodes(
            retrieve,
            weak,
            gate,
            self._strong(weak, gate),
            distill_strategy(lessons.distilling, learner=learner, prices=self._prices),
            store(
                lessons.storing,
                prices=self._prices,
                afterwards=after_deferring(aftermath, upkeep),
            ),
        )

    def _retrieve(self) -> Body:
        told = self._told
        return retrieve_strategies(
            self._ground.repository,
            query_from=told.query_from or last_human_text,
            with_tools=told.strategies_with_tools,
            breaker=self._guards.breakers["repository"],
            guard=self._guards.guard("retrieval"),
            floors=self._floors,
            weak_model=self._ground.weak_model,
            shared=None if told.shared is None else checked_tenant(told.shared),
            holdout=checked_share("holdout", told.holdout),
            lexical=told.lexical,
            examples=told.faithful,
        )

    def _weak(self) -> Body:
        breaker = self._guards.breakers["weak"]
        return weak_generate(self._ground.weak_for("weak"), prices=self._prices, breaker=breaker)

    def _gate(self, aftermath: Aftermath) -> Body:
        ground = self._ground
        return confidence_gate(
            self._scorer,
            self._threshold,
            always_strong=AlwaysStrong(self._prices, ground.strong_model, ground.provider),
            prices=self._prices,
            tool_calls=self._for_tools,
            guard=self._guards.guard("confidence"),
            accepted=after_accepting(aftermath),
        )

    def _strong(self, weak: Body, gate: Body) -> Body:
        told, ground = self._told, self._ground
        name = ground.strong_model
        adviser = ground.teacher_for("advise")
        helping = advising(adviser, weak, gate, strong_model=name, prices=self._prices)
        return strong_generate(
            ground.strong_for("strong"),
            ground.repository,
            strong_model=name,
            prices=self._prices,
            on_strong_error=told.on_strong_error,
            # A name of its own: what is learned before an answer is no business of the learner.
            owner=partial(owner_name, next_number()),
            advise=helping if told.advise else None,
            meeting=self._threshold.meeting,
        )

    def _counted(self, nodes: Nodes, accounts: Accounts) -> Nodes:
        """Return `nodes` with what they spend and do counted, and kept within a budget."""
        retrieve, *others = nodes._asdict().items()
        bodies = dict([retrieve]) | {name: accounted(name, body, accounts) for name, body in others}
        if accounts.allowance is not None:
            is_cascade = accounts_of(self._ground.strong) is not None
            estimate = StrongEstimate(
                self._prices,
                self._ground.strong_model,
                self._ground.provider,
                of_cascade=is_cascade,
            )
            bodies["strong_generate"] = within_budget(
                bodies["strong_generate"], accounts, estimate, accounts.allowance
            )
        bodies = {name: self._guards.tally.counted(name, body) for name, body in bodies.items()}
        if self._observer is not None:
            bodies = {name: self._observer.node(name, body) for name, body in bodies.items()}
        return Nodes(**bodies)

    def _run(self) -> Run:
        told = self._told
        return Run(
            tenant=checked_tenant(told.tenant),
            k=checked_k(told.k),
            min_similarity=checked_floor(told.min_similarity),
            learning=told.learning,
        )


def _needs(*scorers: ToolCallPolicy | ConfidenceFunction) -> tuple[bool, int]:
    """Return whether any of `scorers` needs log-probabilities, and of how many candidates."""
    asked = [each for each in scorers if not isinstance(each, str)]
    return any(each.needs_logprobs for each in asked), max(each.top_logprobs for each in asked)


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


def _admission_agreement(given: Any, teacher: Runnable[Any, AIMessage]) -> Agreement:
    """Return who judges replays: what the caller gave, else the text, else the teacher."""
    if given is not None:
        return as_agreement(given)
    return FirstToTell(AnswerAgreement(), JudgeAgreement(teacher))
