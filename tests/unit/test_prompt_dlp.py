"""Layer two: whatever string would reach the model is found, wherever it stands, and what stays is valid."""

import base64
import json
from typing import Any

import pytest

from synapse.chat import Json, RequestLimits
from synapse.dlp import PolicyOptions, Ruleset, default_ruleset
from synapse.dlp.ruleset import SLICE_CHARS
from synapse.errors import InvalidRequest
from synapse.layers.prompt_dlp import CLEAN, PromptVerdict, inspect, inspect_in_steps

CARD = "4111 1111 1111 1111"
DIGITS = CARD.replace(" ", "")
# Made at run time, so that no scanner takes this file for a leak.
AWS = "AKIA" + "QWERTYUIOPASDFGH"
REDACTED = "[REDACTED:credit_card]"


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return default_ruleset()


def body_with(**fields: Any) -> Json:
    return {"model": "m", "messages": [{"role": "user", "content": "hello"}], **fields}


def user(content: object) -> Json:
    return {"role": "user", "content": content}


def look(body: Json, ruleset: Ruleset, *, history: str = "redact", depth: int = 64) -> PromptVerdict:
    return inspect(body, ruleset, history=history, limits=RequestLimits(json_depth_max=depth, strings_max=1000))  # type: ignore[arg-type]


def test_a_clean_request_is_left_alone(ruleset: Ruleset) -> None:
    body = body_with(tools=[{"type": "function", "function": {"name": "f"}}], user="u-1", seed=7)
    before = json.dumps(body)
    assert look(body, ruleset).action == "none"
    assert json.dumps(body) == before


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": [user(CARD)]}, "messages[0].content"),
        ({"messages": [user([{"type": "text", "text": CARD}])]}, "messages[0].content[0].text"),
        ({"messages": [user("x"), {"role": "tool", "tool_call_id": "1", "content": CARD}]}, "messages[1].content"),
        ({"messages": [{"role": "assistant", "content": CARD}, user("x")]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "name": CARD}]}, "messages[0].name"),
        ({"messages": [user([{"type": "image_url", "image_url": {"url": f"https://x/{CARD}"}}])]},
         "messages[0].content[0].image_url.url"),
        ({"tools": [{"type": "function", "function": {"name": "f", "description": CARD}}]},
         "tools[0].function.description"),
        ({"tools": [{"function": {"parameters": {"properties": {"a": {"enum": [CARD]}}}}}]},
         "tools[0].function.parameters.properties.*.enum[0]"),
        ({"user": CARD}, "user"),
        ({"metadata": {"note": CARD}}, "metadata.*"),
        ({"metadata": {"role": CARD}}, "metadata.role"),
        ({"stop": [CARD]}, "stop[0]"),
        ({"prediction": {"type": "content", "content": CARD}}, "prediction.content"),
        ({"x_unknown": {"deep": [{"er": CARD}]}}, "*.*[0].*"),
    ],
)  # fmt: skip
def test_a_match_is_redacted_wherever_it_stands(ruleset: Ruleset, fields: Json, path: str) -> None:
    body = body_with(**fields)
    verdict = look(body, ruleset)
    assert verdict.findings == ({"rule": "credit_card", "action": "redact", "path": path, "count": 1},)
    assert (verdict.action, verdict.counts, verdict.redacted) == ("redact", {"credit_card": 1}, 1)
    assert CARD not in json.dumps(body)
    assert REDACTED in json.dumps(body)


@pytest.mark.parametrize("number", [int(DIGITS), float(DIGITS)])
def test_a_number_is_text_to_a_model(ruleset: Ruleset, number: float) -> None:
    body = body_with(metadata={"a": number})
    assert look(body, ruleset).action == "redact"
    assert DIGITS not in json.dumps(body)


def test_the_name_of_a_field_is_text_too_and_nothing_under_it_is_lost(ruleset: Ruleset) -> None:
    body = body_with(metadata={DIGITS: {"deep": CARD}, REDACTED: "taken"})
    verdict = look(body, ruleset)
    assert verdict.counts == {"credit_card": 2}
    assert body["metadata"] == {REDACTED: "taken", REDACTED + "_1": {"deep": REDACTED}}
    assert DIGITS not in json.dumps(verdict.findings)


