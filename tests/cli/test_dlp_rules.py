"""`synapse dlp rules` and `synapse dlp bench`: the catalogue, and what it costs."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from synapse.dlp import load_all_rules

Command = Callable[..., Result]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little text as gives a figure."""
    for name in ("_TEXTS_OF_ALL", "_TEXTS_OF_ONE", "_ROUNDS"):
        monkeypatch.setattr(f"synapse.cli.dlp_cost.{name}", 1)


def test_all_rules_are_listed_with_their_packs(run: Command) -> None:
    result = run("dlp", "rules")

    totals = Counter(rule.pack for rule in load_all_rules())
    assert result.exit_code == 0
    assert all(rule.id in result.stdout for rule in load_all_rules())
    assert f"{totals.total()} rules in {len(totals)} packs." in result.stdout
    assert f"core {totals['core']}," in result.stdout


@pytest.mark.usefixtures("quick")
def test_one_rule_is_counted_as_one(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(
        '[[rule]]\nid = "word"\ncategory = "own"\npack = "own"\nseverity = "high"\nprompt = "redact"\n'
        'answer = "redact"\ncore = "Zephyr"\nstrength = "S"\nreference = "https://example.org"\n'
        'hits = [{ text = "Zephyr", why = "it" }]\nmisses = [{ text = "word", why = "another" }]\n'
    )
    assert run("dlp", "rules", "--from", file).stdout.endswith("\n1 rule in 1 pack.\n")
    assert run("dlp", "bench", "--from", file, "--top", "0").stdout.startswith("1 rule; ")


def test_json_says_of_each_rule_what_it_does(run: Command) -> None:
    listed = {rule["rule"]: rule for rule in json.loads(run("dlp", "rules", "--json").stdout)}

    assert listed["aws_access_key"] == {
        "rule": "aws_access_key",
        "pack": "secrets",
        "category": "secrets",
        "severity": "critical",
        "strength": "S",
        "prompt": "block",
        "answer": "redact",
    }


@pytest.mark.parametrize(
    ("choice", "packs"),
    [(("--pack", "us"), {"us"}), (("--packs", "core,us"), {"core", "us"}), (("--packs", "all"), None)],
)
def test_packs_narrow_the_list(run: Command, choice: tuple[str, str], packs: set[str] | None) -> None:
    listed = {rule["pack"] for rule in json.loads(run("dlp", "rules", *choice, "--json").stdout)}

    assert listed == (packs or {rule.pack for rule in load_all_rules()})


def test_a_policy_narrows_the_list(run: Command) -> None:
    listed = json.loads(run("dlp", "rules", "--policy", "default", "--json").stdout)

    assert {"core", "secrets"} <= {rule["pack"] for rule in listed}


def test_costs_are_figures_of_each_kind_of_text(run: Command, quick: None) -> None:
    for rule in json.loads(run("dlp", "rules", "--pack", "us", "--cost", "--json").stdout):
        assert set(rule["us_per_kb"]) == {"clean", "personal", "hostile"}
        assert isinstance(rule["looks_per_kb"], float)

    assert "hostile" in run("dlp", "rules", "--pack", "us", "--cost").stdout


def test_a_measurement_has_all_rules_and_each(run: Command, quick: None) -> None:
    measured = json.loads(run("dlp", "bench", "--packs", "us", "--json").stdout)

    assert set(measured["us_per_kb"]) == {"1 KB", "10 KB", "100 KB"}
    assert measured["us_per_kb"]["1 KB"]["hostile"] > 0
    assert {one["pack"] for one in measured["us_per_kb_of_rule"]} == {"us"}
    assert measured["rules"] == len(measured["us_per_kb_of_rule"])


def test_people_see_the_dearest_rules_first(run: Command, quick: None) -> None:
    shown = run("dlp", "bench", "--packs", "us", "--top", "1").stdout

    listed = [rule.id for rule in load_all_rules() if f"\n{rule.id} " in shown]
    assert len(listed) == 1


def test_the_rules_need_not_be_measured_each(run: Command, quick: None) -> None:
    assert json.loads(run("dlp", "bench", "--packs", "us", "--top", "0", "--json").stdout)["us_per_kb_of_rule"] == []
