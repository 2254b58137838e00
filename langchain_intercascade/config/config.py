"""The configuration: what it may say, how it is loaded, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError

from langchain_intercascade.config.building import arguments_of, gateway_keys_of
from langchain_intercascade.config.problems import problems_of, refused, suspects
from langchain_intercascade.config.reading import CONFIG, Given, gather
from langchain_intercascade.config.secrets import variables_in
from langchain_intercascade.config.tables import (
    BudgetTable,
    ConfidenceTable,
    Dollars,
    EncoderTable,
    ModelTable,
    Number,
    RepositoryTable,
    Serve,
    Share,
    Table,
    Tenant,
    Timeouts,
    Whole,
)
from langchain_intercascade.state import MAX_K, Learning
from langchain_intercascade.threshold.watch import OnAbstain

if TYPE_CHECKING:
    from langchain_intercascade.chat_model import InterCascade

HASHING: Final = "hashing"
"""The name of the built-in encoder."""


class Config(Table):
    """All there is to say about a cascade, checked when it is loaded.

    Whatever is left out is as `InterCascade` has it.  Nothing is opened and nobody is
    asked before the cascade that is made of it is used.

    Examples:
        >>> models = {"weak": "simulated", "strong": "simulated"}
        >>> config = Config.load(environment={}, threshold=0.5, **models)
        >>> with config.cascade() as cascade:
        ...     cascade.invoke("What is 2 plus 2?").response_metadata["inter_cascade"]["threshold"]
        0.5
    """

    weak: ModelTable = Field(
        description='a model: "provider:name", "simulated", or a table {name = "...", ...}'
    )
    strong: ModelTable = Field(
        description='a model: "provider:name", "simulated", or a table {name = "...", ...}'
    )
    distiller: ModelTable | None = Field(
        default=None, description="a model, named as the others are"
    )
    embeddings: EncoderTable = Field(
        default=EncoderTable(name=HASHING),
        description='an encoder: "hashing", "provider:name", or a table {name = ..., ...}',
    )
    repository: RepositoryTable = Field(
        default=RepositoryTable(), description="a table with path or url"
    )
    tenant: Tenant = Field(default="default", description="a text that is not empty")
    shared: Tenant | None = Field(
        default=None, description="the tenant whose strategies are used too, a text"
    )
    threshold: Share | Literal["always_defer"] | None = Field(
        default=None, description='a number from 0 to 1, or "always_defer"'
    )
    threshold_file: str | None = Field(
        default=None,
        min_length=1,
        description="a file that `intercascade calibrate` wrote, as text",
    )
    target_risk: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        default=None, description="a number above 0 and below 1"
    )
    delta: Annotated[Number, Field(gt=0, le=0.5)] | None = Field(
        default=None, description="a number above 0 and at most 0.5"
    )
    audit_rate: Share | None = Field(default=None, description="a number from 0 to 1")
    on_abstain: OnAbstain | None = Field(default=None, description='"wrong" or "skip"')
    confidence: ConfidenceTable | None = Field(
        default=None,
        description="a name (auto, judge, logprobs, self_consistency, validity, verbalized), or a "
        "table {name = ..., ...}",
    )
    tool_calls: Literal["defer", "accept"] | None = Field(
        default=None, description='"defer" or "accept"'
    )
    k: Annotated[Whole, Field(ge=0, le=MAX_K)] | None = Field(
        default=None, description=f"a whole number from 0 to {MAX_K}"
    )
    min_similarity: Annotated[Number, Field(ge=-1, le=1)] | None = Field(
        default=None, description="a number from -1 to 1"
    )
    lexical: bool | None = Field(default=None, description="true or false")
    strategies_with_tools: bool | None = Field(default=None, description="true or false")
    learning: Learning | None = Field(
        default=None, description='"background", "inline", "observe" or "off"'
    )
    admission: Literal["always", "replay"] | None = Field(
        default=None, description='"always" or "replay"'
    )
    faithful: bool | None = Field(default=None, description="true or false")
    keep_examples: bool | None = Field(default=None, description="true or false")
    lifetime_days: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="days, above 0"
    )
    max_strategies: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None, description="a whole number, 1 or more"
    )
    holdout: Share | None = Field(default=None, description="a number from 0 to 1")
    advise: bool | None = Field(default=None, description="true or false")
    on_strong_error: Literal["raise", "weak"] | None = Field(
        default=None, description='"raise" or "weak"'
    )
    telemetry: Literal["opentelemetry"] | None = Field(default=None, description='"opentelemetry"')
    timeouts: Timeouts = Field(default=Timeouts(), description="a table of seconds by role")
    prices: dict[str, tuple[Dollars, Dollars]] = Field(
        default_factory=dict,
        description="a table of dollars per million tokens, read and written: "
        '"gpt-4o-mini" = [0.15, 0.60]',
    )
    budget: BudgetTable = Field(default=BudgetTable(), description="a table of dollars")
    serve: Serve = Field(default=Serve(), description="a table for the gateway")

    _given: Given = PrivateAttr(default_factory=Given)

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        **given: Any,
    ) -> Self:
        """Read a file, over it the environment, and over both what is `given`.

        A source that names one of several settings that exclude each other takes the
        place of the others in the sources below it.

        Args:
            path: A TOML file; the one that `INTERCASCADE_CONFIG` names, if any, if `None`.
            environment: `INTERCASCADE_K=3` is `k = 3`, and `INTERCASCADE_SERVE__PORT=80` is
                `port = 80` in `[serve]`; the process's own if `None`.
            **given: Settings by name; `None` counts as not said.

        Raises:
            ConfigurationError: The file cannot be read, or something in it can never work;
                the message names every mistake, with what was expected.
        """
        found = gather(path, environment, given, shape=cls)
        problems = suspects(found)
        try:
            config = cls.model_validate(found.values)
        except ValidationError as error:
            problems += problems_of(error, found, shape=cls)
        if problems:
            raise refused(problems)
        config._given = found  # noqa: SLF001 - its own
        return config

    @property
    def lifetime(self) -> timedelta | None:
        """How long a strategy is used."""
        return None if self.lifetime_days is None else timedelta(days=self.lifetime_days)

    @property
    def file(self) -> Path | None:
        """The file that it was loaded from, if any."""
        return self._given.file

    def where(self, *keys: str) -> str:
        """Return what a setting is called where it was said, such as `INTERCASCADE_WEAK`."""
        return self._given.where(keys)

    def variables(self) -> list[str]:
        """Return the environment variables that it names as holding keys."""
        return [*variables_in(self._given.values), *self.serve.api_keys]

    def gateway_keys(self) -> dict[str, str]:
        """Return the keys that the gateway takes, and the tenant that each belongs to.

        Raises:
            ConfigurationError: A variable is not set, or two tenants have the same key.
        """
        return gateway_keys_of(self)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments for `InterCascade` or `create_inter_cascade`.

        Models and the repository are made; the repository is the caller's to close.

        Raises:
            ConfigurationError: A model, encoder or key that is named is not there.
        """
        return arguments_of(self)

    def cascade(self, **options: Any) -> InterCascade:
        """Return the cascade, to be closed at the end: `with config.cascade() as cascade:`.

        It closes its repository too.

        Args:
            **options: As for `InterCascade`, in place of what the configuration says.

        Raises:
            ConfigurationError: A model, encoder or key that is named is not there, or
                the parts do not go together.
        """
        from langchain_intercascade.chat_model import InterCascade  # noqa: PLC0415 - slow to import

        cascade = InterCascade(**{**self.arguments(), **options})
        cascade._owns_repository |= "repository" not in options  # noqa: SLF001 - made for it alone
        return cascade


__all__ = ["CONFIG", "HASHING", "Config"]
