"""One configuration for everything: what it may say, who wins, and how its mistakes read."""

from __future__ import annotations

import re
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from langchain_intercascade import ConfigurationError, EdgeRepository
from langchain_intercascade.config.config import Config
from langchain_intercascade.config.secrets import redacted
from langchain_intercascade.config.tables import (
    BudgetTable,
    Limits,
    RepositoryTable,
    Serve,
    Timeouts,
)
from langchain_intercascade.config.template import template, write_template
from langchain_intercascade.options import Options
from langchain_intercascade.record import RECORD_KEY
from langchain_intercascade.studio import graph_from

PAIR = 'weak = "simulated"\nstrong = "simulated"\n'
KEY = "sk-" + "a1B2c3D4e5F6g7H8"
GUIDE = (Path(__file__).parents[3] / "docs/configuration.md").read_text("utf-8")
EASY = "Ines has 7 pens and finds 5 more. How many pens does Ines have now?"

# What only Python can say: functions and objects, or parts that a host makes by itself.
NOT_IN_A_FILE = {"verifier", "agreement", "query_from", "max_concurrency"}


def load(folder: Path, text: str, **environment: str) -> Config:
    """Load a file with `text`, under an environment of nothing but `environment`."""
    file = folder / "ic.toml"
    file.write_text(text, "utf-8")
    return Config.load(file, environment={f"INTERCASCADE_{k}": v for k, v in environment.items()})


def complaint(folder: Path, text: str, **environment: str) -> str:
    """What is said about a configuration that cannot be used."""
    with pytest.raises(ConfigurationError) as refused:
        load(folder, text, **environment)
    return str(refused.value)


# Who wins.


@settings(max_examples=40, deadline=None)  # each one reads a file
@given(st.tuples(*[st.none() | st.integers(0, 3)] * 3))
def test_what_was_given_wins_over_the_environment_and_that_over_the_file(
    tmp_path_factory: pytest.TempPathFactory, said: tuple[int | None, ...]
) -> None:
    in_file, in_environment, given_here = said
    file = tmp_path_factory.getbasetemp() / "who-wins.toml"
    file.write_text(PAIR + (f"k = {in_file}" if in_file is not None else ""), "utf-8")
    environment = {} if in_environment is None else {"INTERCASCADE_K": str(in_environment)}
    found = Config.load(file, environment=environment, k=given_here)

    assert next((each for each in reversed(said) if each is not None), None) == found.k


def test_tables_are_laid_over_one_another(tmp_path: Path) -> None:
    text = 'weak = {name = "simulated", seed = 1}\nstrong = "simulated"\n[serve]\nport = 80\n'
    environment = {"WEAK": "openai:small", "WEAK__TEMPERATURE": "0.5", "SERVE__HOST": "::1"}
    found = load(tmp_path, text, **environment)

    assert "openai:small" == found.weak.name
    assert {"seed": 1, "temperature": 0.5} == found.weak.params
    assert ("::1", 80) == (found.serve.host, found.serve.port)


@pytest.mark.parametrize(
    ("lower", "upper", "left"),
    [
        ("threshold = 0.5", {"TARGET_RISK": "0.1"}, {"target_risk"}),
        ("target_risk = 0.1", {"THRESHOLD": "0.5"}, {"threshold"}),
        ("target_risk = 0.1", {"THRESHOLD_FILE": "t.json"}, {"threshold_file"}),
    ],
)
def test_a_later_source_replaces_what_it_excludes(
    tmp_path: Path, lower: str, upper: dict[str, str], left: set[str]
) -> None:
    """Who overrides one way to a threshold means another way, not two."""
    found = load(tmp_path, PAIR + lower, **upper)
    names = {"threshold", "threshold_file", "target_risk"}

    assert left == {name for name in names if getattr(found, name) is not None}


def test_a_folder_in_the_environment_replaces_a_server_in_the_file(tmp_path: Path) -> None:
    """`INTERCASCADE_PATH` is the short name."""
    text = f'{PAIR}[repository]\nurl = "http://localhost:6333"\ncollection = "c"\n'
    found = load(tmp_path, text, PATH="elsewhere").repository

    assert (None, "elsewhere", "c") == (found.url, found.path, found.collection)


def test_a_relative_path_in_a_file_is_beside_that_file(tmp_path: Path) -> None:
    """Whoever starts the server, and from wherever."""
    text = PAIR + 'threshold_file = "t.json"\n[repository]\npath = "strategies"\n'
    inside = load(tmp_path, text)
    outside = load(tmp_path, text, REPOSITORY__PATH="here")

    assert str(tmp_path / "strategies") == inside.repository.path
    assert str(tmp_path / "t.json") == inside.threshold_file
    assert "here" == outside.repository.path


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "named.toml"
    file.write_text(PAIR + "k = 1", "utf-8")

    assert 1 == Config.load(environment={"INTERCASCADE_CONFIG": str(file)}).k


