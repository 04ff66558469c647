"""Names, identifiers, roles and numbers are text too: none of them carries anything past the scan."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from answer_support import DONE, HEAD, delta, dump, event, run
from fakes_dlp import CARD, FakeRule, FakeRuleset

from synapse.layers.response_dlp import filter_answer

PAN = "4111 1111 1111 1111"
NUMBER = 4111111111111111

# Fields of a message, which a delta may have as well.
FIELDS: list[dict[str, Any]] = [
    {"role": PAN},
    {"id": PAN},
    {"type": PAN},
    {"object": PAN},
    {"index": NUMBER},
    {"made_up": NUMBER},
    {"made_up": -NUMBER},
    {"made_up": float(NUMBER)},
    {"made_up": [{"score": NUMBER}, NUMBER]},
    {PAN: "x"},
    {PAN: 1},
    {PAN: [{PAN: {PAN: "x"}}]},
    {"made_up": {"deeper": {PAN: "x"}}},
    {"tool_calls": [{"index": 0, "id": PAN, "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    {"tool_calls": [{"index": 0, "id": "c", "type": PAN, "function": {"name": "f", "arguments": "{}"}}]},
    {"tool_calls": [{"index": 0, "id": "c", PAN: 1, "function": {"name": "f", "arguments": "{}"}}]},
    {"tool_calls": [{"index": 0, "function": {"name": NUMBER, "arguments": "{}"}}]},
    {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": {"id": PAN, "card": NUMBER}}}]},
    {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": {"id": {"id": [PAN]}, "n": {PAN: 1}}}}]},
    {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": [PAN, NUMBER, {"type": PAN}]}}]},
    {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": NUMBER}}]},
    {"function_call": {"name": "f", "arguments": {"id": PAN}}},
    {"reasoning_details": [{"type": PAN, "id": PAN, "index": 0, "text": "x"}]},
    {"reasoning_details": [{"type": "reasoning.text", "index": NUMBER, "text": "x"}]},
    {"annotations": [{"id": PAN, "type": PAN, "index": NUMBER, PAN: 1}]},
    {"images": [{"type": "image_url", "index": NUMBER, "image_url": {"url": PAN}}]},
    {"audio": {"id": PAN, "expires_at": NUMBER, "data": PAN}},
    {"content": [{"type": PAN, "id": PAN, "text": "x"}]},
    {"content": [{"type": "output_text", "text": "is 4111 1111"}, {"type": "output_text", "text": " 1111 1111."}]},
    {"content": [{"type": "text", "text": "is 4111 1111"}, {"type": "made_up", "text": " 1111 1111."}]},
    {"content": ["is 4111 1111", {"type": "text", "text": " 1111 1111."}]},
]
# What stands around the choices.
ENVELOPE: list[dict[str, Any]] = [
    {"id": PAN},
    {"id": {"id": PAN}},
    {"model": PAN},
    {"object": PAN},
    {"object": {"type": PAN}},
    {"system_fingerprint": PAN},
    {"service_tier": PAN},
    {"obfuscation": PAN},
    {"created": NUMBER},
    {"created": PAN},
    {"created": {"id": PAN}},
    {"created": [NUMBER]},
    {"type": PAN},
    {"usage": {"prompt_tokens": 1, "total_tokens": NUMBER, "type": PAN, PAN: 1}},
    {"made_up": NUMBER},
    {PAN: 1},
]
# What stands beside the texts of a choice.
BESIDE: list[dict[str, Any]] = [
    {"id": PAN},
    {"type": PAN},
    {PAN: 1},
    {"stop_reason": NUMBER},
    {"finish_reason": NUMBER},
    {"finish_reason": {"type": PAN}},
    {"content_filter_results": {"id": PAN, PAN: {"score": NUMBER}}},
]


def strings(value: Any) -> Iterator[str]:
    """Every string, name and number, without spaces."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str | int | float):
        yield str(value).replace(" ", "")


def told(payloads: list[Any]) -> str:
    return "".join(text for payload in payloads for text in strings(payload))


def streamed(*upstream: bytes) -> tuple[list[Any], dict[str, int]]:
    stream, out = run(upstream, CARD, usage_wanted=True)
    lines = b"".join(out).decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")], stream.findings


