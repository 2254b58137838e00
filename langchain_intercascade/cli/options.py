"""Options that several commands have, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

PathOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--path", metavar="DIR", help="Folder of the repository of strategies."),
]
UrlOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Qdrant server with the repository."),
]
CollectionOption: TypeAlias = Annotated[
    str, typer.Option("--collection", metavar="NAME", help="Collection on that server.")
]
ApiKeyOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--api-key", metavar="KEY", envvar="QDRANT_API_KEY", help="For that server."),
]
EmbeddingsOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--embeddings",
        metavar="NAME",
        help="What the repository was filled with: hashing, which is built in, or provider:model.",
    ),
]
TenantOption: TypeAlias = Annotated[
    str, typer.Option("--tenant", metavar="NAME", help="Whose strategies.")
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON instead of text for people.")
]
ThresholdOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        metavar="T",
        help="Accept the weak answer at this confidence or above, from 0 to 1; or always_defer. "
        "Left out: the cascade's default, which is not calibrated.",
    ),
]
