"""Layer five on the real rules: what leaves a stream, however cut, is what the engine says of the whole text."""

import json
from typing import Any

import pytest
from answer_support import DONE, choice, chunk, delta, dump, payloads, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.dlp import Ruleset, Side
from synapse.dlp.ruleset import default_ruleset
from synapse.layers.answer.arguments import ArgumentsChannel
from synapse.layers.response_dlp import StreamFilter, filter_answer

# Put together here, so that no scanner takes this file for a leak.
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7bq\n" * 3 + "-----END RSA " + "PRIVATE KEY-----"
SECRETS = [
    "4111 1111 1111 1111",
    "jo.doe@example.org",
    "DE89 3704 0044 0532 0130 00",
    "AKIA" + "IOSFODNN7EXAMPLQ",
    "sk-ant-" + "api03-" + "a1B2c3D4e5" * 9 + "abcAA",
    PEM,
]
FRAGMENTS = [
    *SECRETS,
    "4111 1111",
    "jo.doe@",
    "AKIA",
    "-----BEGIN RSA ",
    "hello ",
    ". ",
    "é",
    "😀",
    "\u200b",
    '"',
    "\n",
    "7",
]
TEXT = st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join)


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return default_ruleset()


def pieces_of(text: str, data: st.DataObject) -> list[str]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def run(ruleset: Ruleset, upstream: list[bytes]) -> tuple[StreamFilter, list[bytes]]:
    stream = StreamFilter(ruleset, usage_wanted=False)
    out = [event for piece in upstream for event in stream.feed(piece)]
    return stream, out + stream.finish()


@settings(max_examples=300, deadline=None)
@given(data=st.data(), text=TEXT)
def test_a_stream_and_a_whole_answer_deliver_what_the_engine_says(
    ruleset: Ruleset, text: str, data: st.DataObject
) -> None:
    redacted, findings, _ = ruleset.redact_answer(text)
    body = dump({"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]})

    stream, out = run(ruleset, [*(delta(piece) for piece in pieces_of(text, data)), delta({}, "stop"), DONE])
    whole = filter_answer(ruleset, body)

    assert texts(out).get((0, "content"), "") == redacted
    assert stream.delivered_text() == whole.text == redacted.encode()
    assert stream.findings == whole.findings
    assert sum(stream.findings.values()) == len(findings)


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    values=st.lists(TEXT | st.sampled_from([4111111111111111, 7, None]), max_size=3),
    ascii_only=st.booleans(),
)
def test_arguments_stay_json_and_their_strings_are_redacted_as_texts(
    ruleset: Ruleset, values: list[Any], ascii_only: bool, data: st.DataObject
) -> None:
    arguments = json.dumps({"a": values}, ensure_ascii=ascii_only)

    def redact(pieces: list[str]) -> str:
        channel = ArgumentsChannel(("tool_calls", 0, "function", "arguments"), ruleset.redactor(Side.ANSWER))
        return "".join([channel.feed(piece) for piece in pieces] + [channel.finish()])

    whole = redact([arguments])

    assert redact(pieces_of(arguments, data)) == whole
    assert list(json.loads(whole)) == ["a"]
    for before, after in zip(values, json.loads(whole)["a"], strict=True):
        if isinstance(before, str):
            assert after == ruleset.redact_answer(before)[0]
        else:
            assert after == (0 if before == 4111111111111111 else before)


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:6])
def test_a_secret_cut_anywhere_never_leaves_any_channel(ruleset: Ruleset, secret: str) -> None:
    def deltas(piece: str, escaped: str) -> bytes:
        fields = {"content": piece, "reasoning": piece, "refusal": piece}
        call = {"tool_calls": [{"index": 0, "function": {"arguments": escaped}}]}
        return chunk(choice({**fields, **call}))

    text = f"it is {secret} !"
    arguments = json.dumps(text)
    for cut in range(len(text) + 1):
        events = [deltas(text[:cut], arguments[:cut]), deltas(text[cut:], arguments[cut:]), delta({}, "stop"), DONE]
        stream, out = run(ruleset, events)

        delivered = texts(out)
        assert len(delivered) == 4
        for value in delivered.values():
            assert secret not in value
            assert "[REDACTED:" in value
        assert json.loads(delivered[0, "tool_calls", 0, "function", "arguments"]) == delivered[0, "content"]
        assert sum(stream.findings.values()) == 4


def test_prose_leaves_as_it_comes(ruleset: Ruleset) -> None:
    words = "The quick brown fox jumps over the lazy dog, and then it sleeps. ".split(" ")
    stream, out = run(ruleset, [*(delta(f"{word} ") for word in words), delta({}, "stop"), DONE])

    assert stream.delivered_text().decode() == " ".join(words) + " "
    assert len(payloads(out)) >= len(words) // 2