# Mistakes.


@pytest.mark.parametrize(
    ("text", "environment", "words"),
    [
        ("", {}, ["ic.toml: weak is missing: give a model", "ic.toml: strong is missing"]),
        (PAIR + "k = 7", {}, ["ic.toml: k=7 must be a whole number from 0 to 3."]),
        (PAIR + "k = true", {}, ["ic.toml: k=true must be a whole number"]),
        (PAIR + "delta = nan", {}, ["ic.toml: delta=nan must be a number above 0"]),
        (PAIR + "threshold = true", {}, ["threshold=true must be a number from 0 to 1"]),
        (PAIR + "lexical = 3", {}, ["lexical=3 must be true or false"]),
        (PAIR + "tresholt = 1", {}, ["ic.toml: tresholt is not known. Did you mean threshold?"]),
        (PAIR + "[novelty]\nx = 1", {}, ["ic.toml: novelty is not known. Known are: admission,"]),
        (PAIR + "[repository]\npaht = '.'", {}, ["repository.paht is not known", "mean path?"]),
        (PAIR + "[repository]\nurl = 'ftp://x'", {}, ["url='ftp://x' must be the URL of a Qdrant"]),
        (PAIR + "[prices]\nsmall = [1]", {}, ["ic.toml: prices.small=[1] must be", "[0.15, 0.60]"]),
        (PAIR + "[prices]\nsmall = [1, -2]", {}, ["prices.small=[1, -2] must be"]),
        (PAIR + "[timeouts]\nweak = 0", {}, ["ic.toml: timeouts.weak=0 must be seconds, above 0"]),
        (PAIR + "tenant = ' '", {}, ["ic.toml: tenant=' ' must be a text that is not empty"]),
        ("weak = 3\nstrong = 'simulated'", {}, ["ic.toml: weak=3 must be a model"]),
        (PAIR, {"K": "many"}, ["INTERCASCADE_K='many' must be a whole number"]),
        (PAIR, {"SERVE__PORT": "99999"}, ["INTERCASCADE_SERVE__PORT='99999' must be a port"]),
        (PAIR, {"SERVE__POTR": "1"}, ["INTERCASCADE_SERVE__POTR is not known", "mean port?"]),
        (PAIR, {"PRICES": "cheap"}, ["INTERCASCADE_PRICES='cheap' must be a table of dollars"]),
        (
            PAIR,
            {"PATH": "x", "REPOSITORY__URL": "http://x"},
            ["PATH='x'", "URL='http://x'", "only"],
        ),
        (
            PAIR + "threshold = 0.5\ntarget_risk = 0.1",
            {},
            ["threshold=0.5, ic.toml: target_risk=0.1: only one of these can be meant"],
        ),
        ("weak =", {}, ["ic.toml is not TOML", "intercascade init"]),
    ],
)
def test_a_mistake_names_setting_value_and_what_is_right(
    tmp_path: Path, text: str, environment: dict[str, str], words: list[str]
) -> None:
    told = complaint(tmp_path, text, **environment)

    for each in words:
        assert each in told


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Nobody mends a file one start at a time."""
    text = PAIR + f'k = 9\nnovelty = 1\nthreshold = 1\ntarget_risk = 1\napi_key = "{KEY}"\n'
    told = complaint(tmp_path, text, DELTA="2").splitlines()

    assert "The configuration has 6 mistakes:" == told[0]
    assert 7 == len(told)


def test_a_file_that_is_not_there_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no\.toml cannot be read \(No such.*`intercascade"
    ):
        Config.load(tmp_path / "no.toml")


# Keys.


@pytest.mark.parametrize(
    "line",
    [
        f'weak = {{name = "openai:small", api_key = "{KEY}"}}',
        'weak = {name = "openai:small", api_key = "short"}',
        f'weak = {{name = "openai:small", base_url = "https://me:{KEY}@host/v1"}}',
        f'weak = {{name = "openai:small", default_headers = {{X-Auth = "Bearer {KEY}"}}}}',
        f'weak = "{KEY}"',
        f'[repository]\napi_key = "{KEY}"',
        f'[repository]\napi_key_env = "{KEY}"',
        f'[serve.api_keys]\n{KEY} = "acme"',
        f'[serve.api_keys]\nACME = "{KEY}"',
        f'[serve.api_keys]\n"{KEY}" = ["acme"]',
        f'embeddings = {{name = "openai:e", openai_api_key = "{KEY}"}}',
    ],
)
def test_a_key_in_clear_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    """The message says where it belongs, and does not put it into a log."""
    told = complaint(tmp_path, line + "\n")

    assert re.search("looks like a key", told)
    assert "variable" in told
    assert KEY not in told
    assert "short" not in told


def test_a_key_in_an_unlikely_place_is_not_repeated_either(tmp_path: Path) -> None:
    """Such as where the name of a setting should be."""
    told = complaint(tmp_path, f'{PAIR}"{KEY}" = 3\n')

    assert "is not known" in told
    assert KEY not in told


@pytest.mark.parametrize(
    "line",
    ['api_key_env = "QDRANT_API_KEY"', 'collection = "tokens"', 'path = "keys/token"'],
)
def test_what_only_speaks_of_keys_is_no_key(tmp_path: Path, line: str) -> None:
    load(tmp_path, f"{PAIR}[repository]\n{line}\n[serve.api_keys]\nACME_API_KEY = 'acme'")


def test_a_key_is_taken_from_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything else that the model is made with, and the timeout of its role."""
    pytest.importorskip("langchain_openai")
    monkeypatch.setenv("SMALL_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    weak = 'weak = {name = "openai:small", api_key_env = "SMALL_KEY", temperature = 0.25}\n'
    text = f'{weak}strong = "simulated"\n[timeouts]\nweak = 7\n'
    model = load(tmp_path, text).arguments()["weak"]

    assert KEY == model.openai_api_key.get_secret_value()
    assert (0.25, 7.0) == (model.temperature, model.request_timeout)


def test_a_variable_that_is_not_set_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    weak = 'weak = {name = "openai:small", api_key_env = "NO_SUCH_KEY"}\nstrong = "simulated"'
    with pytest.raises(ConfigurationError, match=r"ic\.toml: weak\.api_key_env='NO_SUCH_KEY'.*set"):
        load(tmp_path, weak).arguments()


def test_the_gateway_learns_whose_each_key_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = '[serve.api_keys]\nKEY_A = "acme"\nKEY_B = "best"\n'
    monkeypatch.setenv("KEY_A", "one")
    monkeypatch.setenv("KEY_B", "two")
    apart = load(tmp_path, PAIR + keys).gateway_keys()
    monkeypatch.setenv("KEY_B", "one")
    with pytest.raises(ConfigurationError, match="KEY_B holds the key of acme too"):
        load(tmp_path, PAIR + keys).gateway_keys()

    assert {"one": "acme", "two": "best"} == apart


def test_what_a_variable_holds_is_taken_out_of_any_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIN_NAME", "hunter-42-x")
    monkeypatch.setenv("SOME_TOKEN", "tok.en.value")
    text = "refused: hunter-42-x and tok.en.value"

    assert "refused: hunter-42-x and ***" == redacted(text)
    assert "refused: *** and ***" == redacted(text, ["PLAIN_NAME"])


# What is made of it.


def test_every_option_of_a_cascade_can_be_said_in_a_file() -> None:
    """Or is among those that only Python can say; a new option is not forgotten."""
    elsewhere = {"lifetime": "lifetime_days"}
    needed = {elsewhere.get(name, name) for name in set(Options.__annotations__) - NOT_IN_A_FILE}

    assert set() == needed - set(Config.model_fields)


def test_the_cascade_is_as_the_file_says(tmp_path: Path) -> None:
    text = (
        f'{PAIR}threshold = "always_defer"\ntenant = "acme"\nlearning = "inline"\nk = 1\n'
        'lifetime_days = 2\nconfidence = {name = "logprobs", aggregate = "minimum"}\n'
        '[repository]\npath = "strategies"\n[budget]\nper_call = 5\n'
    )
    with load(tmp_path, text).cascade() as cascade:
        before = (tmp_path / "strategies").exists()
        record = cascade.invoke(EASY).response_metadata[RECORD_KEY]

    assert not before
    assert ("strong", "acme", "always_defer") == (
        record["route"],
        record["tenant"],
        record["threshold"],
    )
    assert "minimum_token_probability" == record["confidence_method"]
    assert record["cost"] is not None
    with EdgeRepository(tmp_path / "strategies") as again:  # closed, or it would be locked
        assert again.count(tenant="acme") == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('confidence = "hunch"', "confidence='hunch' must be one of auto, judge, logprobs"),
        ('confidence = {name = "logprobs", size = 3}', "does not take size"),
        ('weak = {name = "simulated", seed = 1}', "a simulated model takes nothing but its name"),
        ('weak = "nobody:none"', r"ic\.toml: weak='nobody:none' could not be turned into a model"),
        ('embeddings = "nobody:none"', "embeddings='nobody:none': there is no such encoder here"),
        ('threshold_file = "no.json"', r"no\.json cannot be read"),
        ("[budget]\nlearning_share = 0.5", "needs a limit"),
    ],
)
def test_what_is_not_there_is_named_when_the_cascade_is_made(
    tmp_path: Path, line: str, words: str
) -> None:
    pair = PAIR if not line.startswith("weak") else 'strong = "simulated"\n'
    with pytest.raises(ConfigurationError, match=words):
        load(tmp_path, f"{pair}{line}\n").cascade()


