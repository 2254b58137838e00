"""What spans, metrics and their attributes are called, and how big the boxes of histograms are.

`gen_ai.*` and `error.type` are OpenTelemetry's semantic conventions for generative AI
(version 1.41 of the conventions, in which all of `gen_ai.*` is still "development").
What they have no word for begins with `inter_cascade.`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SCOPE: Final = "langchain_intercascade"
"""Name of the tracer and of the meter."""

# The conventions' attributes.
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
AGENT: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION: Final = "gen_ai.usage.cache_creation.input_tokens"
REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - no password
ERROR: Final = "error.type"

SELF: Final = "inter_cascade"
"""The provider of a run, as LangChain is told too: it is answered by several models."""

CHAT: Final = "chat"
INVOKE: Final = "invoke_agent"

# The conventions' metrics.
TOKENS: Final = "gen_ai.client.token.usage"
DURATION: Final = "gen_ai.client.operation.duration"
TIME_TO_FIRST: Final = "gen_ai.client.operation.time_to_first_chunk"

# Ours.
OURS: Final = "inter_cascade."

PROVIDERS: Final[Mapping[str, str]] = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
"""What the conventions call those whom LangChain calls otherwise."""

TOKEN_BOXES: Final = tuple(float(4**power) for power in range(14))
"""From 1 to 67,108,864 tokens: those that the conventions ask for."""

SECOND_BOXES: Final = tuple(0.01 * 2**power for power in range(14))
"""From 0.01 to 81.92 seconds: those that the conventions ask for."""

SHARE_BOXES: Final = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""Twentieths of what lies in [0, 1]."""

COUNT_BOXES: Final = (0.0, 1.0, 2.0, 3.0)
"""How many strategies are shown: never more than three."""


def provider(told: str) -> str:
    """Return what the conventions call a provider that LangChain calls `told`.

    Examples:
        >>> provider("google_vertexai"), provider("ollama"), provider("")
        ('gcp.vertex_ai', 'ollama', 'unknown')
    """
    return PROVIDERS.get(told, told) or "unknown"
