"""What has to stand to the left of a match, and which matches are not meant."""

import random
import re
from typing import Any

import oracle
import pytest
from texts import toy

from synapse._dlp import CONTEXT_CHARS, RULE_ID_CHARS_MAX, Apart
from synapse.dlp import RuleError, Ruleset, Side


def found(text: str, core: tuple[str, ...] = (), **fields: Any) -> list[str]:
    shape: dict[str, Any] = {"core_with_context": (r"\d{4}",), "left": "0-9A-Za-z", "right": "0-9A-Za-z", **fields}
    ruleset = Ruleset.compile([toy("t", core, **shape)], name="toy")
    return [text[f.start : f.end] for f in ruleset.scan(text, Side.PROMPT).findings]


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("PIN 1234", ["1234"]),
        ("my pin is 1234", ["1234"]),
        ("pins: 1234 and 5678", ["1234", "5678"]),
        ("card_pin=1234", ["1234"]),
        ("1234", []),
        ("1234 is the pin", []),
        ("spinning 1234", []),
        ("pin" + "." * (CONTEXT_CHARS - 3) + "1234", ["1234"]),
        ("pin" + "." * (CONTEXT_CHARS - 2) + "1234", []),
        ("p\u00adi\u0301n 1234", ["1234"]),
    ],
)
def test_a_context_word_must_stand_shortly_before_the_match(text: str, matches: list[str]) -> None:
    assert found(text, context=("pin",)) == matches


@pytest.mark.parametrize("text", ["accountNumber: 1234", "account_no 1234", "ACCOUNT-NUMBER 1234", "account 1234"])
def test_a_context_of_two_words_is_found_however_they_are_joined(text: str) -> None:
    assert found(text, context=("account number", "account no", "account")) == ["1234"]


def test_a_star_stands_for_the_rest_of_a_compound() -> None:
    assert found("Steueridentifikationsnummer 1234", context=("steuer*",)) == ["1234"]
    assert found("Besteuerung 1234", context=("steuer*",)) == []


def test_words_of_other_scripts_are_told_apart() -> None:
    assert found("身份证 1234", context=("身份证",)) == ["1234"]
    assert found("电话号 1234", context=("身份证",)) == []


@pytest.mark.parametrize("text", ["我的身份证号码是1234", "고객주민등록번호는 1234", "หมายเลขบัตรประชาชนคือ 1234"])
def test_a_word_of_a_script_without_spaces_stands_anywhere_in_its_letters(text: str) -> None:
    assert found(text, context=("身份证", "주민등록번호", "บัตรประชาชน")) == ["1234"]


@pytest.mark.parametrize("word", ["дата рождения", "Дата рождения", "Дата Рождения", "ДАТА РОЖДЕНИЯ"])
@pytest.mark.parametrize("assigned", [False, True])
def test_a_word_of_another_alphabet_may_have_capitals(word: str, assigned: bool) -> None:
    """Capitals of Cyrillic and Greek look like Latin ones more often than small letters do."""
    for text in (f"{word}: 1234", f"{word.replace(' ', '_')}=1234"):
        assert found(text, context=("дата рождения",), assigned=assigned) == ["1234"]


def test_a_word_in_capitals_is_found_in_small_letters() -> None:
    assert found("αφμ: 1234, Α.Φ.Μ.: 5678", context=("ΑΦΜ", "α.φ.μ.")) == ["1234", "5678"]


def test_a_number_that_stands_apart_is_no_group_of_a_longer_one() -> None:
    shape = {"core_with_context": (), "apart": True, "core": (r"\d{4}(?:-\d{4})?",)}
    assert found("No. 1234, (5678)", **shape) == ["1234", "5678"]
    assert found("99-1234-5678", **shape) == []
    assert found("7 1234 5678 and 1.1234", **shape) == []


def test_what_stands_apart_is_what_re_says() -> None:
    """Texts of the characters that decide, placeholders of every kind and half ones among them."""
    grouped = re.compile(rb"(?:[0-9]|\[REDACTED:[a-z0-9_]{1,%d}\])[ ./-]\Z" % RULE_ID_CHARS_MAX)
    apart = Apart(groups=True)
    chance = random.Random(3)
    longest = b"[REDACTED:" + b"x" * RULE_ID_CHARS_MAX
    pieces = [
        *(bytes([byte]) for byte in b"7a_Z ./-[]:"),
        b"[REDACTED:",
        b"[REDACTED:us_ssn]",
        b"[REDACTED:]",
        b"EDACTED:a]",
    ]
    pieces += [longest + b"]", longest + b"x]", b"[REDACTED:A]"]
    outcomes = set()
    for _ in range(1_000):
        window = b"".join(chance.choices(pieces, k=chance.randint(0, 5)))
        for start in range(len(window) + 1):
            stands = grouped.search(window[:start]) is None
            outcomes.add(stands)
            assert apart(window, start) is stands, (window, start)
    assert outcomes == {True, False}


