"""A chat model that answers with what a real model once answered.

A replay looks up only what was recorded.  The model reads the prompt it is
given, finds the recorded question in it, and plays the recording: the text, its
log-probability, tokens and dollars.  Latencies travel along as data; nothing
sleeps.  Broken recordings (no answer, a log-probability of minus infinity) are
played as they are, because they are real and a gate has to survive them.

Some packs hold a second answer to the same question, given with help of its own
kind in the prompt.  That one is played only when a strategy whose title names
the question's family really stands in the prompt's block of strategies.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Final, Literal, TypeAlias, TypedDict, cast

from langchain_core.language_models import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from pydantic import model_validator

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.testing._reply import Answer, Reply
from langchain_intercascade.testing._tokens import logprob_entries, split_tokens
from langchain_intercascade.testing.scripted import ScriptedChatModel

__all__ = [
    "PlaybackNote",
    "RecordedChatModel",
    "Recording",
    "Tape",
    "UnrecordedPromptError",
    "playback_of",
]

PLAYBACK_KEY: Final = "recorded"

Shown: TypeAlias = Literal["nothing", "family", "mixed", "other"]
"""Which strategies a prompt held: none, of the question's family, of others too, of others only."""

# As `prompts.STRATEGIES` writes it: the block is closed by a marker made from its own content.
_BLOCK: Final = re.compile(r"<strategies (\w+)>\n(.*?)\n</strategies \1>(?:\n\n)?", re.DOTALL)
_TITLE: Final = re.compile(r"^\[\d+\] (.+)\nUse when: ", re.MULTILINE)


class UnrecordedPromptError(ConfigurationError):
    """A recorded model was asked something that nobody recorded.

    A configuration error, because the cascade would survive any other: it would
    defer, and the replay would report a made-up figure.
    """


@dataclass(frozen=True, slots=True)
class Recording:
    """What a model once answered to one prompt.

    Attributes:
        prompt: The text that was asked; it must occur in the last human message of a prompt.
        answer: What the model said; `None` when the answer is missing.
        correct: Whether that was right.
        logprob: Log-probability of the answer, as one number; `None` when there is none.
        tokens: Input and output tokens; words are counted when they were not recorded.
        cost: Dollars; `None` when unknown.
        latency_ms: Milliseconds the model took.
        family: The kind of question, to be recognised in the titles of strategies.
        helped: The answer with help of the question's own kind in the prompt, if recorded.
    """

    prompt: str
    answer: str | None
    correct: bool
    logprob: float | None = None
    tokens: tuple[int, int] | None = None
    cost: float | None = None
    latency_ms: float | None = None
    family: str | None = None
    helped: Recording | None = None

    def __post_init__(self) -> None:
        """Refuse a prompt that would be found in any text."""
        if not self.prompt.strip():
            msg = "A recording needs a prompt with some text in it, to be found by."
            raise ConfigurationError(msg)


class PlaybackNote(TypedDict):
    """What an answer's `response_metadata["recorded"]` says about where it comes from.

    Attributes:
        correct: Whether the recorded answer is right.
        shown: Which strategies stood in the prompt.
        unrecorded: Whether this very situation was never recorded: a strategy of another
            family was in the prompt, or the answer with help is missing.  The declared
            rule is that what was not recorded has no effect; count it as wrong, too, to
            see the worst case.
        latency_ms: As recorded.
    """

    correct: bool
    shown: Shown
    unrecorded: bool
    latency_ms: float | None


class Tape:
    """Recordings, found by reading a prompt.

    A prompt that was recorded several times is answered with its recordings in
    turn, and then from the first again.
    """

    def __init__(self, recordings: Iterable[Recording]) -> None:
        """Hold `recordings`."""
        self._takes: dict[str, list[Recording]] = defaultdict(list)
        for recording in recordings:
            self._takes[recording.prompt].append(recording)
        self._turns: dict[str, int] = defaultdict(int)
        self._lock = Lock()

    def __call__(self, messages: list[BaseMessage]) -> Reply:
        """Return the recorded reply to the last human message.

        Raises:
            UnrecordedPromptError: No recorded prompt occurs in it.
        """
        text = next((each.text for each in reversed(messages) if each.type == "human"), "")
        recording = self._next_take(self.prompt_in(text))
        shown = shown_strategies(text, recording.family)
        helped = recording.helped if shown in {"family", "mixed"} else None
        note = PlaybackNote(
            correct=(helped or recording).correct,
            shown=shown,
            unrecorded=shown in {"mixed", "other"} or (shown == "family" and helped is None),
            latency_ms=(helped or recording).latency_ms,
        )
        return _reply(helped or recording, note)

    def prompt_in(self, text: str) -> str:
        """Return the recorded prompt that `text` is about; the longest, if it holds several.

        What stands in a block of strategies is not what is asked.

        Raises:
            UnrecordedPromptError: There is none.
        """
        asked = _BLOCK.sub("", text)
        if asked in self._takes:
            return asked
        inside = [prompt for prompt in self._takes if prompt in asked]
        if inside:
            return max(inside, key=len)
        msg = (
            f"None of the {len(self._takes)} recorded prompts occurs in the last human message, "
            f"which begins with {asked[:80]!r}. Ask a recorded question, word for word."
        )
        raise UnrecordedPromptError(msg)

    def _next_take(self, prompt: str) -> Recording:
        takes = self._takes[prompt]
        with self._lock:
            turn = self._turns[prompt]
            self._turns[prompt] += 1
        return takes[turn % len(takes)]


