"""This is where a report says what it rests on, and how to make it again."""

from __future__ import annotations

from langchain_intercascade.evaluation.html.figures import figure, plain
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.parts import missing, section, told
from langchain_intercascade.evaluation.html.reading import Run, at, node, number, text, texts
from langchain_intercascade.evaluation.html.sections.headline import data_name


def origin(run: Run) -> Html:
    """Return the last section: recorded, assumed, and how to run it again."""
    return section("origin", "How it was made", *trust(run), *again(run))


def trust(run: Run) -> list[Child]:
    """Return what was recorded and what is assumed."""
    return [*_said(run, "recorded", "Recorded"), *_said(run, "assumed", "Assumed")]


def again(run: Run) -> list[Child]:
    """Return the command, the data and the versions with which to run it again."""
    command = text(run.data, "command")
    return [
        element("h3", "To run it again"),
        element("pre", element("code", command), tabindex="0")
        if command
        else missing("How it was run is not known.", "command"),
        told(_sources(run)),
        told(_versions(run)) if _versions(run) else missing("With what is not known.", "versions"),
    ]


def _said(run: Run, key: str, title: str) -> list[Child]:
    said, head = texts(run.data, key), element("h3", title)
    if key not in run.data:
        return [head, missing(f"What is {key} is not said.", key)]
    if not said:
        return [head, element("p", "Nothing.")]
    return [head, element("ul", *(element("li", each) for each in said))]


def _sources(run: Run) -> list[tuple[Child, Child | None]]:
    digest = text(run.data, "data", "sha256") or text(run.data, "pack_sha256")
    return [
        ("this report", run.name),
        ("questions", data_name(run)),
        ("their SHA-256", element("code", digest) if digest else None),
        ("repeated ones left out", _count(run, "data", "repeated")),
        ("grader", text(run.data, "data", "grader")),
        ("split", text(run.data, "split")),
        ("seeds", _seeds(run)),
        ("began with strategies of", text(run.data, "warm")),
    ]


def _count(run: Run, *path: str) -> Html | None:
    value = number(run.data, *path)
    return None if value is None else figure(value, plain)


def _seeds(run: Run) -> Html | None:
    found = at(run.data, "seeds")
    seeds = found if isinstance(found, list | tuple) else [at(run.data, "seed")]
    known = [value for each in seeds if (value := number({"seed": each}, "seed")) is not None]
    parts = [part for value in known for part in (", ", figure(value, plain))][1:]
    return joined(*parts) if parts else None


def _versions(run: Run) -> list[tuple[Child, Child | None]]:
    found = node(run.data, "versions")
    return [(name, value) for name, value in found.items() if isinstance(value, str)]
