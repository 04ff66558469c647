"""`synapse teams|keys|upstreams|models`: what is created is listed, and what makes no sense is one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Command = Callable[..., Result]
JsonOf = Callable[..., Any]

TEAM = ("teams", "create", "payments", "--contact", "payments@example.org")
KEY = ("keys", "create", "--team", "payments", "--purpose", "tests [1]", "--model", "echo")
UPSTREAM = ("upstreams", "add", "local", "--base-url", "http://127.0.0.1:1/v1", "--zone", "on_prem")


def test_a_team_is_created_and_listed(json_of: JsonOf) -> None:
    created = json_of(*TEAM, "--time-zone", "Europe/Berlin", "--business-hours", "mon-fri 08:00-18:00")

    assert json_of("teams", "list") == [created]
    assert (created["name"], created["time_zone"]) == ("payments", "Europe/Berlin")


def test_a_key_is_created_with_everything_it_is_bound_to(json_of: JsonOf, tmp_path: Path) -> None:
    json_of(*TEAM)
    (tmp_path / "prompt.txt").write_text("Be brief.\n")

    created = json_of(
        *KEY,
        *("--model", "llama3", "--classification", "non_sensitive", "--system-prompt-file", tmp_path / "prompt.txt"),
        *("--history", "block", "--cap", "max_tokens=1024", "--cap", "temperature=0.5", "--expires", "2099-12-31"),
        *("--requests-per-minute", "60", "--tokens-per-day", "1000000"),
    )

    assert created["key"].startswith(created["prefix"])
    assert created["models"] == ["echo", "llama3"]
    assert created["system_prompt"] == "Be brief.\n"
    assert created["caps"] == {"max_tokens": 1024, "temperature": 0.5}
    assert created["expires_at"] == "2099-12-31T00:00:00+00:00"
    assert created["limits"] == {"requests_per_minute": 60, "concurrent_requests": None, "tokens_per_day": 1000000}
    assert (created["classification"], created["history"], created["state"]) == ("non_sensitive", "block", "active")
    assert created["created_by"].startswith("cli:")


def test_a_secret_is_printed_alone_on_standard_output_and_never_listed(synapse: Command, json_of: JsonOf) -> None:
    json_of(*TEAM)

    created = synapse(*KEY)

    secret = created.stdout.strip()
    assert len(secret) == 42
    assert "shown this once" in created.stderr
    for listing in (synapse("keys", "list").stdout, synapse("keys", "list", "--json").stdout):
        assert secret[:12] in listing
        assert secret[12:] not in listing


def test_a_table_shows_words_as_they_are_and_is_not_cut(synapse: Command, json_of: JsonOf) -> None:
    json_of(*TEAM)
    json_of(*KEY)

    listing = synapse("keys", "list").stdout

    assert "tests [1]" in listing
    assert "DLP policy" in listing.splitlines()[0]
    assert len(listing.splitlines()) == 2


def test_keys_are_listed_by_team(json_of: JsonOf) -> None:
    json_of(*TEAM)
    created = json_of(*KEY)
    del created["key"]

    assert json_of("keys", "list", "--team", "payments") == [created]
    assert json_of("keys", "list", "--team", "others") == []


def test_a_key_is_disabled(json_of: JsonOf) -> None:
    json_of(*TEAM)
    prefix = json_of(*KEY)["prefix"]

    assert json_of("keys", "disable", prefix)["state"] == "disabled"
    assert json_of("keys", "list")[0]["state"] == "disabled"


@pytest.mark.parametrize(("overlap", "state"), [((), "disabled"), (("--overlap", "24h"), "active")])
def test_a_key_is_rotated(json_of: JsonOf, overlap: tuple[str, ...], state: str) -> None:
    json_of(*TEAM)
    old = json_of(*KEY)

    new = json_of("keys", "rotate", old["id"], *overlap)

    assert new["rotated_from"] == old["id"]
    assert new["key"] != old["key"]
    assert {key["id"]: key["state"] for key in json_of("keys", "list")} == {old["id"]: state, new["id"]: "active"}


def test_limits_that_are_not_named_stay(json_of: JsonOf) -> None:
    json_of(*TEAM)
    key = json_of(*KEY, "--requests-per-minute", "60", "--tokens-per-day", "500")["id"]

    json_of("keys", "limits", key, "--tokens-per-day", "unlimited", "--concurrent-requests", "3")

    expected = {"requests_per_minute": 60, "concurrent_requests": 3, "tokens_per_day": None}
    assert json_of("keys", "limits", key)["limits"] == expected


def test_upstreams_and_models_come_and_go(json_of: JsonOf) -> None:
    json_of(
        *UPSTREAM,
        "--provider",
        "vllm",
        "--api-key-ref",
        "env:VLLM_KEY",
        "--model",
        "echo",
        "--model",
        "llama3=llama3:8b",
    )

    assert [(one["name"], one["api_key_ref"]) for one in json_of("upstreams", "list")] == [("local", "env:VLLM_KEY")]
    assert [(one["name"], one["upstream_model"]) for one in json_of("models", "list")] == [
        ("echo", "echo"),
        ("llama3", "llama3:8b"),
    ]
    json_of("models", "remove", "echo")
    json_of("models", "add", "story", "--upstream", "local", "--position", "3")
    assert [one["name"] for one in json_of("models", "list")] == ["llama3", "story"]
    json_of("upstreams", "remove", "local", "--with-models")
    assert json_of("upstreams", "list") == json_of("models", "list") == []


def test_an_upstream_with_a_model_that_makes_no_sense_is_not_added_at_all(synapse: Command, json_of: JsonOf) -> None:
    assert synapse(*UPSTREAM, "--model", "two words").exit_code == 1

    assert json_of("upstreams", "list") == []


def test_what_the_file_provisions_is_listed_as_such(json_of: JsonOf, tmp_path: Path) -> None:
    config = tmp_path / "synapse.toml"
    config.write_text(
        '[[upstreams]]\nname = "filed"\nbase_url = "http://127.0.0.1:2/v1"\nzone = "on_prem"\n'
        '[[models]]\nname = "echo"\nupstream = "filed"\n'
    )
    json_of(*UPSTREAM, "--model", "echo", "--model", "other")

    upstreams = json_of("upstreams", "list", "--config", config)
    models = json_of("models", "list", "--config", config)

    assert [(one["name"], one["provisioned"]) for one in upstreams] == [("filed", True), ("local", False)]
    assert [(one["name"], one["upstream"]) for one in models] == [("echo", "filed"), ("other", "local")]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (TEAM, "There is already a team named 'payments'"),
        (("teams", "create", "x", "--contact", "y", "--time-zone", "Mars"), "'Mars' is not a time zone"),
        ((*KEY, "--dlp-policy", "none"), "There is no DLP policy 'none'"),
        ((*KEY, "--expires", "2001-01-01"), "is in the past"),
        ((*KEY, "--system-prompt-file", "/nonexistent"), "cannot be read from /nonexistent: No such file"),
        (("keys", "create", "--team", "x", "--purpose", "y", "--model", "z"), "There is no team named 'x'"),
        ((*KEY, "--tokens-per-day", "274877906944"), "A limit of tokens is a whole number from 1 to 274877906943"),
        (("keys", "disable", "syn_unknown0"), "There is no key with the id or prefix"),
        (("keys", "rotate", "syn_unknown0"), "There is no key with the id or prefix"),
        (("keys", "limits", "syn_unknown0"), "There is no key with the id or prefix"),
        (("upstreams", "remove", "x"), "There is no upstream named 'x'"),
        (("upstreams", "add", "x", "--base-url", "y", "--zone", "cloud"), "The base URL looks like"),
        (("models", "add", "x", "--upstream", "y"), "There is no upstream named 'y'"),
        (("models", "remove", "x"), "No upstream serves the model 'x'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_exit_1(
    synapse: Command, command: tuple[str, ...], sentence: str
) -> None:
    assert synapse(*TEAM).exit_code == 0

    result = synapse(*command)

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (("--expires", "soon"), "give a duration such as 90d, or a date"),
        (("--expires", "99999999d"), "give a number and a unit"),
        (("--cap", "max_tokens"), "such as max_tokens=1024"),
        (("--cap", "max_tokens=inf"), "such as max_tokens=1024"),
        (("--requests-per-minute", "-1"), "a limit is a number above 0"),
        (("--tokens-per-day", "0"), "a limit is a number above 0"),
        (("--system-prompt", "a", "--system-prompt-file", "b"), "not both"),
        (("--classification", "public"), "non_sensitive"),
    ],
)
def test_an_option_that_cannot_be_read_says_what_would_do(run: Command, options: tuple[str, ...], hint: str) -> None:
    result = run(*KEY, *options)

    assert result.exit_code == 2
    assert hint in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("group", ["teams", "keys", "upstreams", "models", "db"])
def test_every_group_explains_itself(run: Command, group: str) -> None:
    assert "Usage: synapse" in run(group, "--help").stdout


def test_an_example_in_the_help_of_keys_create(run: Command) -> None:
    text = " ".join(run("keys", "create", "--help").stdout.split())

    assert "Example: synapse keys create --team payments" in text
