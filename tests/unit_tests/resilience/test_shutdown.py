"""Closing loses nothing: what was not learned stays pending, and is counted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from langchain_core.messages import BaseMessage

from langchain_intercascade import EdgeRepository, State
from langchain_intercascade._steps import nothing
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import QUERY, cascade_of, is_distil_prompt, strong_model
from tests.conftest import Colour

QUERIES = (QUERY, "What is the capital of Norway?", "Which planet is the largest?")


def pending(repository: EdgeRepository) -> int:
    """How many lessons wait in the repository."""
    return len(repository.scan(tenant="default", states=[State.PENDING], limit=100))


def test_what_was_not_learned_is_left_and_counted(colour: Colour) -> None:
    """Whatever the worker is at: in the queue, in progress, or waiting for another try."""
    with EdgeRepository() as repository:
        strong = strong_model(advice=ConnectionError("down"))
        cascade = cascade_of(strong=strong, repository=repository, learning="background")
        for query in QUERIES:
            colour.invoke(cascade, query)
        left = colour.run(cascade.close, cascade.aclose)

        assert left == 3
        assert pending(repository) == 3
        assert colour.run(cascade.close, cascade.aclose) == 0


def test_a_lesson_in_progress_that_fails_is_left_too() -> None:
    """It is not tried again, because nobody waits for that."""
    began, release = threading.Event(), threading.Event()

    def respond(messages: list[BaseMessage]) -> Reply | str:
        if not is_distil_prompt(messages):
            return "They have five pears."
        began.set()
        release.wait(30)
        return Reply(error=ConnectionError("down"))

    with EdgeRepository() as repository, ThreadPoolExecutor(1) as threads:
        strong = ScriptedChatModel(respond=respond)
        cascade = cascade_of(strong=strong, repository=repository, learning="background")
        cascade.invoke(QUERY)
        began.wait(30)
        closing = threads.submit(cascade.close)
        while cascade.learner.do("nothing", nothing):  # refused as soon as it is closing
            began.clear()
            began.wait(0.005)
        release.set()

        assert closing.result() == 1
        assert pending(repository) == 1


def test_within_its_time_closing_learns_what_waits(colour: Colour) -> None:
    with EdgeRepository() as repository:
        cascade = cascade_of(repository=repository, learning="background")
        for query in QUERIES:
            colour.invoke(cascade, query)
        left = colour.run(lambda: cascade.close(60), lambda: cascade.aclose(60))

        assert left == 0
        assert pending(repository) == 0


def test_a_closed_cascade_answers_and_takes_no_lessons(colour: Colour) -> None:
    """The lesson is written down all the same, for the next cascade over the repository."""
    with EdgeRepository() as repository:
        cascade = cascade_of(repository=repository, learning="background")
        colour.run(cascade.close, cascade.aclose)
        answer = colour.invoke(cascade, QUERY)

        assert answer.response_metadata["inter_cascade"]["lesson"]["state"] == "pending"
        assert cascade.learner_stats().not_queued == 1
        assert pending(repository) == 1
        with cascade_of(repository=repository, learning="background") as successor:
            assert successor.recover() == 1
            assert successor.close(60) == 0
            assert pending(repository) == 0
