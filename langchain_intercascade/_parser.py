"""From a structured answer to the value it holds, whichever model wrote it, and how."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers.transform import BaseCumulativeTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.json import parse_partial_json
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_intercascade.equipment import structured_value


class StructuredParser(BaseCumulativeTransformOutputParser[Any]):
    """Reads the value out of a tool call or out of JSON text: the two models may differ."""

    of: Any
    """A pydantic class, or anything else for a dict."""

    @property
    def _type(self) -> str:
        return "inter-cascade-structured"

    def parse(self, text: str) -> Any:
        """Read `text` as a whole answer."""
        return self.parse_result([ChatGeneration(message=AIMessage(text))])

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Read an answer, or the beginning of one.

        Raises:
            OutputParserException: A whole answer does not hold what was asked for.
        """
        generation = result[0]
        message = generation.message if isinstance(generation, ChatGeneration) else None
        answer = message if isinstance(message, AIMessage) else AIMessage(generation.text)
        try:
            value = _beginning(answer) if partial else structured_value(answer)
            return self._typed(value)
        except ValueError as error:
            if partial:
                return None
            msg = (
                "The answer does not hold what was asked for; it is in this error's `llm_output`. "
                "Ask again; with include_raw=True it is returned, not raised."
            )
            raise OutputParserException(msg, llm_output=answer.text) from error

    def _typed(self, value: Any) -> Any:
        if not is_basemodel_subclass(self.of):
            return value
        # pydantic's first version is still about, and names it otherwise.
        read = getattr(self.of, "model_validate", None) or self.of.parse_obj
        return read(value)


def parsed_by(
    model: Runnable[LanguageModelInput, AIMessage], parser: StructuredParser, *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """Return `model` followed by `parser`, which with `include_raw` never raises."""
    if not include_raw:
        return model | parser
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    either = parsed.with_fallbacks([unparsed], exception_key="parsing_error")
    return RunnableMap(raw=model) | either


def _beginning(answer: AIMessage) -> Any:
    return answer.tool_calls[0]["args"] if answer.tool_calls else parse_partial_json(answer.text)