PICTURE = "data:image/png;base64," + "A" * 200 + DIGITS + "A" * 200


def part(kind: str, key: str, value: str) -> Json:
    return body_with(messages=[user([{"type": kind, kind: {key: value}}])])


@pytest.mark.parametrize(
    "body",
    [
        part("image_url", "url", PICTURE),
        part("input_audio", "data", "A" * 300 + DIGITS + "A"),
        part("file", "file_data", PICTURE.replace("image/png", "application/pdf")),
    ],
)
def test_the_media_of_a_message_is_not_text(ruleset: Ruleset, body: Json) -> None:
    assert look(body, ruleset).action == "none"


PADDING = "A" * 300


@pytest.mark.parametrize(
    "body",
    [
        part("input_audio", "data", CARD),
        part("input_audio", "data", PADDING + " " + CARD),
        part("image_url", "url", "data:image/ " + CARD + " " + PADDING),
        part("image_url", "url", "data:image/svg+xml;base64," + PADDING + " " + CARD),
        part("image_url", "url", "data:image/svg+xml,<svg><text>" + CARD + "</text></svg>" + PADDING),
        part("file", "file_data", "data:text/plain," + CARD + " " + PADDING),
        body_with(tools=[{"function": {"parameters": {"input_audio": {"data": PADDING + "+" + DIGITS + "+"}}}}]),
        body_with(metadata={"image_url": {"url": "data:image/png;base64," + PADDING + "+" + DIGITS + "+"}}),
    ],
)
def test_what_only_looks_like_media_is_text(ruleset: Ruleset, body: Json) -> None:
    assert look(body, ruleset).action == "redact"
    assert "1111 1111" not in json.dumps(body)
    assert DIGITS not in json.dumps(body)


def texts(*parts: str) -> Json:
    return body_with(messages=[user([{"type": "text", "text": text} for text in parts])])


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        (("my card 4111 1111 ", "1111 1111, thanks"), ["my card " + REDACTED, ", thanks"]),
        (("4111", " 1111 ", "1111", " 1111"), [REDACTED, "", "", ""]),
        ((f"{CARD} and 4111 1111", " 1111 1111"), [f"{REDACTED} and {REDACTED}", ""]),
        (("4111 1111", f" 1111 1111 and {CARD}"), [REDACTED, f" and {REDACTED}"]),
        (("4111 1111", " 1111 1111 or 4111 1111", " 1111 1111"), [REDACTED, f" or {REDACTED}", ""]),
    ],
)
def test_parts_of_one_message_are_read_as_one_text(ruleset: Ruleset, parts: tuple[str, ...], left: list[str]) -> None:
    body = texts(*parts)
    assert look(body, ruleset).action == "redact"
    assert [each["text"] for each in body["messages"][0]["content"]] == left


def test_a_secret_in_two_parts_blocks(ruleset: Ruleset) -> None:
    verdict = look(texts(AWS[:8], AWS[8:]), ruleset)
    assert verdict.findings == (
        {"rule": "aws_access_key", "action": "block", "path": "messages[0].content", "count": 1},
    )


def test_many_keys_that_become_one_stay_many_and_cost_little(ruleset: Ruleset) -> None:
    body = body_with(metadata={f"a{number}@example.com": number for number in range(400)})
    assert look(body, ruleset).counts == {"email": 400}
    assert sorted(body["metadata"].values()) == list(range(400))
    assert "example.com" not in json.dumps(body)


def test_the_number_of_strings_has_a_limit(ruleset: Ruleset) -> None:
    assert look(body_with(stop=["x"] * 990), ruleset).action == "none"
    with pytest.raises(InvalidRequest) as caught:
        look(body_with(stop=["x"] * 1001), ruleset)
    assert caught.value.code == "invalid_json"


