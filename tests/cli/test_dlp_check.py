"""`synapse dlp check`: every problem of a file is said, and the exit code says whether there was one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]

RULE = """category = "own"
[[rule]]
id = "customer"
pack = "own"
severity = "high"
prompt = "redact"
answer = "alert"
core = 'C-\\d{6}'
left = "0-9A-Za-z"
right = "0-9"
strength = "S"
reference = "https://wiki.example.org/customer-numbers"
hits = [{ text = "C-123456", why = "the plain form" }]
misses = [{ text = "C-12345", why = "a digit short" }]
"""


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULE)
    return path


def test_a_good_file_is_said_to_be_in_order(run: Command, rules_file: Path) -> None:
    result = run("dlp", "check", rules_file)

    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{rules_file} is in order.\n"


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("C-123456", "C-12", "does not match its whole hit: the plain form"),
        ('C-12345"', 'C-123456"', "matches in a miss: a digit short"),
        ("redact", "delete", "prompt is 'delete'; it must be one of"),
        ("[[rule]]", "[[rule", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(run: Command, rules_file: Path, good: str, bad: str, said: str) -> None:
    rules_file.write_text(RULE.replace(good, bad, 1))

    result = run("dlp", "check", rules_file)

    assert result.exit_code == 1
    assert said in result.stderr
    assert "in order" not in result.output


def test_json_has_the_problems(run: Command, rules_file: Path) -> None:
    rules_file.write_text(RULE.replace("C-123456", "C-12", 1))

    result = run("dlp", "check", rules_file, "--json")

    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert (problem["file"], problem["line"], problem["subject"]) == (str(rules_file), 2, "rule customer")


def test_a_policy_file_is_compiled_and_tried(run: Command, tmp_path: Path) -> None:
    policies = tmp_path / "dlp.toml"
    own = RULE.replace("[[rule]]", "[[rules]]").replace('category = "own"\n', "")
    policies.write_text(own + '[policies.support]\nextends = "default"\n')
    result = run("dlp", "check", policies)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{policies} is in order.\n"

    policies.write_text(own.replace("C-123456", "C-12") + '[policies.support]\nextends = "default"\n')
    result = run("dlp", "check", policies)
    assert result.exit_code == 1
    assert f"{policies}:1: rule customer: it does not match its whole hit: the plain form" in result.stderr

    policies.write_text('[policies.support]\nextends = "defalt"\nmode = "off"\n')
    result = run("dlp", "check", policies)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2
    assert f"{policies}:2: policy support: it extends 'defalt', which is no policy; did you mean default?" in (
        result.stderr
    )


def test_an_exception_that_has_ended_is_a_warning_and_no_problem(run: Command, tmp_path: Path) -> None:
    policies = tmp_path / "dlp.toml"
    policies.write_text(
        '[policies.support]\nextends = "default"\n[[policies.support.exceptions]]\nteam = "a"\nreason = "r"\n'
        "expires = 2020-01-01\n"
    )
    result = run("dlp", "check", policies)
    assert result.exit_code == 0
    assert result.stdout == f"{policies} is in order.\n"
    assert result.stderr.startswith(f"warning: {policies}:6: policy support, exception 1: it ended on 2020-01-01")

    said = json.loads(run("dlp", "check", policies, "--json").stdout)
    assert said["problems"] == []
    assert [one["line"] for one in said["warnings"]] == [6]


def test_a_file_that_is_not_there_is_said(run: Command, tmp_path: Path) -> None:
    result = run("dlp", "check", tmp_path / "missing.toml")

    assert result.exit_code == 1
    assert "cannot be read: there is no such file" in result.stderr


@pytest.mark.parametrize(
    ("good", "bad", "line", "said"),
    [
        ("hits = [", "hits = 5 # [", 13, "`hits` is not of its kind"),
        ("core = 'C-", "core = 5 # 'C-", 8, "`core` is not of its kind"),
        ('left = "0-9A-Za-z"', "left = 7", 9, "`left` is not of its kind"),
        ('why = "the plain form"', "why = 5", 13, "`hits` is not of its kind"),
        ('strength = "S"', 'strength = "T"', 11, "strength is 'T'"),
        ('id = "customer"', 'id = ["x"]', 3, "`id` is not of its kind"),
        ('severity = "high"', "", 2, "`severity` is missing"),
        ("[[rule]]", "rule = 5\n[x]", 2, "`rule` is no list of tables"),
    ],
)
def test_what_is_wrong_in_a_file_of_rules_has_its_line(
    run: Command, rules_file: Path, good: str, bad: str, line: int, said: str
) -> None:
    rules_file.write_text(RULE.replace(good, bad, 1))

    result = run("dlp", "check", rules_file)

    assert result.exit_code == 1
    assert f"{rules_file}:{line}: " in result.stderr
    assert said in result.stderr


def test_all_problems_of_a_file_are_said_at_once(run: Command, rules_file: Path) -> None:
    second = RULE.replace('category = "own"\n', "").replace('"customer"', '"other"')
    rules_file.write_text(RULE.replace("redact", "delete") + second.replace("core", "kore"))

    problems = json.loads(run("dlp", "check", rules_file, "--json").stdout)["problems"]

    assert {problem["subject"] for problem in problems} == {"rule customer", "rule other"}


def test_a_folder_of_rules_is_checked_as_a_whole(run: Command, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(RULE)
    (tmp_path / "b.toml").write_text(RULE.replace('"customer"', '"other"'))
    assert run("dlp", "check", tmp_path).stdout == f"{tmp_path} is in order: 2 files.\n"

    (tmp_path / "b.toml").write_text(RULE)
    result = run("dlp", "check", tmp_path)

    assert result.exit_code == 1
    assert f"{tmp_path / 'b.toml'}:2: rule customer: {tmp_path / 'a.toml'} has a rule of this id too" in result.stderr


def test_a_folder_without_rules_is_said(run: Command, tmp_path: Path) -> None:
    result = run("dlp", "check", tmp_path)

    assert result.exit_code == 1
    assert "has no TOML files" in result.stderr
