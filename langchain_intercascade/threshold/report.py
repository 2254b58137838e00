"""What a calibration found, as numbers, as JSON and in words."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator

from langchain_intercascade.errors import how_many
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.bounds import upper_bound

_Count = Annotated[int, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]

FORESIGHT: Final = 20
"""How many times as many labels are considered when saying how many more would help."""


class _Frozen(BaseModel):
    # Derived numbers are written too, for readers in other languages; reading derives them anew.
    model_config = ConfigDict(frozen=True, extra="ignore")


class CurvePoint(_Frozen):
    """What one threshold would have meant on the calibration set.

    Attributes:
        threshold: The threshold.
        accepted: How many answers it accepts.
        errors: How many of those were wrong.
        coverage: Share of all answers that it accepts.
        risk: Share of the accepted answers that were wrong.
        bound: Upper bound on the true risk, for this threshold taken alone.
    """

    threshold: _Share
    accepted: Annotated[int, Field(ge=1)]
    errors: _Count
    coverage: _Share
    risk: _Share
    bound: _Share


class ThresholdReport(_Frozen):
    """What a calibration found and what it promises.

    The promise: with probability `1 - delta` over the draw of the calibration set, at most
    `target_risk` of the accepted answers are wrong, as long as queries, weak model,
    prompts and confidence function are those of the calibration set.

    Attributes:
        regime: Whether the weak answers were made with strategies.
        threshold: Lowest score to accept, or `ALWAYS_DEFER`.
        target_risk: What was asked for.
        delta: Probability that the promise fails; the promise of all `promises` at once.
        promises: Among how many thresholds (regimes and levels) `delta` was divided.
        min_accepted: Thresholds that accept fewer answers were passed over.
        n: How many labelled answers there were.
        scored: How many of them had a usable score; the others are never accepted.
        unjudged: How many more nobody could judge and were left out; the promise does not
            speak about answers like those.
        accepted: How many the threshold accepts.
        errors: How many of those were wrong.
        bound: Upper bound on the true risk; `None` when everything is deferred.
        first: The first threshold tried, `None` if all accept too few answers.
        failed: The threshold at which the walk ended, `None` if all passed.
        curve: The highest threshold first; thinned when there are very many.
        on: The day it was made, as YYYY-MM-DD.
    """

    regime: Regime
    threshold: _Share | Literal["always_defer"]
    target_risk: _Share
    delta: _Share
    promises: Annotated[int, Field(ge=1)]
    min_accepted: Annotated[int, Field(ge=1)]
    n: _Count
    scored: _Count
    unjudged: _Count = 0
    accepted: _Count
    errors: _Count
    bound: _Share | None
    first: CurvePoint | None
    failed: CurvePoint | None
    curve: tuple[CurvePoint, ...]
    on: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def coverage(self) -> float:
        """Share of the answers that the threshold accepts; 0 when everything is deferred."""
        return self.accepted / self.n if self.n else 0.0

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def empirical_risk(self) -> float | None:
        """Share of the accepted answers that were wrong; `None` when none was accepted."""
        return self.errors / self.accepted if self.accepted else None

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def strong_call_share(self) -> float:
        """Share of queries that the strong model is expected to answer."""
        return 1.0 - self.coverage

    @property
    def tested_at(self) -> float:
        """The part of `delta` that this threshold was given."""
        return self.delta / self.promises

    @model_validator(mode="after")
    def _consistent(self) -> ThresholdReport:
        defers = self.threshold == ALWAYS_DEFER
        if not self.errors <= self.accepted <= self.scored <= self.n:
            msg = "there are more errors than accepted answers, or more of these than answers"
            raise ValueError(msg)
        if defers != (self.bound is None) or defers != (self.accepted == 0):
            msg = "the threshold does not agree with the bound and the number of accepted answers"
            raise ValueError(msg)
        if self.bound is not None and self.bound > self.target_risk:
            msg = "the bound is above the target risk, so the threshold promises nothing"
            raise ValueError(msg)
        return self

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-like data."""
        return self.model_dump(mode="json")

    def origin(self) -> str:
        """Return where the threshold comes from, in one line for decision records."""
        sure = f"with confidence {1 - self.delta:.4g}"
        if self.promises > 1:
            sure += f" for all {self.promises} thresholds at once"
        told = f"on {how_many(self.n, f'{self.regime} answer')}, {self.on}"
        if self.threshold == ALWAYS_DEFER:
            return f"calibrated: no threshold has risk <= {self.target_risk:g} {sure} {told}"
        return f"calibrated: risk <= {self.target_risk:g} {sure} {told}"

    def words(self) -> list[str]:
        """Return sentences for people: what is promised, on what data, what would loosen it."""
        return [*self._promise(), self._data(), *self._cure()]

    def _promise(self) -> list[str]:
        if self.threshold == ALWAYS_DEFER:
            nothing = (
                f"Nothing is safe: no threshold could be shown to keep the risk of accepted "
                f"{self.regime} answers at {self.target_risk:g} or less, so every query is "
                "deferred."
            )
            return [nothing]
        others = f", for all {self.promises} thresholds at once" if self.promises > 1 else ""
        promised = (
            f"Of the {self.regime} answers with a confidence of {self.threshold:.6g} or more, at "
            f"most {_percent(self.target_risk)} are wrong; this holds with a confidence of "
            f"{_percent(1 - self.delta)}{others}."
        )
        seen = (
            f"It accepted {_percent(self.coverage)} of the calibration set, {self.errors} wrong of "
            f"{self.accepted}, so the true risk is at most {_percent(self.bound or 0.0)}; expect "
            f"{_percent(self.strong_call_share)} of queries to reach the strong model."
        )
        return [promised, seen]

    def _data(self) -> str:
        unscored = self.n - self.scored
        without = f", of which {unscored} had no usable confidence" if unscored else ""
        data = (
            f"It was calibrated on {how_many(self.n, 'labelled answer')}{without}, on {self.on}; "
            "it speaks about queries, models and prompts like those and ends when any of "
            "them changes."
        )
        if not self.unjudged:
            return data
        return (
            f"{data} {how_many(self.unjudged, 'more answer')} could not be judged and "
            f"{'was' if self.unjudged == 1 else 'were'} left out: about answers like that nothing "
            "is promised."
        )

    def _cure(self) -> list[str]:
        if self.first is None:
            few = (
                f"What would loosen it: more labels. At least {self.min_accepted} answers must "
                f"share the top of the ranking, and only {self.scored} had a usable confidence."
            )
            return [few]
        if self.failed is None:
            return ["Nothing would loosen it: every answer with a confidence is accepted already."]
        if self.threshold != ALWAYS_DEFER:
            return [self._more_labels(self.failed)]
        lowest = (
            f"The lowest target these data would have allowed is {self.first.bound:.3g}; to "
            "promise another one, calibrate again on other data."
        )
        return [self._more_labels(self.failed), lowest]

    def _more_labels(self, failed: CurvePoint) -> str:
        factor = self._factor(failed)
        if factor is None:
            return (
                f"What would loosen it: a better confidence, a better weak model or a higher "
                f"target. Just below, {failed.errors} of {failed.accepted} answers were wrong, "
                "and more labels alone would not help."
            )
        return (
            f"What would loosen it: more labels, about {factor * self.n} in all, if just below "
            f"{failed.errors} of {failed.accepted} answers remain wrong."
        )

    def _factor(self, failed: CurvePoint) -> int | None:
        """Return how many times the labels would make `failed` pass, if its rate stays."""
        for factor in range(2, FORESIGHT + 1):
            errors, n = factor * failed.errors, factor * failed.accepted
            if upper_bound(errors, n, self.tested_at) <= self.target_risk:
                return factor
        return None


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