def arguments(text: str) -> Json:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": text}}
    return body_with(messages=[user("x"), {"role": "assistant", "content": None, "tool_calls": [call]}, user("y")])


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"card": CARD}),
        json.dumps({"card": int(DIGITS)}),
        json.dumps({CARD: 1}),
        '{"a": "\\u0034' + DIGITS[1:] + '", "a": "x"}',
        '{"card": "' + "".join(f"\\u{ord(c):04x}" for c in DIGITS) + '"}',
        f'{{"card": "{DIGITS}", "card": "x"}}',
    ],
    ids=["string", "number", "key", "escaped duplicate key", "escaped", "duplicate key"],
)
def test_tool_arguments_hide_nothing_and_stay_json(ruleset: Ruleset, text: str) -> None:
    body = arguments(text)
    assert look(body, ruleset).counts == {"credit_card": 1}
    left = body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert DIGITS not in left
    assert DIGITS not in json.dumps(json.loads(left))


@pytest.mark.parametrize("text", [f'{{"card": "{CARD}', f'{{"card": "\\u0034{CARD[1:]}"}} and more'])
def test_arguments_that_are_not_json_are_redacted_as_text(ruleset: Ruleset, text: str) -> None:
    body = arguments(text)
    assert look(body, ruleset).action == "redact"
    assert CARD[1:] not in json.dumps(body)


def test_a_block_rule_blocks_the_current_turn(ruleset: Ruleset) -> None:
    assert look(body_with(messages=[user(f"use {AWS}")]), ruleset).action == "block"


@pytest.mark.parametrize(
    ("messages", "action"),
    [
        ([user(AWS), {"role": "assistant", "content": "ok"}, user("x")], "redact"),
        ([user("x"), {"role": "assistant", "content": AWS}, user("x")], "redact"),
        ([user("x"), {"role": "assistant", "content": "ok"}, user(AWS)], "block"),
        ([user("x"), {"role": "assistant", "content": "ok"}, {"role": "tool", "content": AWS}], "block"),
        ([user("x"), {"role": "assistant", "content": AWS}], "block"),
    ],
    ids=["earlier prompt", "earlier answer", "last prompt", "tool result", "prefilled answer"],
)
def test_a_block_rule_redacts_in_an_earlier_turn(ruleset: Ruleset, messages: list[Json], action: str) -> None:
    body = body_with(messages=messages)
    assert look(body, ruleset).action == action
    assert AWS not in json.dumps(body)


def test_a_binding_can_have_earlier_turns_block_too(ruleset: Ruleset) -> None:
    messages = [user(AWS), {"role": "assistant", "content": "ok"}, user("x")]
    assert look(body_with(messages=messages), ruleset, history="block").action == "block"


def test_an_alert_changes_nothing(ruleset: Ruleset) -> None:
    body = body_with(messages=[user("the host is 8.8.8.8 today")])
    verdict = look(body, ruleset)
    assert (verdict.action, verdict.counts, verdict.redacted) == ("alert", {"ipv4": 1}, 0)
    assert body["messages"][0]["content"] == "the host is 8.8.8.8 today"


def nested(levels: int) -> Json:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return body_with(metadata=value)


def test_depth_has_a_limit(ruleset: Ruleset) -> None:
    assert look(nested(6), ruleset, depth=8).action == "none"
    with pytest.raises(InvalidRequest) as caught:
        look(nested(9), ruleset, depth=8)
    assert caught.value.code == "invalid_json"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_what_is_encoded_is_redacted_as_a_whole(ruleset: Ruleset) -> None:
    body = body_with(messages=[user(f"decode {encoded(CARD)} please")], metadata={"note": CARD.replace("1", "&#49;")})
    assert look(body, ruleset).counts == {"credit_card": 2}
    assert body["messages"][0]["content"] == f"decode {REDACTED} please"
    assert body["metadata"] == {"note": REDACTED}


def test_an_encoded_secret_blocks(ruleset: Ruleset) -> None:
    assert look(body_with(messages=[user(f"use {encoded(AWS)}")]), ruleset).action == "block"


def test_encoded_text_without_anything_in_it_is_left_alone(ruleset: Ruleset) -> None:
    body = body_with(messages=[user(f"decode {encoded('nothing to see here')} please")])
    assert look(body, ruleset) is CLEAN


