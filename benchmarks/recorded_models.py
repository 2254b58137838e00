"""The models of the second table: they play recordings, and every call is charged its tokens.

A recorded prompt held no strategies, so what strategies add to it was not counted then.  Here
it is added to the recorded tokens, at four characters a token; so is what a lesson costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final, cast

from langchain_core.messages import BaseMessage

from langchain_intercascade.confidence.base import Evidence, Score
from langchain_intercascade.evaluation.replay import Replay
from langchain_intercascade.label import lot
from langchain_intercascade.strategy import Advice
from langchain_intercascade.testing import Reply
from langchain_intercascade.testing._reply import Answer
from langchain_intercascade.testing.recorded import RecordedChatModel, Recording, Tape
from langchain_intercascade.testing.scripted import ScriptedChatModel

CHARACTERS: Final = 4
"""Characters of a token, where tokens were not recorded."""

STEPS: Final = (
    "Say in your own words what is asked for, and what is known about it.",
    "Work through it step by step, and keep track of what each step has changed.",
    "Check the result against what was asked before answering.",
)
"""What every stand-in for a distilled strategy says: as long as a short one, about no problem."""


def tokens(*texts: str) -> int:
    """Return how many tokens the texts are taken to have.

    Examples:
        >>> tokens("four", "fives")
        3
    """
    return sum(math.ceil(len(text) / CHARACTERS) for text in texts)


class ChargedModel(RecordedChatModel):
    """Plays recordings, and counts what strategies add to a prompt."""

    def _answer(
        self, prompt: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> Answer:
        """Add the tokens of what stands in the prompt beside the recorded question."""
        answer = super()._answer(prompt, stop, kwargs)
        asked = next(each.text for each in reversed(prompt) if each.type == "human")
        recorded = cast("Tape", self.respond).prompt_in(asked)
        read, written = answer.reply.usage or (tokens(recorded), tokens(answer.reply.text))
        added = tokens(asked[: len(asked) - len(recorded)])
        return replace(answer, reply=replace(answer.reply, usage=(read + added, written)))


class ChargedReplay(Replay):
    """A replay whose models are charged for what is added to their prompts."""

    def model(self, role: str) -> RecordedChatModel:
        """Return the weak or the strong model, at the beginning of its tape."""
        weak = role == "weak"
        return ChargedModel(
            recordings=self.weak if weak else self.strong,
            model_name=self.weak_model if weak else self.strong_model,
        )


def teacher(recordings: Sequence[Recording], name: str) -> ScriptedChatModel:
    """Return a stand-in for the strong model where it distils; it names the kind of problem only.

    The kind is the family that was recorded, else the question is of a kind of its own.

    Args:
        recordings: The questions it may be shown.
        name: Of the strong model, whose prices it has.
    """
    kinds = {each.prompt: each.family or _own_kind(each.prompt) for each in recordings}
    tape = Tape(recordings)

    def distilled(messages: list[BaseMessage]) -> Reply:
        kind = kinds[tape.prompt_in(messages[-1].text)]
        advice = Advice(title=kind, when_to_use=kind.replace("_", " "), steps=STEPS)
        text = advice.model_dump_json()
        return Reply(text, usage=(tokens(*(each.text for each in messages)), tokens(text)))

    return ScriptedChatModel(respond=distilled, model_name=name)


def looked_up(scores: Mapping[str, float | None]) -> Callable[[Evidence], Score]:
    """Return a confidence function that knows the score of each question."""

    def confidence(evidence: Evidence) -> Score:
        return Score(scores[evidence.query])

    return confidence


def coin(evidence: Evidence) -> Score:
    """Stand in for a confidence that knows nothing: half the questions pass, helped or not."""
    return Score(lot(evidence.query, "gate"))


def graded(recordings: Sequence[Recording]) -> Callable[[str, str, str], bool]:
    """Return an agreement: answers say the same if their words do, or if both were graded right.

    Args:
        recordings: Of both models.
    """
    takes = [take for each in recordings for take in (each, each.helped) if take is not None]
    right = {(take.prompt, take.answer) for take in takes if take.correct}

    def agreed(query: str, one: str, other: str) -> bool:
        return one == other or {(query, one), (query, other)} <= right

    return agreed


def _own_kind(prompt: str) -> str:
    """Return a name of letters only: a digit of it could be taken for one of the question's."""
    digest = blake2b(prompt.encode(), digest_size=6).hexdigest()
    return "Kind " + digest.translate(str.maketrans("0123456789", "ghijklmnop"))


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what was recorded of both models.

    Attributes:
        weak: What the weak model said.
        strong: What the strong model said.
        score: The weak answer's confidence; `None` if it has none.
        system: The system message.
    """

    weak: Recording
    strong: Recording
    score: float | None = None
    system: str = ""
