"""The tables of a configuration; each description says what a value must be."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.functional_validators import ModelWrapValidatorHandler, model_validator

from langchain_intercascade.config.secrets import VARIABLE
from langchain_intercascade.costs.budget import OnExceeded
from langchain_intercascade.strategy import checked_tenant


def _no_truth(value: Any) -> Any:
    """Refuse `true` and `false`, which Python would take for 1 and 0."""
    if isinstance(value, bool):
        msg = "a truth value is no number"
        raise ValueError(msg)  # noqa: TRY004 - what pydantic turns into one of its errors
    return value


Number: TypeAlias = Annotated[float, BeforeValidator(_no_truth), Field(allow_inf_nan=False)]
Whole: TypeAlias = Annotated[int, BeforeValidator(_no_truth)]
Share: TypeAlias = Annotated[Number, Field(ge=0, le=1)]
Seconds: TypeAlias = Annotated[Number, Field(gt=0)]
Dollars: TypeAlias = Annotated[Number, Field(ge=0)]
Limit: TypeAlias = Annotated[Number, Field(gt=0)]
Variable: TypeAlias = Annotated[str, Field(pattern=VARIABLE)]
Tenant: TypeAlias = Annotated[str, AfterValidator(checked_tenant)]


class Table(BaseModel):
    """A table whose keys are all known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Named(BaseModel):
    """Something that is named, with whatever it is made with; a name alone may stand for it.

    Examples:
        >>> ModelTable.model_validate("openai:gpt-4o-mini").name
        'openai:gpt-4o-mini'
        >>> ModelTable.model_validate({"name": "openai:gpt-4o-mini", "temperature": 0}).params
        {'temperature': 0}
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: Annotated[str, Field(min_length=1, description="the name, as text")]

    @model_validator(mode="wrap")
    @classmethod
    def _from_name(cls, value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        return handler({"name": value} if isinstance(value, str) else value)

    @property
    def params(self) -> dict[str, Any]:
        """What it is made with besides."""
        return dict(self.model_extra or {})


class ModelTable(Named):
    """A chat model: its name, and whatever its provider's class takes."""


class EncoderTable(Named):
    """An encoder, likewise."""


class ConfidenceTable(Named):
    """A confidence function: its name, and its arguments."""


class RepositoryTable(Table):
    """Where the strategies are; a temporary folder if neither `path` nor `url` is given."""

    path: str | None = Field(
        default=None, min_length=1, description="a folder; a relative one is beside this file"
    )
    url: str | None = Field(
        default=None,
        pattern=r"^(https?://.+|:memory:)$",
        description="the URL of a Qdrant server, http://... or https://...",
    )
    collection: str = Field(
        default="inter_cascade", min_length=1, description="the collection's name on that server"
    )
    api_key_env: Variable | None = Field(
        default=None, description="the environment variable that holds that server's key"
    )
    prefer_grpc: bool = Field(
        default=True, description="true or false: gRPC is tried before REST, and costs less"
    )
    grpc_port: Whole = Field(
        default=6334, ge=1, le=65535, description="a port from 1 to 65535, where gRPC is spoken"
    )


class Timeouts(Table):
    """After how many seconds a call is given up; the client's own time if not said."""

    weak: Seconds | None = Field(default=None, description="seconds, above 0")
    strong: Seconds | None = Field(default=None, description="seconds, above 0")
    distiller: Seconds | None = Field(default=None, description="seconds, above 0")
    repository: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None, description="whole seconds, 1 or more, for a Qdrant server"
    )


class BudgetTable(Table):
    """How much may be spent; see `Budget`."""

    per_call: Limit | None = Field(default=None, description="dollars, above 0")
    per_hour: Limit | None = Field(default=None, description="dollars, above 0")
    per_day: Limit | None = Field(default=None, description="dollars, above 0")
    per_tenant_day: Limit | None = Field(default=None, description="dollars, above 0")
    on_exceeded: OnExceeded | None = Field(
        default=None, description='"weak" (give the weak answer) or "raise"'
    )
    learning_share: Share | None = Field(default=None, description="a number from 0 to 1")


class Limits(Table):
    """How much the gateway takes on."""

    concurrent: Whole = Field(
        default=64, ge=1, description="a whole number, 1 or more: calls under way at once"
    )
    per_minute: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None, description="a whole number, 1 or more: calls of one tenant in a minute"
    )
    body_bytes: Whole = Field(
        default=4_000_000, ge=1, description="a whole number, 1 or more: bytes of one request"
    )
    drain_seconds: Number = Field(
        default=30.0, ge=0, description="seconds, 0 or more: to finish in when it is stopped"
    )


LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine, which nobody else reaches."""


class Serve(Table):
    """The gateway of `intercascade serve`."""

    host: str = Field(default="127.0.0.1", min_length=1, description="the address to listen on")
    port: Whole = Field(
        default=8000, ge=0, le=65535, description="a port from 0 (any that is free) to 65535"
    )
    api_keys: dict[Variable, Tenant] = Field(
        default_factory=dict,
        description="a table of environment variables that each hold a key, and whose key it is: "
        '{ACME_GATEWAY_KEY = "acme"}',
    )
    limits: Limits = Field(default_factory=Limits, description="a table")