def test_studio_reads_the_same_configuration(tmp_path: Path) -> None:
    """The file, with the variables of the environment laid over it."""
    file = tmp_path / "ic.toml"
    file.write_text(f"{PAIR}threshold = 0.25\nk = 1\n", "utf-8")
    graph = graph_from({"INTERCASCADE_CONFIG": str(file), "INTERCASCADE_THRESHOLD": "0.125"})
    record = graph.invoke({"messages": [("user", EASY)]})["record"]
    file.write_text("k = 9\n", "utf-8")
    with pytest.raises(ConfigurationError, match="3 mistakes"):
        graph_from({"INTERCASCADE_CONFIG": str(file)})

    assert 0.125 == record["threshold"]
    assert "inter_cascade (simulated)" == graph.name


# The guide.


@pytest.mark.parametrize("table", [Config, RepositoryTable, Timeouts, BudgetTable, Serve, Limits])
def test_the_guide_has_every_setting_as_it_is(table: type[BaseModel]) -> None:
    for name, field in table.model_fields.items():
        assert f"| `{name}` | {field.description} |" in GUIDE


def test_the_mistakes_in_the_guide_read_as_it_says(tmp_path: Path) -> None:
    text = PAIR + 'tresholt = 1\n[repository]\nurl = "localhost"\n'
    shown = re.findall(r"^  - .*$", GUIDE, flags=re.MULTILINE)

    assert sorted(shown) == sorted(complaint(tmp_path, text, K="7").splitlines()[1:])


