"""LangChain's own integration tests for chat models pass on the stub server's default models.

What fails here for the cascade later on is then the cascade's fault, not the stub's.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_intercascade.testing.stub.server import StubServer


# Streaming a pydantic schema, ChatOpenAI serialises an event that already holds the parsed object.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
@pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema:UserWarning")
class TestChatOpenAIOnTheStub(ChatModelIntegrationTests):
    """`ChatOpenAI` talks to the stub as it would to a provider."""

    @pytest.fixture(autouse=True)
    def _address(self, running: StubServer) -> None:
        self.base_url = running.base_url

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """The class under test."""
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """What connects it to the stub; usage is not streamed from other hosts by default."""
        return {
            "base_url": self.base_url,
            "api_key": "any",
            "model": "weak",
            "stream_usage": True,
        }

    @property
    def model_override_value(self) -> str | None:
        """Another model that the stub has."""
        return "strong"

    @property
    def supports_json_mode(self) -> bool:
        """The stub answers `json_object` requests."""
        return True

    @property
    def has_tool_choice(self) -> bool:
        """The stub honours `tool_choice`."""
        return True
