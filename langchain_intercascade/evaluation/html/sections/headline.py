"""This is where a page begins: on what sort of models, on what, and what came of it in words."""

from __future__ import annotations

from typing import Final, TypeGuard

from langchain_intercascade.evaluation.html.figures import (
    Writer,
    figure,
    hundredths,
    percent,
    plain,
    spread,
    whole,
)
from langchain_intercascade.evaluation.html.looks import full_name
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.parts import dotted, sentences, spoken
from langchain_intercascade.evaluation.html.reading import (
    Interval,
    Run,
    at,
    interval,
    node,
    nodes,
    number,
    text,
)

KINDS: Final = {
    "live": (
        "Live models",
        "The models named here were called, and paid for, to write this report.",
    ),
    "simulated": (
        "Simulated models",
        (
            "Weak and strong are programs with made-up skills. The figures show how the cascade "
            "behaves; they say nothing about any real model."
        ),
    ),
    "recorded": (
        "Recorded answers",
        (
            "Answers that were once recorded were replayed, and no model was called. What had not "
            "been recorded is assumed, as listed at the end."
        ),
    ),
    "trained": (
        "Small trained models",
        (
            "The tiny neural models of this package really answered and really learned. The models "
            "that you would use have other figures."
        ),
    ),
}
"""Each sort of models with what it means for a reader."""

_UNKNOWN_KIND: Final = (
    "Unknown models",
    "The report does not say whether its models were live, simulated or recorded.",
)


def headline(run: Run) -> Html:
    """Return the head of a run's page."""
    return element(
        "header",
        kind_banner(run),
        incomplete_banner(run),
        element("h1", title(run)),
        element("p", *_measured(run), class_="measured"),
        element("p", in_words(run), class_="words"),
        _key_figures(run),
    )


def title(run: Run) -> str:
    """Return what a run is called: by itself, by its questions, or by its file."""
    return text(run.data, "title") or data_name(run) or run.name


def data_name(run: Run) -> str | None:
    """Return the name of the questions."""
    return text(run.data, "data", "name") or text(run.data, "pack")


def kind_banner(run: Run) -> Html:
    """Say first and loudly what sort of models a run is about."""
    name, said = KINDS.get(run.kind or "", _UNKNOWN_KIND)
    return element("p", element("strong", name), " ", said, class_="banner")


def incomplete_banner(run: Run) -> Html | None:
    """Say that a run did not end, and why."""
    why = at(run.data, "incomplete")
    if not why:
        return None
    said = why if isinstance(why, str) else "It was stopped before its end."
    return element("p", element("strong", "Incomplete"), " ", said, class_="banner warning")


def _measured(run: Run) -> list[Child]:
    """Return the line that says what was measured, and with which settings."""
    models = node(run.data, "models")
    named = [f"{role} {name}" for role, name in models.items() if isinstance(name, str)]
    parts: list[Child] = [", ".join(named) or "models not named"]
    parts.append(data_name(run) or "data not named")
    parts += [joined(figure(value, whole), f" {word}") for word, value in _sizes(run) if value]
    parts += [_setting(run, key, name) for key, name in _SETTINGS.items() if key in run.data]
    return dotted(parts)


_SETTINGS: Final = {
    "threshold": "threshold",
    "k": "k",
    "min_similarity": "least similarity",
    "learning": "learning",
    "confidence": "confidence",
}


def _sizes(run: Run) -> list[tuple[str, float | None]]:
    asked = number(run.data, "data", "questions") or number(run.main_arm, "n")
    seeds = at(run.data, "seeds")
    turns = len(seeds) if isinstance(seeds, list) else 1
    return [
        ("questions", asked),
        ("families", number(run.data, "data", "families")),
        ("orders", turns if turns > 1 else None),
    ]


def _setting(run: Run, key: str, name: str) -> Html:
    value = number(run.data, key)
    if value is not None:
        return joined(f"{name} ", figure(value, plain))
    # Only the least similarity is ever null: it is then measured as strategies come.
    return joined(f"{name} ", spoken(_written(at(run.data, key))) or "measured")


def _written(value: object) -> list[str]:
    """Return a setting that is no number: one word, or a list with one for each gate."""
    values = value if isinstance(value, list | tuple) else [value]
    return [each if isinstance(each, str) else f"{each:g}" for each in values if _is_said(each)]


def _is_said(value: object) -> TypeGuard[str | float]:
    return isinstance(value, str | float | int) and not isinstance(value, bool)


def in_words(run: Run) -> Html:
    """Return in a few sentences what came of a run."""
    return sentences([_accuracy(run), _alone(run), _taught(run), _saved(run)])


def _accuracy(run: Run) -> Html | None:
    right = number(run.main_arm, "system_accuracy")
    called = number(run.main_arm, "strong_call_share")
    if right is None or called is None:
        return None
    name = full_name(run.main)
    return joined(
        f"The {name} answered ",
        figure(right, percent),
        " of the questions right and called the strong model for ",
        figure(called, percent),
        " of them.",
    )


def _alone(run: Run) -> Html | None:
    weak = number(run.arms.get("weak_only"), "system_accuracy")
    strong = number(run.arms.get("strong_only"), "system_accuracy")
    if weak is None or strong is None:
        return None
    return joined(
        "Alone, the weak model is right in ",
        figure(weak, percent),
        " and the strong one in ",
        figure(strong, percent),
        ".",
    )


def _taught(run: Run) -> Html | None:
    helped = number(run.main_arm, "weak_accuracy")
    alone = number(run.arms.get("weak_only"), "weak_accuracy")
    if helped is None or alone is None or run.main != "cascade":
        return None
    return joined(
        "In the cascade the weak model itself was right in ",
        figure(helped, percent),
        ", against ",
        figure(alone, percent),
        " without its lessons.",
    )


def _saved(run: Run) -> Html:
    saving, _ = saving_of(run)
    if saving is None:
        return joined("What it saved is not known: the report has no costs over time.")
    word = "less" if saving >= 0 else "more"
    return joined(
        "All it spent on learning included, it cost ",
        element("data", percent(abs(saving)), value=repr(saving)),
        f" {word} than asking the strong model every time.",
    )


def saving_of(run: Run) -> tuple[float | None, Interval | None]:
    """Return what the main arm saved by the end of the stream, with its interval."""
    curve = nodes(run.main_arm, "curve")
    if not curve:
        return None, None
    low, high = number(curve[-1], "saving_low"), number(curve[-1], "saving_high")
    around = None if low is None or high is None else (low, high)
    return number(curve[-1], "saving"), around


def _key_figures(run: Run) -> Html:
    """Return the few figures to remember; those that are not known are left out."""
    main = run.main_arm
    saving, around = saving_of(run)
    found: list[tuple[str, float | None, Interval | None]] = [
        ("right answers", number(main, "system_accuracy"), _ends(run, "system_accuracy")),
        ("strong calls", number(main, "strong_call_share"), _ends(run, "strong_call_share")),
        ("weak answers right", number(main, "weak_accuracy"), _ends(run, "weak_accuracy")),
        ("saved", saving, around),
    ]
    boxes = [
        _box(name, value, ends, hundredths) for name, value, ends in found if value is not None
    ]
    return element("dl", *boxes, class_="key")


def _ends(run: Run, metric: str) -> Interval | None:
    return interval(run.main_arm, "intervals", metric)


def _box(name: str, value: float, ends: Interval | None, write: Writer) -> Html:
    unit = element("span", "%", class_="unit")
    around = spread(ends, write)
    return element(
        "div",
        element("dt", name),
        element("dd", figure(value, write), unit, class_="big"),
        element("dd", around, class_="around") if around else None,
    )
