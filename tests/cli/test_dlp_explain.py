"""`synapse dlp explain`: what a rule looks for, and what a text lacks; secrets are not shown."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from synapse.cli import main
from synapse.cli.dlp_explain import fields_of
from synapse.dlp import load_all_rules, load_default_rules

Command = Callable[..., Result]

CARD = "4111 1111 " + "1111 1111"
BROKEN_CARD = "4111 1111 " + "1111 1112"


@pytest.fixture
def explain(clean_environment: None) -> Command:
    def command(*arguments: str | Path, stdin: str = "") -> Result:
        return CliRunner().invoke(main, ["dlp", "explain", *map(str, arguments)], input=stdin)

    return command


def test_a_rule_is_said_in_words(explain: Command) -> None:
    said = explain("aws_access_key").stdout

    for words in ("block in prompts, redact in answers", "16 digits or capital letters", "pack", "reference", "check"):
        assert words in said


def test_every_rule_can_be_explained() -> None:
    for rule in load_all_rules():
        said = dict(fields_of(rule))
        assert said["shape"] or said["shape, in context"], rule.id
        assert said["looked for first"], rule.id


def test_examples_of_secrets_are_masked(explain: Command) -> None:
    (rule,) = [rule for rule in load_default_rules() if rule.id == "aws_access_key"]

    for shown in (explain("aws_access_key"), explain("aws_access_key", "--json")):
        assert shown.exit_code == 0
        for example in (*rule.hits, *rule.misses):
            assert example.text not in shown.output
            assert example.why in shown.stdout


def test_a_rule_that_is_not_there_is_said_with_what_is_alike(explain: Command) -> None:
    result = explain("credit_cards")

    assert result.exit_code == 2
    assert "is it credit_card" in result.stderr


def test_it_needs_a_rule_or_a_text(explain: Command) -> None:
    assert explain().exit_code == 2


def test_a_text_says_what_it_lacks_but_is_not_repeated(explain: Command) -> None:
    result = explain("--text", f"\n card {BROKEN_CARD}")

    assert result.exit_code == 0
    assert "2:7" in result.stdout
    assert "the check `credit_card` refuses it" in result.stdout
    assert "1111" not in result.output


def test_the_digits_of_a_match_are_not_said_to_lack_a_word_for_being_something_else(explain: Command) -> None:
    result = explain("--text", f"to {CARD} today")

    rows = [line for line in result.stdout.splitlines() if "1:4" in line or "none of its words" in line]
    assert [row.split()[:3:2] for row in rows] == [["credit_card", "yes"]]


def test_a_match_is_told_with_its_action_on_each_side(explain: Command) -> None:
    (rule,) = [rule for rule in load_default_rules() if rule.id == "aws_access_key"]
    text = f"{rule.hits[0].before}{rule.hits[0].text} and {BROKEN_CARD}"
    head, *rows = explain("--text", text).stdout.splitlines()
    assert head.split() == ["rule", "place", "matches", "prompt", "answer", "why", "not"]
    shown = {row.split()[0]: row.split()[2:5] for row in rows if row.strip()}
    assert shown["aws_access_key"] == ["yes", "block", "redact"]
    assert shown["credit_card"] == ["no", "-", "-"]


def test_a_text_may_come_on_standard_input(explain: Command) -> None:
    (near,) = json.loads(explain("credit_card", "--text", "-", "--json", stdin=CARD).stdout)

    assert near == {
        "rule": "credit_card",
        "start": 0,
        "end": 19,
        "matched": True,
        "prompt": "redact",
        "answer": "redact",
        "failures": [],
    }


def test_what_matches_only_when_decoded_is_told(explain: Command) -> None:
    text = b64encode(f"card {CARD}".encode()).decode()

    (near,) = json.loads(explain("credit_card", "--text", text, "--json").stdout)

    assert (near["start"], near["end"], near["matched"]) == (0, len(text), True)


def test_a_rule_of_a_pack_that_is_off_says_so(explain: Command) -> None:
    (near,) = json.loads(explain("credit_card", "--text", CARD, "--packs", "secrets", "--json").stdout)

    assert near["failures"] == [
        {"condition": "off", "message": "--packs secrets does not have it; it is in the pack core"}
    ]


def test_what_begins_like_a_match_is_said(explain: Command) -> None:
    assert "16 of at least 20 signs fit" in explain("aws_access_key", "--text", "AKIA" + "IOSFODNN7ABC").stdout


def test_a_text_that_is_far_from_everything_is_said_to_be(explain: Command) -> None:
    assert explain("--text", "hello").stdout.startswith("No rule matches the text, or nearly does.\n")
    assert (
        "Nothing in the text looks like iban; `synapse dlp explain iban`" in explain("iban", "--text", "hello").stdout
    )


def test_a_text_that_is_too_long_is_refused(explain: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synapse.dlp.explain.TEXT_CHARS_MAX", 10)

    result = explain("--text", "x" * 11)

    assert result.exit_code == 2
    assert "longer than 10 characters" in result.stderr