class RecordedChatModel(ScriptedChatModel):
    """Plays recordings.

    As with a live model, log-probabilities come only when they are asked for.
    The one recorded number becomes that of every token, so that their mean is
    what was recorded.

    Examples:
        >>> model = RecordedChatModel(
        ...     recordings=[Recording("2 + 2?", "4", correct=True, logprob=-0.25, cost=1e-5)],
        ...     model_name="real-8b",
        ...     logprobs=True,
        ... )
        >>> answer = model.invoke("Answer briefly. 2 + 2?")
        >>> answer.content, answer.response_metadata["total_cost"], playback_of(answer)["correct"]
        ('4', 1e-05, True)
        >>> [entry["logprob"] for entry in answer.response_metadata["logprobs"]["content"]]
        [-0.25]
    """

    recordings: Sequence[Recording] = ()
    """What was recorded of this model."""
    disable_streaming: bool | Literal["tool_calling"] = True
    """An answer arrives whole: how it once came in pieces was not recorded."""

    @model_validator(mode="before")
    @classmethod
    def _play_recordings(cls, given: Any) -> Any:
        """Let the recordings be the script."""
        return {**given, "respond": Tape(given.get("recordings", ()))}

    def _answer(
        self, prompt: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> Answer:
        """Find the recording; keep its log-probabilities to oneself unless asked for them."""
        answer = super()._answer(prompt, stop, kwargs)
        if answer.with_logprobs:
            return answer
        known = answer.reply.response_metadata
        kept = {name: value for name, value in known.items() if name != "logprobs"}
        return replace(answer, reply=replace(answer.reply, response_metadata=kept))

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        """Name the provider for traces."""
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "recorded"
        return params

    @property
    def _llm_type(self) -> str:
        return "recorded"


def playback_of(answer: AIMessage) -> PlaybackNote:
    """Return the note that a recorded answer carries.

    Raises:
        ConfigurationError: It carries none: no recorded model wrote it.
    """
    note = answer.response_metadata.get(PLAYBACK_KEY)
    if note is None:
        msg = (
            "This answer carries no note of a recording: it was not a RecordedChatModel's. Ask "
            "one, and pass its answer on as it is."
        )
        raise ConfigurationError(msg)
    return cast("PlaybackNote", note)


def shown_strategies(text: str, family: str | None) -> Shown:
    r"""Say which strategies stand in the prompt `text`, judged by whether a title names `family`.

    Only titles inside a block of strategies count; the same words in a question do not.

    Examples:
        >>> shown_strategies("[1] Sums\nUse when: adding\nWhat is 2 + 2?", "Sums")
        'nothing'
    """
    titles = [title for block in _BLOCK.finditer(text) for title in _TITLE.findall(block[2])]
    if not titles:
        return "nothing"
    fitting = [family is not None and _names(title, family) for title in titles]
    if not any(fitting):
        return "other"
    return "family" if all(fitting) else "mixed"


def _names(title: str, family: str) -> bool:
    # Whole words: "dates" is not named by "dates_of_birth", and \w holds the underscore.
    return re.search(rf"(?<!\w){re.escape(family)}(?!\w)", title) is not None


def _reply(recording: Recording, note: PlaybackNote) -> Reply:
    metadata: dict[str, Any] = {PLAYBACK_KEY: note}
    if recording.logprob is not None:
        metadata["logprobs"] = {"content": _entries(recording, recording.logprob)}
    return Reply(
        text=recording.answer or "",
        logprob=None,
        usage=recording.tokens,
        cost=recording.cost,
        response_metadata=metadata,
    )


def _entries(recording: Recording, logprob: float) -> list[dict[str, Any]]:
    """Return as many equal entries as there were tokens: fewer would look like a torn answer."""
    words = split_tokens(recording.answer or "")
    written = recording.tokens[1] if recording.tokens else 0
    missing = max(written, 1) - len(words)
    tokens = [*words, *[""] * missing]
    return logprob_entries(tokens, [logprob] * len(tokens))
