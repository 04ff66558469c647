"""Which rules a command works with: a policy, some packs, or a file that somebody is writing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from synapse.cli import main

Command = Callable[..., Result]

CARD = "4111 1111 " + "1111 1111"
RULE = """
id = "customer"
category = "own"
severity = "high"
prompt = "redact"
answer = "alert"
core = 'C-\\d{6}'
strength = "S"
reference = "https://wiki.example.org/customer-numbers"
hits = [{ text = "C-123456", why = "the plain form" }]
misses = [{ text = "C-12345", why = "a digit short" }]
"""


@pytest.fixture
def scan(clean_environment: None) -> Command:
    def command(*arguments: str | Path, stdin: str = f"{CARD} C-123456") -> Result:
        return CliRunner().invoke(main, ["dlp", "scan", "--json", *map(str, arguments)], input=stdin)

    return command


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(f'[[rule]]\npack = "mine"{RULE}')
    return path


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "dlp.toml"
    path.write_text(f'[[rules]]{RULE}\n[policies.support]\nextends = "default"\npacks = ["core", "own"]\n')
    return path


def found(result: Result) -> dict[str, str]:
    document: dict[str, Any] = json.loads(result.stdout)
    return {finding["rule"]: finding["action"] for finding in document["findings"]}


@pytest.mark.parametrize(
    ("policy", "actions"),
    [
        ("default", {"credit_card": "redact"}),
        ("pci", {"credit_card": "block"}),
        ("monitor", {"credit_card": "alert"}),
        ("secrets-only", {}),
    ],
)
def test_a_policy_that_comes_with_synapse_decides(scan: Command, policy: str, actions: dict[str, str]) -> None:
    assert found(scan("--policy", policy)) == actions


def test_a_file_of_rules_is_tried_before_any_policy_has_them(scan: Command, rules_file: Path) -> None:
    assert found(scan("--from", rules_file)) == {"customer": "redact"}
    assert found(scan("--from", rules_file, "--side", "answer")) == {"customer": "alert"}


def test_a_policy_of_a_file_is_chosen_by_name(scan: Command, policy_file: Path) -> None:
    assert found(scan("--from", policy_file, "--policy", "support")) == {"credit_card": "redact", "customer": "redact"}
    assert found(scan("--from", policy_file, "--policy", "secrets-only")) == {"customer": "redact"}


def test_rules_of_a_policy_file_are_a_pack(scan: Command, policy_file: Path) -> None:
    assert found(scan("--from", policy_file, "--packs", "own")) == {"customer": "redact"}


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("[[rule", (), "rules.toml: line 1"),
        (f"[[rule]]{RULE.replace('prompt', 'promt')}", (), "line 5: rule customer: unknown key"),
        (f'[[rule]]\npack = "mine"{RULE.replace("C-", "(?=C)")}', (), "rule customer: it contains a look-around"),
        (f'[[rule]]\npack = "mine"{RULE}', ("--policy", "default"), "has rules and no policies"),
        ('[policies.a]\nextends = "b"\n', (), "rules.toml: line 2"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    scan: Command, rules_file: Path, content: str, arguments: tuple[str, ...], said: str
) -> None:
    rules_file.write_text(content)

    result = scan("--from", rules_file, *arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def test_a_file_that_is_not_there_is_said(scan: Command, tmp_path: Path) -> None:
    result = scan("--from", tmp_path / "missing.toml")

    assert result.exit_code == 2
    assert "missing.toml: it cannot be read (No such file or directory)" in result.stderr


def test_a_rule_of_a_file_is_explained_and_listed(run: Command, rules_file: Path, policy_file: Path) -> None:
    for path in (rules_file, policy_file):
        assert "6 digits" in run("dlp", "explain", "customer", "--from", path).stdout
        assert "customer" in run("dlp", "rules", "--from", path).stdout

    assert "8 of at least 8" not in run("dlp", "explain", "customer", "--from", rules_file, "--text", "C-12345").stdout
    assert (
        "7 of at least 8 signs fit"
        in run("dlp", "explain", "customer", "--from", rules_file, "--text", "C-12345").stdout
    )
