"""A threshold that was calibrated beforehand, one cut per regime."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Cut, Threshold
from langchain_intercascade.threshold.report import ThresholdReport


class CalibratedThreshold(Threshold):
    """Serves what a calibration found, and defers in a regime that was not calibrated.

    Strategies shift the weak model's confidence, so a cut that was calibrated without them
    promises nothing about answers made with them.

    Examples:
        >>> from langchain_intercascade.threshold.calibrate import calibrate_threshold
        >>> report = calibrate_threshold([0.9] * 40, [True] * 40, target_risk=0.1)
        >>> threshold = CalibratedThreshold(report)
        >>> threshold.cut("plain").value, threshold.cut("augmented").value
        (0.9, 'always_defer')
        >>> threshold.cut("augmented").origin
        'not calibrated for augmented answers, only for plain ones'
    """

    def __init__(self, reports: ThresholdReport | Mapping[Regime, ThresholdReport]) -> None:
        """Serve one report, or one per regime.

        Raises:
            ConfigurationError: There is none, or one is filed under another regime.
        """
        given = {reports.regime: reports} if isinstance(reports, ThresholdReport) else dict(reports)
        if not given:
            msg = "There is no report to serve; use ALWAYS_DEFER if nothing is to be accepted."
            raise ConfigurationError(msg)
        for regime, report in given.items():
            if report.regime != regime:
                msg = (
                    f"The report filed under {regime!r} is about {report.regime!r} answers: file "
                    f"it under {report.regime!r}."
                )
                raise ConfigurationError(msg)
        self._reports = MappingProxyType(given)

    @property
    def reports(self) -> Mapping[Regime, ThresholdReport]:
        """The reports by regime."""
        return self._reports

    def cut(self, regime: Regime) -> Cut:
        """Return the regime's calibrated cut; `ALWAYS_DEFER` if it has none."""
        report = self._reports.get(regime)
        if report is None:
            known = " and ".join(self._reports)
            return Cut(ALWAYS_DEFER, f"not calibrated for {regime} answers, only for {known} ones")
        return Cut(report.threshold, report.origin())

    def words(self) -> list[str]:
        """Return sentences for people: what is promised, on what data, what would loosen it."""
        return [sentence for report in self._reports.values() for sentence in report.words()]
