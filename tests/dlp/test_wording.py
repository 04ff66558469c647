"""Expressions in words."""

import pytest

from synapse.dlp import load_all_rules
from synapse.dlp.language import char_class, parse
from synapse.dlp.wording import members, shape


@pytest.mark.parametrize(
    ("core", "words"),
    [
        ("AKIA[A-Z0-9]{16}", '"AKIA", then 16 digits or capital letters'),
        ("[Dd][Ee]\\d\\d", '"de", then 2 digits'),
        ("x\\d?", '"x", then perhaps 1 digit'),
        ("x(?:-y)?", '"x", then perhaps "-y"'),
        ("x(?:-\\d)?", '"x", then perhaps ("-", then 1 digit)'),
        ("KEY(?: BLOCK)", '"KEY BLOCK"'),
        ("(?:ab|c\\d)x", 'either ("ab" | "c", then 1 digit), then "x"'),
        ("\\d[ -]\\d[ -]\\d", "2 times (1 digit, then 1 of [space -]), then 1 digit"),
        ("(?:[ -]?\\d){3,5}", "3 to 5 times (perhaps 1 of [space -], then 1 digit)"),
        ("[^\\n]{1,4}", "1 to 4 of any sign but [line feed]"),
        ("[\\x80-\\xff]", "1 of [signs beyond ASCII]"),
        ("(?:0a|1b|2c|3d|4e|5f|6g|7h|8i|9j)", "| 2 more)"),
    ],
)
def test_a_core_is_said(core: str, words: str) -> None:
    assert words in shape(parse(core))


def test_the_members_of_a_class_are_said_in_ranges() -> None:
    assert members(char_class("A-FXYZ0-9_-")) == "[0-9 A-F X-Z - _]"
    assert members(char_class("ab")) == "[a b]"


def test_every_rule_can_be_said() -> None:
    for rule in load_all_rules():
        for core in (*rule.core, *rule.core_with_context):
            assert shape(parse(core)), rule.id