def test_what_lies_across_messages_of_one_role_alerts_once(ruleset: Ruleset) -> None:
    long = "Nothing here. " * 60
    body = body_with(messages=[user("hello"), user(f"{long} it is 4111 1111"), user(f" 1111 1111. {long}")])
    before = json.dumps(body)
    verdict = look(body, ruleset)
    assert verdict.findings == ({"rule": "credit_card", "action": "alert", "path": "messages[0].content", "count": 1},)
    assert json.dumps(body) == before


@pytest.mark.parametrize(
    "messages",
    [
        [user("4111 1111"), {"role": "assistant", "content": "and?"}, user("1111 1111")],
        [user(f"4111 1111 {'x ' * 300}"), user("1111 1111")],
        [user("4111 1111"), user("and 1111 1111")],
    ],
    ids=["another role between", "words between", "a word between"],
)
def test_messages_that_do_not_make_one_number_alert_nothing(ruleset: Ruleset, messages: list[Json]) -> None:
    assert look(body_with(messages=messages), ruleset) is CLEAN


def test_what_stands_in_one_of_the_messages_is_reported_once(ruleset: Ruleset) -> None:
    verdict = look(body_with(messages=[user(CARD), user(CARD)]), ruleset)
    assert verdict.counts == {"credit_card": 2}
    assert verdict.action == "redact"


def test_a_number_over_many_short_messages_alerts(ruleset: Ruleset) -> None:
    parts = [[{"type": "text", "text": figure}] for figure in DIGITS]
    assert look(body_with(messages=[user(part) for part in parts]), ruleset).action == "alert"


def test_media_is_counted(ruleset: Ruleset) -> None:
    body = part("image_url", "url", PICTURE)
    body["messages"] += part("input_audio", "data", "A" * 300)["messages"]
    verdict = look(body, ruleset)
    assert (verdict.action, verdict.counts, verdict.unscanned) == ("none", {}, 2)


def test_a_policy_can_alert_about_media(ruleset: Ruleset) -> None:
    rules = [rule for rule in ruleset.rules if rule.id == "credit_card"]
    strict = Ruleset.compile(rules, name="strict", options=PolicyOptions(unscanned="alert"))
    assert look(part("image_url", "url", PICTURE), strict).findings == (
        {"rule": "unscanned_media", "action": "alert", "path": "messages[0].content[0].image_url.url", "count": 1},
    )


def large_body(words: str, strings: int) -> Json:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": [words, "\n"]})}}
    messages = [user([{"type": "text", "text": words}, {"type": "text", "text": words}])]
    messages += [{"role": "assistant", "content": words, "tool_calls": [call]}, user(words), user(words)]
    return body_with(messages=messages, metadata={f"key {number}": "x" for number in range(strings)})


@pytest.mark.parametrize("words", ["Nothing to see here. ", f"{CARD} or 10.0.0.1, ", "jo&commat;corp.com %41%42 "])
def test_steps_give_what_is_given_at_once_and_none_is_large(
    ruleset: Ruleset, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chars: list[int] = []

    def counted(function: Any, length: Any) -> Any:
        def counting(texts: Any, *more: Any) -> Any:
            chars[-1] += length(texts)
            return function(texts, *more)

        return counting

    limits = RequestLimits()
    expected_body, body = (large_body(words * (90_000 // len(words)), 5000) for _ in range(2))
    expected = inspect(expected_body, ruleset, history="redact", limits=limits)
    total = lambda texts: sum(map(len, texts))  # noqa: E731
    monkeypatch.setattr(ruleset, "scan", counted(ruleset.scan, len))
    monkeypatch.setattr(ruleset, "scan_many", counted(ruleset.scan_many, total))
    monkeypatch.setattr(ruleset.strong, "scan_many", counted(ruleset.strong.scan_many, total))
    steps = inspect_in_steps(body, ruleset, history="redact", limits=limits)
    verdict = None
    while verdict is None:
        chars.append(0)
        try:
            next(steps)
        except StopIteration as end:
            verdict = end.value
    assert verdict == expected
    assert body == expected_body
    assert len(chars) > 30
    # A slice of text, or the views of a segment: everything decoded in it at both depths.
    assert max(chars) <= 2 * SLICE_CHARS
