"""What a configuration names, made: models, encoder, confidence function, repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade.confidence.auto import AutoConfidence
from langchain_intercascade.confidence.judge import JudgeConfidence
from langchain_intercascade.confidence.logprobs import LogprobConfidence
from langchain_intercascade.confidence.self_consistency import SelfConsistency
from langchain_intercascade.confidence.validity import ValidityConfidence
from langchain_intercascade.confidence.verbalized import VerbalizedConfidence
from langchain_intercascade.config.secrets import ENV, secret_in
from langchain_intercascade.costs import Budget
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.models import as_model
from langchain_intercascade.testing import PRICES, SimulatedStrong, SimulatedWeak

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.embeddings import Embeddings
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.config.config import Config
    from langchain_intercascade.config.tables import ModelTable
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.telemetry.observer import Observer

SIMULATED: Final = "simulated"
"""The word for a simulated model, where the name of a real one could stand."""

PLAIN: Final = (
    *("target_risk", "delta", "audit_rate", "on_abstain", "tenant", "shared", "tool_calls", "k"),
    *("min_similarity", "lexical", "strategies_with_tools", "learning", "admission", "faithful"),
    *("keep_examples", "max_strategies", "holdout", "advise", "on_strong_error", "lifetime"),
)
"""Settings that are passed on as they are."""

_CONFIDENCES: Final[Mapping[str, Callable[..., ConfidenceFunction]]] = {
    "auto": AutoConfidence,
    "judge": JudgeConfidence,
    "logprobs": LogprobConfidence,
    "self_consistency": SelfConsistency,
    "validity": ValidityConfidence,
    "verbalized": VerbalizedConfidence,
}


def arguments_of(config: Config) -> dict[str, Any]:
    """See `Config.arguments`."""
    made = {"weak": model_of(config, "weak"), "strong": model_of(config, "strong")}
    # The repository comes last: nothing is left open if another part fails.
    return {**made, **options_of(config), "repository": repository_of(config)}


def options_of(config: Config) -> dict[str, Any]:
    """Return those arguments that are neither one of the two models nor the repository.

    Raises:
        ConfigurationError: A model or key that is named is not there.
    """
    told = {name: getattr(config, name) for name in PLAIN}
    told["distiller"] = config.distiller and model_of(config, "distiller")
    told["threshold"] = config.threshold_file or config.threshold
    told["confidence"] = config.confidence and confidence_of(config)
    told["telemetry"] = config.telemetry and telemetry_of(config)
    return {name: value for name, value in told.items() if value is not None} | _money(config)


def model_of(config: Config, role: str) -> Runnable[Any, AIMessage]:
    """Return the model for `role`: weak, strong or distiller.

    Raises:
        ConfigurationError: There is no such model, or its package or key is missing.
    """
    table: ModelTable = getattr(config, role)
    params = params_of(config, role)
    if table.name != SIMULATED:
        seconds = getattr(config.timeouts, role)
        limit = {} if seconds is None else {"timeout": seconds}
        return as_model(table.name, config.where(role, "name"), **{**limit, **params})
    if params:
        msg = (
            f"{config.where(role)}: a simulated model takes nothing but its name. Leave out "
            f"{', '.join(params)}."
        )
        raise ConfigurationError(msg)
    return SimulatedWeak() if role == "weak" else SimulatedStrong()


def params_of(config: Config, role: str) -> dict[str, Any]:
    """Return what the setting `role` is made with, keys taken from where they are kept.

    Raises:
        ConfigurationError: A variable that is named is not set.
    """
    made: dict[str, Any] = {}
    for name, value in getattr(config, role).params.items():
        if name.endswith(ENV) and isinstance(value, str):
            made[name.removesuffix(ENV)] = secret_in(value, config.where(role, name))
        else:
            made[name] = value
    return made


def encoder_of(config: Config) -> Embeddings | None:
    """Return the encoder; `None` for the built-in one.

    Raises:
        ConfigurationError: There is no such encoder, or its package or key is missing.
    """
    name, params = config.embeddings.name, params_of(config, "embeddings")
    if name == "hashing" and not params:
        return None
    try:
        from langchain.embeddings import init_embeddings  # noqa: PLC0415 - an optional package

        return init_embeddings(name, **params)
    except (ImportError, ValueError, TypeError) as error:
        msg = (
            f"{config.where('embeddings', 'name')}={name!r}: there is no such encoder here. Name "
            "it as provider:model, such as openai:text-embedding-3-small, and install the "
            "provider's package and `langchain-intercascade[agents]`; or say hashing for the "
            "built-in one."
        )
        raise ConfigurationError(msg) from error


def confidence_of(config: Config) -> ConfidenceFunction:
    """Return the confidence function that is named.

    Raises:
        ConfigurationError: There is none of that name, or it does not take these arguments.
    """
    table = config.confidence
    name, where = table.name if table else "", config.where("confidence", "name")
    if name not in _CONFIDENCES:
        msg = f"{where}={name!r} must be one of {', '.join(_CONFIDENCES)}."
        raise ConfigurationError(msg)
    params = params_of(config, "confidence")
    if isinstance(judge := params.get("judge"), str):
        params["judge"] = as_model(judge, config.where("confidence", "judge"))
    try:
        return _CONFIDENCES[name](**params)
    except TypeError as error:
        told = ", ".join(params) or "no arguments"
        msg = (
            f"{where}={name!r} does not take {told}: {error}. Leave out what it does not take; "
            "docs/configuration.md says what each takes."
        )
        raise ConfigurationError(msg) from error


def telemetry_of(config: Config) -> Observer:
    """Return who watches, and tells OpenTelemetry's global providers.

    Raises:
        ConfigurationError: The extra is not installed.
    """
    try:
        from langchain_intercascade.telemetry.otel import OpenTelemetry  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        msg = (
            f"{config.where('telemetry')}={config.telemetry!r} needs the extra: "
            "pip install 'langchain-intercascade[otel]'."
        )
        raise ConfigurationError(msg) from error
    return OpenTelemetry()


def repository_of(config: Config) -> StrategyRepository:
    """Return the repository, not yet opened.

    Raises:
        ConfigurationError: The encoder or the server's key is not there.
    """
    table, encoder = config.repository, encoder_of(config)
    if table.url is None:
        from langchain_intercascade.repository.edge import EdgeRepository  # noqa: PLC0415 - slow to import

        return EdgeRepository(table.path, embeddings=encoder)
    from langchain_intercascade.repository.qdrant import QdrantRepository  # noqa: PLC0415 - slow to import

    seconds = config.timeouts.repository
    more: dict[str, Any] = {} if seconds is None else {"timeout": seconds}
    return QdrantRepository(
        table.url,
        collection=table.collection,
        api_key=server_key(config),
        prefer_grpc=table.prefer_grpc,
        grpc_port=table.grpc_port,
        embeddings=encoder,
        **more,
    )


def server_key(config: Config) -> str | None:
    """Return the key of the Qdrant server, if one is named.

    Raises:
        ConfigurationError: The variable that is named is not set.
    """
    name = config.repository.api_key_env
    return name and secret_in(name, config.where("repository", "api_key_env"))


def gateway_keys_of(config: Config) -> dict[str, str]:
    """See `Config.gateway_keys`."""
    keys: dict[str, str] = {}
    for variable, tenant in config.serve.api_keys.items():
        key = secret_in(variable, config.where("serve", "api_keys", variable))
        if keys.setdefault(key, tenant) != tenant:
            where = config.where("serve", "api_keys")
            msg = f"{where}: {variable} holds the key of {keys[key]} too; give each its own."
            raise ConfigurationError(msg)
    return keys


def is_simulated(config: Config) -> bool:
    """Say whether one of the two models is a simulated one."""
    return SIMULATED in (config.weak.name, config.strong.name)


def _money(config: Config) -> dict[str, Any]:
    prices = {**(PRICES if is_simulated(config) else {}), **config.prices}
    limits = config.budget.model_dump(exclude_none=True)
    made: dict[str, Any] = {"prices": prices} if prices else {}
    if limits:
        made["budget"] = Budget(**limits)
    return made
