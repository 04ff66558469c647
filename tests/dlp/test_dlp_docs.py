"""docs/dlp.md: what it shows works, what it says cannot be written is refused, and its table is true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from dlp_docs import BEGIN, DOCUMENT, END, packs_table

from synapse.dlp import Rule, RuleError, Ruleset, Side, check_rules, load_all_rules, load_rules
from synapse.dlp.rules import rule_from_table

TEXT = DOCUMENT.read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def refused_and_written() -> list[tuple[str, str]]:
    """The first and the third column of the table of rewrites."""
    (table,) = re.findall(r"\| not \| because \| but \|\n\|[-|]+\n(.*?)\n\n", TEXT, re.DOTALL)
    rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in table.splitlines()]
    return [(_code(row[0]), _code(row[2])) for row in rows]


def _code(cell: str) -> str:
    (code, *_) = re.findall(r"`([^`]+)`", cell)
    return str(code).replace("\\|", "|")


def rule_with(core: str) -> Rule:
    table: dict[str, Any] = next(rule for rule in load_all_rules() if rule.id == "aws_access_key").to_table()
    examples = [{"text": "-", "why": "a toy"}]
    return rule_from_table({**table, "core": core, "hits": examples, "misses": examples})


def test_the_worked_example_is_in_order() -> None:
    rules = load_rules(block("toml"))

    assert check_rules(rules) == []
    assert {rule.id for rule in rules}.isdisjoint(rule.id for rule in load_all_rules())


def test_the_worked_example_finds_what_it_is_for() -> None:
    scan = Ruleset.compile(load_rules(block("toml")), name="vietnam").scan(
        "Ông Nguyễn, CCCD số 001090" + "012345, Hà Nội", Side.PROMPT
    )

    assert scan.redacted == "Ông Nguyễn, CCCD số [REDACTED:vn_cccd], Hà Nội"


def test_the_worked_example_is_a_file_that_the_command_takes(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from synapse.cli import main

    path = tmp_path / "vietnam.toml"
    path.write_text(block("toml"))

    result = CliRunner().invoke(main, ["dlp", "check", str(path)])

    assert result.exit_code == 0, result.output


def test_the_checksum_of_the_example_checks() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    check = names["nine_digits_mod_11"]

    assert [last for last in range(10) if check(b"12345678%d" % last)] == [3]
    assert check(b"123 456 783")
    assert not check(b"")


@pytest.mark.parametrize(("refused", "written"), refused_and_written(), ids=ascii)
def test_what_cannot_be_written_is_refused_and_the_rewrite_is_not(refused: str, written: str) -> None:
    with pytest.raises(RuleError):
        Ruleset.compile([rule_with(refused)], name="refused")
    Ruleset.compile([rule_with(written)], name="written")


def test_every_key_of_a_rule_is_told() -> None:
    (table,) = re.findall(r"\| key \| means \|\n\|[-|]+\n(.*?)\n\n", TEXT, re.DOTALL)
    told = {key for line in table.splitlines() for key in re.findall(r"`(\w+)`", line.split(" | ")[0])}

    assert told == set(Rule.__dataclass_fields__)


def test_the_example_of_a_result_has_the_keys_of_one() -> None:
    from synapse.cli.dlp_scan import encoded, result_of

    iban = [rule for rule in load_all_rules() if rule.id == "iban"]
    scan = Ruleset.compile(iban, name="iban").scan("IBAN: GB82 WEST 1234" + " 5698 7654 32", Side.PROMPT)
    shown = json.loads(block("json"))

    assert list(shown) == list(result_of(7, scan))
    assert list(shown["findings"][0]) == list(result_of(7, scan)["findings"][0])
    assert encoded(result_of(7, scan)).startswith(b'{"id":7,')


def test_the_table_of_packs_is_true() -> None:
    """`.venv/bin/python tests/dlp/dlp_docs.py` writes it again."""
    assert TEXT.split(BEGIN)[1].split(END)[0] == packs_table(load_all_rules())


def test_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    }
    for target in re.findall(r"\]\(#([^)]+)\)", TEXT):
        assert target in headings, target