UNCLAIMED = (
    *("1234", "order of the day: 1234", "order, 1234", "orders\n1234", "border 1234", "id 1234", "order 9 1234"),
    "12 Abschnitte gehen, und 1234",
)
CLAIMED = (
    "order 1234",
    "Order no. 1234",
    "ORDER NUMBER: 1234",
    "orderId=1234",
    '"order_id": "1234"',
    "Orders: #1234",
    "Bestell-Nr.: 1234",
    "Rechnungsnummer 1234",
    "Номер заказа: 1234",
    "ЗАКАЗ № 1234",
    "订单号：1234",
    "v. 2, version 1234",
    "factura n.º 1234",
    "commande n° 1234",
)


@pytest.mark.parametrize("text", [*UNCLAIMED, *CLAIMED])
def test_a_number_that_a_word_claims_for_another_kind_is_left_alone(text: str) -> None:
    shape: dict[str, Any] = {"core": r"\d{4}", "unclaimed": True, "left": "0-9", "right": "0-9"}
    ruleset = Ruleset.compile([rule := toy("t", **shape)], name="toy")
    assert bool(ruleset.scan(text, Side.PROMPT).findings) is (text in UNCLAIMED)
    assert bool(oracle.redact([rule], text)[1]) is (text in UNCLAIMED)


def test_words_of_other_numbers_do_not_hide_what_a_context_shows() -> None:
    assert found("pin of order 1234", context=("pin",), unclaimed=True) == ["1234"]


ASSIGNMENTS = (
    'key = "1234"',
    '"key": "1234"',
    "key => '1234'",
    "API_KEY=1234",
    "export key_prod='1234'",
    "apiKey := 1234",
    "keyProd: 1234",
    '{\\"key\\": \\"1234\\"}',
    "<key>1234</key>",
    'os.environ["KEY"] = "1234"',
    'getenv("KEY", "1234")',
    "env.KEY || '1234'",
    'key ||= "1234"',
    "| key | 1234 |",
    "- name: API_KEY\n          value: 1234",
    '{"name": "key", "value": "1234"}',
    "the key is 1234",
    "the key is: '1234'",
    "--key 1234",
    "KEY: '1234'",
)
NO_ASSIGNMENTS = (
    "the key of 1234",
    "key_id=1234",
    "keyId: 1234",
    'keyURL: "1234"',
    "key-file: 1234",
    "key sha256: 1234",
    "monkey = 1234",
    "keyboard = 1234",
    "key\nother: 1234",
    "key: a, other: 1234",
    "the key which the others had lost in the sea: 1234",
)


@pytest.mark.parametrize("text", ASSIGNMENTS)
def test_an_assigned_value_stands_right_behind_name_and_sign(text: str) -> None:
    assert found(text, context=("key",), assigned=True) == ["1234"]


@pytest.mark.parametrize("text", NO_ASSIGNMENTS)
def test_what_is_assigned_to_another_name_is_left_alone(text: str) -> None:
    assert found(text, context=("key",), assigned=True) == []


@pytest.mark.parametrize("text", [*ASSIGNMENTS, *NO_ASSIGNMENTS])
def test_the_plain_oracle_knows_the_same_assignments(text: str) -> None:
    rule = toy("t", (), core_with_context=(r"\d{4}",), context=("key",), assigned=True)
    assert bool(oracle.redact([rule], text)[1]) is (text in ASSIGNMENTS)


def test_only_what_is_named_may_stand_between_a_word_and_its_match() -> None:
    shape = {"context": ("pin", "pin code"), "between": "[^0-9]{0,12}"}
    assert found("pin: 1234, amount 5678", **shape) == ["1234"]
    assert found("The PIN code is 1234.", **shape) == ["1234"]
    assert found("pin or something else 1234", **shape) == []
    assert found("pin1234", **{**shape, "left": ""}) == ["1234"]


def test_a_word_does_not_go_on_in_its_match() -> None:
    shape = {"context": ("pin",), "core_with_context": ("[a-z]?1234",), "left": ""}
    assert found("pin1234", **shape) == ["1234"]
    assert found("pina1234", **shape) == []
    assert found("pin a1234", **shape) == ["a1234"]


def test_a_word_behind_a_placeholder_may_be_the_end_of_another() -> None:
    assert found("[REDACTED:t]pin 1234", context=("pin",)) == []
    assert found("[REDACTED:t] pin 1234", context=("pin",)) == ["1234"]


def test_what_stands_between_is_bounded() -> None:
    with pytest.raises(RuleError, match="fewer than 64"):
        found("pin 1234", context=("pin",), between="[^0-9]{0,64}")


def test_what_only_stands_in_examples_is_refused() -> None:
    assert found("pin 1111", context=("pin",), entropy=1.0) == []
    assert found("pin 1234", context=("pin",), entropy=1.0) == ["1234"]
    assert found("pin 1234", context=("pin",), allow=("^12",)) == []
    assert found("pin 1234", context=("pin",), stop_words=("23",)) == []
