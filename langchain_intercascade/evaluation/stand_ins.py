"""What stands in, in a replay, for what nobody recorded: a distilled strategy, and a confidence.

Both do as little as they can, so that a report can say in a sentence what they do.
"""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langchain_intercascade.confidence.base import Evidence, Score
from langchain_intercascade.strategy import Advice
from langchain_intercascade.testing.recorded import Recording, Tape, playback_of
from langchain_intercascade.testing.scripted import ScriptedChatModel


def sure_when_helped(evidence: Evidence) -> Score:
    """Stand in for a confidence that was not recorded: sure if any strategy was in the prompt."""
    shown = playback_of(evidence.weak_answer)["shown"]
    return Score(0.0) if shown == "nothing" else Score(1.0)


def stand_in_advice(family: str) -> Advice:
    """Return the advice that stands in for what was never distilled: it names the family only."""
    return Advice(
        title=f"Problems of the kind {family}",
        when_to_use="The problem at hand is of this kind.",
        steps=("Reason step by step, as worked examples of this kind do.",),
    )


def stand_in_distiller(recordings: Sequence[Recording]) -> ScriptedChatModel:
    """Return a model that "distils" whichever recorded question it is shown into a stand-in."""
    families = {recording.prompt: recording.family or "" for recording in recordings}
    tape = Tape(recordings)

    def distilled(messages: list[BaseMessage]) -> str:
        return stand_in_advice(families[tape.prompt_in(messages[-1].text)]).model_dump_json()

    return ScriptedChatModel(respond=distilled, model_name="stand-in")
