"""Tool-call arguments are JSON after redaction if, and only if, they were before; escapes hide nothing."""

import json
import time
from typing import Any

import pytest
from fakes_dlp import ASSIGNED, CARD, EMAIL, SIGN, TOKEN, FakeRule, FakeRuleset
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.dlp import Finding, Side
from synapse.layers.answer.arguments import ArgumentsChannel

DIGITS = FakeRule("digits", "4{4}", "4")


def redact(pieces: list[str], *rules: FakeRule) -> str:
    ruleset = FakeRuleset(*rules or (CARD, EMAIL, SIGN))
    channel = ArgumentsChannel(("tool_calls", 0, "function", "arguments"), ruleset.redactor())
    out = "".join([channel.feed(piece) for piece in pieces] + [channel.finish()])
    assert "".join(channel.delivered) == out
    return out


@pytest.mark.parametrize(
    ("arguments", "redacted"),
    [
        ('{"n": "4111111111111111"}', '{"n": "[REDACTED:credit_card]"}'),
        ('{"n": "a 4111111111111111, b"}', '{"n": "a [REDACTED:credit_card], b"}'),
        ('{"4111111111111111": 1}', '{"[REDACTED:credit_card]": 1}'),
        ('{"n": 4111111111111111}', '{"n":                0}'),
        ('{"n":-4111111111111111}', '{"n":-0               }'),
        ("[4111111111111111,1]", "[               0,1]"),
        ("4111111111111111", "               0"),
        ("-4111111111111111", "-0               "),
        ('{"n": 4111111111111111.5}', '{"n":                0.5}'),
        ('{"n": 4111111111111111e2}', '{"n":                0e2}'),
        ('{"n":-4111111111111111.5}', '{"n":-1000000000000000.5}'),
        ('{"n": 0.4111111111111111}', '{"n": 0.0000000000000000}'),
        ('{"n": 1e-4111111111111111}', '{"n": 1e-0000000000000000}'),
        ('{"n": "\\u0034111111111111111"}', '{"n": "[REDACTED:credit_card]"}'),
        ('{"n": "4111\\u00201111 1111 1111\\n"}', '{"n": "[REDACTED:credit_card]\\n"}'),
        ('{"n": "\\\\4111111111111111\\\\"}', '{"n": "\\\\[REDACTED:credit_card]\\\\"}'),
        ('{"n": "x\\u0040y.com\\""}', '{"n": "[REDACTED:email]\\""}'),
        ('{"a":"\\ud83d\\ude00x@y.com\\ud83d"}', '{"a":"\\ud83d\\ude00[REDACTED:email]\\ud83d"}'),
        ('{"a":"x@y.com","b":"\\"x@y.com"}', '{"a":"[REDACTED:email]","b":"\\"[REDACTED:email]"}'),
        ('{"a":[4111111111111111,"4111111111111111"]}', '{"a":[               0,"[REDACTED:credit_card]"]}'),
        ("{}", "{}"),
        ("", ""),
        ('{"a": "\\u00e9\\u00df Zephyr \\/"}', '{"a": "\\u00e9\\u00df Zephyr \\/"}'),
        # Not JSON before, so not JSON after; what matters is that the match is gone.
        ("mail x@y.com now", "mail [REDACTED:email].[REDACTED:email] now"),
        ("{'n': '4111111111111111'}", "{'n': '               0'}"),
        ('{"n": "4111111111111111', '{"n": "[REDACTED:credit_card]'),
        ('{"a":"\\', '{"a":"\\'),
        ('{"a":"\\u12', '{"a":"\\u12'),
        ('{"a":"\\ud83d', '{"a":"\\ud83d'),
        ('{"a":"\\x4111111111111111"}', '{"a":"\\x[REDACTED:credit_card]"}'),
    ],
)
def test_a_match_is_replaced_by_what_may_stand_there(arguments: str, redacted: str) -> None:
    assert redact([arguments]) == redacted
    assert redact(list(arguments)) == redacted
    for cut in range(len(arguments)):
        assert redact([arguments[:cut], arguments[cut:]]) == redacted