@pytest.mark.parametrize("fields", FIELDS)
def test_a_card_leaves_no_place_of_a_message(fields: dict[str, Any]) -> None:
    place = {"index": 0, "message": {"role": "assistant", **fields}, "finish_reason": "stop"}

    result = filter_answer(FakeRuleset(CARD), dump({**HEAD, "choices": [place]}))

    assert str(NUMBER) not in told([json.loads(result.body)])
    assert result.findings["credit_card"]


@pytest.mark.parametrize("fields", FIELDS)
def test_a_card_leaves_no_place_of_a_delta(fields: dict[str, Any]) -> None:
    payloads, findings = streamed(delta(fields), delta({}, "stop"), DONE)

    assert str(NUMBER) not in told(payloads)
    assert findings["credit_card"]


@pytest.mark.parametrize("more", ENVELOPE)
def test_a_card_leaves_no_place_around_the_choices(more: dict[str, Any]) -> None:
    place = {"index": 0, "message": {"content": "Hi!"}, "finish_reason": "stop"}
    piece = {"index": 0, "delta": {"content": "Hi!"}}

    result = filter_answer(FakeRuleset(CARD), dump({**HEAD, **more, "choices": [place]}))
    payloads, findings = streamed(event({**HEAD, "choices": [piece]}), event({**HEAD, **more, "choices": [piece]}))

    assert str(NUMBER) not in told([json.loads(result.body)]) + told(payloads)
    assert result.findings["credit_card"]
    assert findings == result.findings


@pytest.mark.parametrize("more", BESIDE)
def test_a_card_leaves_no_place_of_a_choice(more: dict[str, Any]) -> None:
    place = {"index": 0, "message": {"content": "Hi!"}, **more}

    result = filter_answer(FakeRuleset(CARD), dump({**HEAD, "choices": [place]}))
    payloads, findings = streamed(event({**HEAD, "choices": [{"index": 0, "delta": {}, **more}]}))

    assert str(NUMBER) not in told([json.loads(result.body)]) + told(payloads)
    assert result.findings == findings
    assert result.finish_reason is None or str(NUMBER) not in result.finish_reason


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "x", "type": PAN}},
        {"error": {"message": "x", "id": PAN}},
        {"error": {"message": "x", "code": NUMBER}},
        {"error": {"message": "x", PAN: 1}},
        {"error": {"message": "x"}, "id": PAN, "type": PAN},
        {"error": {"message": "x"}, PAN: 1},
        {"error": {"message": "x"}, "created": NUMBER},
    ],
)
def test_a_card_leaves_no_place_of_an_error(error: dict[str, Any]) -> None:
    payloads, findings = streamed(event(error))

    assert len(payloads) == 1
    assert str(NUMBER) not in told(payloads)
    assert findings["credit_card"]


@pytest.mark.parametrize("field", ["id", "type"])
def test_an_identifier_in_pieces_is_scanned_with_what_came_before(field: str) -> None:
    def piece(text: str) -> bytes:
        return delta({"tool_calls": [{"index": 0, field: text}]})

    payloads, findings = streamed(piece("c 4111 1111"), piece(" 1111 1111"), piece(" 1111 1111"))

    assert str(NUMBER) not in told(payloads)
    assert findings == {"credit_card": 1}


def test_an_identifier_that_is_told_again_with_every_delta_passes() -> None:
    call = {"tool_calls": [{"index": 0, "id": "call_" + "x" * 40, "function": {"arguments": "a,"}}]}
    upstream = [delta(call)] * 40

    assert run(upstream, CARD)[1] == upstream


def test_numbers_that_hold_no_identifier_stay_numbers() -> None:
    numbers = {"created": 4111111111, "choices": [], "usage": {"prompt_tokens": 9_999_999}, "timings": [0.5, -1e6, 1e9]}

    assert filter_answer(FakeRuleset(CARD), dump({**HEAD, **numbers})).body == dump({**HEAD, **numbers})


@pytest.mark.parametrize("created", [1_700_000_000, 2**32 - 1, 0])
def test_a_time_is_not_taken_for_an_identifier(created: int) -> None:
    ruleset = FakeRuleset(FakeRule("digits", "[0-9]+", "0-9"))
    answer = dump({"created": created, "choices": []})

    assert filter_answer(ruleset, answer).body == answer


def test_sound_in_base64_passes_unseen() -> None:
    raw = delta({"audio": {"id": "a", "data": "4111111111111111QUJD=="}})

    assert run([raw], CARD)[1] == [raw]