# The file to begin with.


def uncommented(**dropped: set[str]) -> str:
    """The file to begin with, with every setting in force but those that exclude another."""
    lines = template().splitlines()
    plain = [re.sub(r"^#(?=\S)", "", line) for line in lines]
    out = set().union(*dropped.values())
    return "\n".join(line for line in plain if line.split(" = ", maxsplit=1)[0] not in out)


def test_the_file_to_begin_with_is_sound_as_it_is(tmp_path: Path) -> None:
    found = load(tmp_path, template())

    assert ("openai:gpt-4o-mini", "openai:gpt-4o") == (found.weak.name, found.strong.name)


@pytest.mark.parametrize(
    ("threshold", "place"),
    list(product(("threshold", "threshold_file", "target_risk"), ("path", "url"))),
)
def test_every_line_of_it_is_sound(tmp_path: Path, threshold: str, place: str) -> None:
    """Whichever of the alternatives is chosen."""
    ways = {"threshold", "threshold_file", "target_risk"} - {threshold}
    text = uncommented(ways=ways, places={"path", "url"} - {place})
    found = load(tmp_path, text)

    assert getattr(found, threshold) is not None
    assert getattr(found.repository, place) is not None


def test_it_shows_every_setting() -> None:
    said: dict[str, Any] = tomllib.loads(uncommented())

    assert set(Config.model_fields) == set(said)
    assert set(RepositoryTable.model_fields) == set(said["repository"])
    assert set(Timeouts.model_fields) == set(said["timeouts"])
    assert set(BudgetTable.model_fields) == set(said["budget"])
    assert set(Serve.model_fields) == set(said["serve"])
    assert set(Limits.model_fields) == set(said["serve"]["limits"])


def test_what_it_shows_of_settings_left_out_is_what_holds() -> None:
    """The comments promise it, for those that have a value of their own."""
    said = tomllib.loads(uncommented())
    shown = Config.model_validate(
        {"weak": "simulated", "strong": "simulated", "serve": {"limits": said["serve"]["limits"]}}
    )
    defaults = Config(weak="simulated", strong="simulated")  # type: ignore[arg-type]  # a name may stand alone

    assert shown.serve.limits.model_copy(update={"per_minute": None}) == defaults.serve.limits
    for name in ("tenant", "serve.host", "serve.port", "repository.collection"):
        *above, last = name.split(".")
        table = said[above[0]] if above else said
        model = getattr(defaults, above[0]) if above else defaults
        assert table[last] == getattr(model, last)


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    file = tmp_path / "new" / "ic.toml"
    write_template(file)
    file.write_text("mine", "utf-8")
    with pytest.raises(ConfigurationError, match=r"ic\.toml is there already.*--force"):
        write_template(file)
    kept = file.read_text("utf-8")
    write_template(file, force=True)

    assert "mine" == kept
    assert template() == file.read_text("utf-8")