@pytest.mark.parametrize(
    ("arguments", "redacted"),
    [
        ('{"password": "hunter2x"}', '{"[REDACTED:assigned_password]": "[REDACTED:assigned_password]"}'),
        (
            '{"password": "hunt\\u0065r2x", "b": 1}',
            '{"[REDACTED:assigned_password]": "[REDACTED:assigned_password]", "b": 1}',
        ),
    ],
)
def test_a_match_across_a_key_and_its_value_keeps_the_punctuation(arguments: str, redacted: str) -> None:
    assert redact([arguments], ASSIGNED) == redacted
    assert redact(list(arguments), ASSIGNED) == redacted
    json.loads(redacted)


@pytest.mark.parametrize(
    ("arguments", "redacted"),
    [("[44445]", "[10005]"), ("[54444]", "[50000]"), ("[44444444]", "[10000000]"), ("[4444]", "[   0]")],
)
def test_a_rule_without_guards_leaves_a_number_where_it_hits_a_part_of_one(arguments: str, redacted: str) -> None:
    assert redact([arguments], DIGITS) == redacted
    assert redact(list(arguments), DIGITS) == redacted


def test_what_follows_a_block_does_not_leave() -> None:
    assert redact(['{"a":"TOK_12345678","b":"', 'more"}'], TOKEN) == '{"a":"'


STRINGS = st.lists(
    st.sampled_from(["4111111111111111", "4111 1111", "x@y.com", "Zephyr", "é", "😀", '"', "\\", "\n", " ", "a", "4"]),
    max_size=5,
).map("".join)
VALUES = st.recursive(
    STRINGS | st.none() | st.booleans() | st.sampled_from([4111111111111111, -4111111111111111, 4111111111111111.5, 7]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(value=VALUES, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]), data=st.data())
def test_json_stays_json_and_no_cut_changes_the_result(
    value: Any, ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    arguments = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arguments)), max_size=6)))
    pieces = [arguments[a:b] for a, b in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]

    whole = redact([arguments])

    assert redact(pieces) == whole
    assert json.loads(whole, object_pairs_hook=Pairs) == expected(json.loads(arguments, object_pairs_hook=Pairs))


class Pairs(list[tuple[str, Any]]):
    """An object with every key it was written with: two may become the same placeholder."""


def expected(value: Any) -> Any:
    if isinstance(value, str):
        return FakeRuleset(CARD, EMAIL, SIGN).scan(value, Side.ANSWER).redacted
    if isinstance(value, Pairs):
        return Pairs((expected(key), expected(item)) for key, item in value)
    if isinstance(value, list):
        return [expected(item) for item in value]
    return {4111111111111111: 0, -4111111111111111: 0, 4111111111111111.5: 0.5}.get(value, value)


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from(['"', "\\", "\\u", "00", "34", "d83d", "de00", "4111", "1", "x@y.com", "-", "{", ":", " "]),
        max_size=14,
    )
)
def test_text_that_is_no_json_gives_the_same_in_every_cut(pieces: list[str]) -> None:
    text = "".join(pieces)

    assert redact(pieces) == redact([text]) == redact(list(text))


class Leading:
    """A redactor that finds a letter in every four characters at once, so that nothing but the channel takes time."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.blocked = False
        self._length = 0

    def feed(self, text: str) -> str:
        for at in range(0, len(text), 4):
            start = self._length + at
            self.findings.append(Finding("x", "fake", "redact", start, start + 1))
        self._length += len(text)
        return "".join("[REDACTED:x]" + text[at + 1 : at + 4] for at in range(0, len(text), 4))

    def finish(self) -> str:
        return ""


def test_many_matches_in_one_text_take_time_in_proportion_to_them() -> None:
    def seconds(count: int) -> float:
        channel = ArgumentsChannel(("tool_calls", 0, "function", "arguments"), Leading())  # type: ignore[arg-type]
        text = 'a\\u0041"b' * count
        start = time.process_time()
        channel.feed(text)
        return time.process_time() - start

    seconds(100)

    # Eight times the text: in proportion it takes 8 times as long, by its square 64 times.
    assert min(seconds(16_000) for _ in range(2)) < 24 * min(seconds(2_000) for _ in range(3))
